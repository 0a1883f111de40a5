"""The cases of the corpus, and what C04 sees in one: for the tests, and for the comparison in benchmarks/."""

import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

from chimera_compliance.journal import Journal
from chimera_compliance.outcomes import Inconclusive
from chimera_compliance.probes.postgres import Database
from chimera_compliance.probes.postgres.database import TOPICS
from chimera_compliance.target import DbFacet, Target
from tests.rls_corpus.cluster import ROLES, Cluster

HERE = Path(__file__).parent
BASE = (HERE / "more/base.sql").read_text()
_DSN = "postgresql+psycopg://{user}@{host}:{port}/{database}"


@dataclass(frozen=True)
class Case:
    """A schema; with a command where it takes an application and its pool to tell."""

    name: str
    schema: str
    command: tuple[str, ...] = ()


def shown(folder: str) -> list[Case]:
    """What an attack has shown to leak, or not to: `flaws`, their twins in `fixed`, and `correct`."""
    files = sorted((HERE / folder).glob("*.sql"))
    return [Case(file.stem, file.read_text(), _application(file.stem, folder)) for file in files]


def _application(name: str, folder: str) -> tuple[str, ...]:
    file = HERE / f"app/{name}.{'flawed' if folder == 'flaws' else 'fixed'}.py"
    return (sys.executable, str(file), _DSN) if file.exists() else ()


def siblings(kind: str) -> list[Case]:
    """Their siblings: `flaw`, where there is one its `twin`, and other sound designs (`sql`)."""
    listed = yaml.safe_load((HERE / "more" / ("sound.yaml" if kind == "sql" else "cases.yaml")).read_text())
    return [Case(one["name"], _schema(one, kind)) for one in listed if kind in one]


def _schema(listed: dict, kind: str) -> str:
    return "\n".join(["" if listed.get("bare") else BASE, listed.get("common", ""), listed[kind]])


def load(cluster: Cluster, case: Case) -> None:
    """Put the case's schema, and nothing else, into the cluster."""
    cluster.load(case.schema, (HERE / ROLES).read_text())


def seen(cluster: Cluster, case: Case) -> dict[str, list[str]]:
    """What C04 sees in the case that is loaded, by topic; a target of nothing but a `db` facet is enough."""
    facet = DbFacet(dsn=cluster.application, catalog_dsn=cluster.superuser, application_command=list(case.command))
    with Database(Target(name="corpus", db=facet), Journal()) as database:
        return {topic: found for topic in TOPICS if (found := _told(database, topic))}


def _told(database: Database, topic: str) -> list[str]:
    try:
        return [f"{item.subject} {item.actual}" for item in database.topic(topic).seen]
    except Inconclusive:
        return []
