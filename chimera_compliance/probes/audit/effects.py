"""What an operation has left in the database in spite of an error: found by the object that it is about.

The tables that hold the object are known from a run that succeeded: those in which its id is a key. Only rows with
that key, or the newest rows of such a table, are looked at, so that a large table is never read.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chimera_compliance.probes.audit.runs import Run
from chimera_compliance.probes.audit.trail import Mark, Trail
from chimera_compliance.probes.http.exchange import Request
from chimera_compliance.probes.postgres.catalog import Relation
from chimera_compliance.probes.postgres.session import Session, identifier, literal
from chimera_compliance.target import Audit

if TYPE_CHECKING:
    from chimera_compliance.probes.audit.audit_table import AuditTable

_MOST_TABLES = 400
_UUID_LENGTH = 36


@dataclass(frozen=True)
class Before:
    """The state of what an operation is about to do, table by table."""

    versions: dict[tuple[str, str], str] = field(default_factory=dict)
    trails: tuple[Trail, ...] = ()
    marks: tuple[Mark, ...] = ()
    tenant: str | None = None
    unseen: str = ""
    homes: tuple[int, ...] = ()


class Effects:
    """Looks at the rows of the object that an operation is about."""

    def __init__(self, table: "AuditTable", session: Session) -> None:
        self.table, self.session = table, session
        self._keys: list[tuple[Relation, str]] = []
        own = {item.oid for item in (*table.members, *table.outboxes)}
        for relation in table.catalog.tables:
            if relation.oid not in own and not relation.partition:
                singles = {key.columns[0] for key in relation.keys if len(key.columns) == 1 and not key.expressions}
                self._keys += [(relation, name) for name in sorted(singles)]

    def before(self, run: Run, request: Request) -> Before:
        """The state before the operation; `run` is the same operation when it succeeded."""
        homes = {relation.title: relation for value in run.objects for relation, _ in self._holding(value)}
        if not homes:
            return Before(unseen="what it does could not be followed: no table has its object's id as a key")
        oids = tuple(relation.oid for relation in homes.values())
        paths = list(run.in_path(request).values())
        if paths:
            return Before(versions=self._versions(paths, homes), tenant=run.who.tenant, homes=oids)
        trails = tuple(Trail(self.session, _NO_COLUMNS, [item], [item]) for item in homes.values())
        marks = tuple(trail.mark() for trail in trails)
        return Before(trails=trails, marks=marks, tenant=run.who.tenant, homes=oids)

    def after(self, before: Before) -> str:
        """What was changed or made since; empty where nothing was."""
        for (title, value), version in before.versions.items():
            if self._versions([value], {title: self._named(title)}).get((title, value)) != version:
                return f"{title} was changed all the same"
        for trail, mark in zip(before.trails, before.marks, strict=True):
            if [row for row in trail.since(mark) if before.tenant is None or before.tenant in row]:
                return f"a new row is in {trail.tables[0].title} all the same"
        return ""

    def _named(self, title: str) -> Relation:
        return next(relation for relation, _ in self._keys if relation.title == title)

    def _holding(self, value: str) -> list[tuple[Relation, str]]:
        """The tables in which a value is a key."""
        fitting = [(relation, name) for relation, name in self._keys if _fits(relation.columns[name], value)]
        if not fitting:
            return []
        parts = [
            f"SELECT {number} WHERE EXISTS (SELECT FROM {relation.sql} AS row WHERE {_is(relation, name, value)})"
            for number, (relation, name) in enumerate(fitting[:_MOST_TABLES])
        ]
        with self.session.transaction() as session:
            trial = session.attempt(" UNION ALL ".join(parts))
        return [fitting[number] for (number,) in trial.rows]

    def _versions(self, values: list[str], homes: dict[str, Relation]) -> dict[tuple[str, str], str]:
        """The row version of each object in each table: it is another after every change, and none when it is gone."""
        found = {}
        with self.session.transaction() as session:
            for relation, name in self._keys:
                for value in values if relation.title in homes else []:
                    if _fits(relation.columns[name], value):
                        asked = f"SELECT string_agg(xmin::text || ctid::text, ' ') FROM {relation.sql} AS row"
                        rows = session.attempt(f"{asked} WHERE {_is(relation, name, value)}").rows
                        found[relation.title, value] = str(rows[0][0]) if rows else ""
        return found


_NO_COLUMNS = Audit(columns={"time": ""})


def _fits(column, value: str) -> bool:
    if column.base == "uuid":
        return len(value) == _UUID_LENGTH and value.count("-") == 4
    if column.base in ("int2", "int4", "int8", "numeric"):
        return value.isdecimal() and len(value) < (10 if column.base != "int8" else 19)
    return column.category == "S"


def _is(relation: Relation, name: str, value: str) -> str:
    return f"row.{identifier(name)} = {literal(value)}::{relation.columns[name].type}"
