"""C04 against schemas that are not Chimera's: every flaw is caught, no twin and no correct design is flagged.

The variants in flaws/, fixed/ and correct/ were each shown to leak, or not to, by an attack; cases.yaml and
sound.yaml hold their siblings. A target has a `db` facet and nothing else.
"""

import sys
from pathlib import Path

import pytest
import yaml
from cluster import ROLES, Cluster, binaries

from chimera_compliance.journal import Journal
from chimera_compliance.outcomes import Inconclusive
from chimera_compliance.probes.postgres import Database
from chimera_compliance.probes.postgres.database import TOPICS
from chimera_compliance.target import DbFacet, Target

HERE = Path(__file__).parent
BASE = (HERE / "more/base.sql").read_text()
POOLED = "F57_pool_temp_table_leftover"

pytestmark = pytest.mark.skipif(binaries() is None, reason="no PostgreSQL server here")


def _corpus(folder):
    return [pytest.param(path, id=path.stem) for path in sorted((HERE / folder).glob("*.sql"))]


def _listed(name, kind):
    cases = [case for case in yaml.safe_load((HERE / "more" / name).read_text()) if kind in case]
    return [pytest.param(_schema(case, kind), id=case["name"]) for case in cases]


def _schema(case, kind):
    return "\n".join(["" if case.get("bare") else BASE, case.get("common", ""), case[kind]])


@pytest.fixture(scope="module")
def cluster():
    cluster = Cluster()
    yield cluster
    cluster.close()


@pytest.fixture
def verdict(cluster):
    """Loads a schema and tells what C04 sees in it, by topic."""

    def verdict(schema, command=()):
        cluster.load(schema, (HERE / ROLES).read_text())
        facet = DbFacet(
            dsn=cluster.application, catalog_dsn=cluster.superuser, application_command=[sys.executable, *command]
        )
        facet = facet if command else facet.model_copy(update={"application_command": []})
        with Database(Target(name="corpus", db=facet), Journal()) as database:
            return {topic: seen for topic in TOPICS if (seen := _seen(database, topic))}

    return verdict


def _seen(database, topic):
    try:
        return [f"{item.subject} {item.actual}" for item in database.topic(topic).seen]
    except Inconclusive:
        return []


@pytest.mark.parametrize("path", [case for case in _corpus("flaws") if case.id != POOLED])
def test_flaw_is_caught(verdict, path):
    assert verdict(path.read_text())


@pytest.mark.parametrize("path", _corpus("fixed"))
def test_twin_is_not_flagged(verdict, path):
    assert not verdict(path.read_text())


@pytest.mark.parametrize("path", _corpus("correct"))
def test_correct_design_is_not_flagged(verdict, path):
    assert not verdict(path.read_text())


@pytest.mark.parametrize(("application", "caught"), [("flawed", True), ("fixed", False)])
def test_what_a_pooled_session_keeps(verdict, application, caught):
    url = "postgresql+psycopg://{user}@{host}:{port}/{database}"
    pytest.importorskip("sqlalchemy")
    seen = verdict((HERE / f"flaws/{POOLED}.sql").read_text(), [str(HERE / f"app/{POOLED}.{application}.py"), url])
    assert bool(seen.get("leftovers")) is caught
    assert set(seen) <= {"leftovers"}


@pytest.mark.parametrize("schema", _listed("cases.yaml", "flaw"))
def test_sibling_is_caught(verdict, schema):
    assert verdict(schema)


@pytest.mark.parametrize("schema", _listed("cases.yaml", "twin"))
def test_siblings_twin_is_not_flagged(verdict, schema):
    assert not verdict(schema)


@pytest.mark.parametrize("schema", _listed("sound.yaml", "sql"))
def test_other_sound_design_is_not_flagged(verdict, schema):
    assert not verdict(schema)
