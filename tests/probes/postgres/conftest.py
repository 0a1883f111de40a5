"""A cluster for the tests of the database probes, and the schema that they bend."""

import sys
from pathlib import Path

import pytest

CORPUS = Path(__file__).parents[2] / "rls_corpus"
sys.path.append(str(CORPUS))

from cluster import ROLES, Cluster, binaries  # noqa: E402

from chimera_compliance.journal import Journal  # noqa: E402
from chimera_compliance.probes.postgres import Database  # noqa: E402
from chimera_compliance.target import DbFacet, Target  # noqa: E402


def pytest_collection_modifyitems(items):
    if binaries() is None:
        here = [item for item in items if Path(__file__).parent in item.path.parents]
        for item in here:
            item.add_marker(pytest.mark.skip(reason="no PostgreSQL server here"))


@pytest.fixture(scope="session")
def cluster():
    cluster = Cluster()
    yield cluster
    cluster.close()


@pytest.fixture
def load(cluster):
    """Loads the base schema and more."""

    def load(more="SELECT 1"):
        base = (CORPUS / "more/base.sql").read_text()
        cluster.load(f"{base}\n{more}", (CORPUS / ROLES).read_text())

    return load


@pytest.fixture
def database(cluster):
    """The database as a target that may say more."""
    opened = []

    def database(**settings):
        facet = DbFacet(**{"dsn": cluster.application, "catalog_dsn": cluster.superuser, **settings})
        opened.append(Database(Target(name="test", db=facet), Journal()))
        return opened[-1]

    yield database
    for one in opened:
        one.__exit__()
