"""The audit table as rows that come in: what has been added since a moment, without reading a large table whole.

New rows are told by the transaction that wrote them (`xmin`), and, in a table too large to be read, by their place at
its end (TID range scans, https://www.postgresql.org/docs/current/release-14.html).
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from chimera_compliance.probes.postgres.catalog import SMALL, Catalog, Relation
from chimera_compliance.probes.postgres.session import Session, identifier
from chimera_compliance.target.audit import Audit

_MOST_ROWS = 500
_PAUSE = 0.02
_PAGES = "SELECT pg_relation_size({oid}) / current_setting('block_size')::int"
_QUOTED = re.compile(r'"((?:[^"]|"")+)"|([^".]+)')


@dataclass(frozen=True)
class Row:
    """A row of the trail: its columns as JSON has them, and its time by the database's clock."""

    key: tuple
    table: str
    values: dict[str, Any]
    at: float | None
    columns: dict[str, str] = field(repr=False, compare=False, default_factory=dict)

    def __getitem__(self, role: str) -> Any:
        """The value of what a column is for: `user`, `address`; None where the stack has no such column."""
        return self.values.get(self.columns.get(role, ""))

    def __contains__(self, text: str) -> bool:
        return any(text in str(value) for value in self.values.values())

    @property
    def extra(self) -> dict[str, Any]:
        """The columns that the target file gives no role."""
        return {name: value for name, value in self.values.items() if name not in self.columns.values()}


@dataclass(frozen=True)
class Mark:
    """A moment: no row of a transaction before `xid` is new, and `pages` is where each table ended."""

    xid: str
    clock: float
    pages: dict[int, int]
    known: frozenset = frozenset()


def find_tables(catalog: Catalog, named: str) -> list[Relation]:
    """The relations that a name or a pattern (``tenant_*.audit_logs``) of the target file means."""
    wanted = ".".join((quoted or plain).replace('""', '"') for quoted, plain in _QUOTED.findall(named))
    relations = [item for item in catalog.relations.values() if item.kind in "rpvf"]
    tried = (wanted, wanted.lower(), f"public.{wanted}", f"*.{wanted}")
    for name in tried if "." not in wanted else tried[:2]:
        exact = [item for item in relations if item.title == name]
        if found := exact or [item for item in relations if fnmatchcase(item.title, name) and not item.partition]:
            return found
    return []


def family(catalog: Catalog, tables: list[Relation]) -> list[Relation]:
    """The tables with their partitions and inheritance children."""
    found, queue = {item.oid: item for item in tables}, list(tables)
    while queue:
        parent = queue.pop()
        for item in catalog.relations.values():
            if parent.oid in item.parents and item.oid not in found:
                found[item.oid] = item
                queue.append(item)
    return list(found.values())


class Trail:
    """The rows of the audit table, or tables."""

    def __init__(self, session: Session, settings: Audit, tables: list[Relation], members: list[Relation]) -> None:
        self.session, self.settings, self.tables, self.members = session, settings, tables, members
        self.columns = {role: name for role, name in settings.columns.named.items() if self._everywhere(name)}
        self.patience = settings.delivery_seconds

    def _everywhere(self, name: str) -> bool:
        return bool(self.tables) and all(name in table.columns for table in self.tables)

    @property
    def title(self) -> str:
        """``table public.audit_logs``."""
        return "table " + ", ".join(table.title for table in self.tables)

    def mark(self) -> Mark:
        """This moment."""
        with self.session.transaction() as session:
            xid, clock = session.query(
                "SELECT pg_snapshot_xmin(pg_current_snapshot())::xid::text"
                ", extract(epoch FROM clock_timestamp())::float8"
            )[0]
            large = [item for item in self.members if item.kind == "r"] if self._large else []
            pages = {
                item.oid: session.query(f"SELECT pg_relation_size({item.oid}) / current_setting('block_size')::int")[0][
                    0
                ]
                for item in large
            }
            mark = Mark(xid, clock, pages)
            return Mark(xid, clock, pages, frozenset(row.key for row in self._rows(session, mark)))

    def clock(self) -> float:
        """The database's time."""
        with self.session.transaction() as session:
            return session.query("SELECT extract(epoch FROM clock_timestamp())::float8")[0][0]

    @property
    def _large(self) -> bool:
        return sum(max(item.rows, 0) for item in self.members) >= SMALL

    def since(self, mark: Mark) -> list[Row]:
        """The rows that have been added, oldest first."""
        with self.session.transaction() as session:
            return [row for row in self._rows(session, mark) if row.key not in mark.known]

    def await_rows(self, mark: Mark, wanted: Callable[[list[Row]], bool]) -> list[Row]:
        """The rows added, asked for again until they are as wanted, for as long as a delivery may take."""
        deadline = time.monotonic() + self.patience
        while not wanted(rows := self.since(mark)) and time.monotonic() < deadline:
            time.sleep(_PAUSE)
        return rows

    def _rows(self, session: Session, mark: Mark) -> list[Row]:
        found = []
        for statement, title in self._statements(mark):
            for oid, ctid, xmin, at, values in session.query(statement):
                found.append(Row((oid, ctid, xmin), title, values, at, self.columns))
        return sorted(found, key=lambda row: row.at or 0)

    def _statements(self, mark: Mark):
        new = f"age(row.xmin) BETWEEN 0 AND age('{mark.xid}'::xid)"
        for table in self.tables:
            if table.kind in "vf":
                yield (
                    self._select(
                        table, f"{self._time(table)} >= to_timestamp({mark.clock - 5})", "0, md5(row::text), ''"
                    ),
                    table.title,
                )
            elif not self._large:
                yield self._select(table, new), table.title
            else:
                for leaf in [item for item in family_of(self.members, table) if item.kind == "r"]:
                    page = max(0, mark.pages.get(leaf.oid, 0) - 1)
                    yield self._select(leaf, f"row.ctid >= '({page},0)'::tid AND {new}", only=True), table.title

    def _select(self, table: Relation, condition: str, place: str = "", *, only: bool = False) -> str:
        place = place or "row.tableoid::int8, row.ctid::text, row.xmin::text"
        return (
            f"SELECT {place}, {self._epoch(table)}, to_jsonb(row) FROM {'ONLY ' if only else ''}{table.sql} AS row "
            f"WHERE {condition} LIMIT {_MOST_ROWS}"
        )

    def _time(self, table: Relation) -> str:
        return f"row.{identifier(self.settings.columns.time)}"

    def _epoch(self, table: Relation) -> str:
        column = table.columns.get(self.settings.columns.time)
        timed = column is not None and column.category == "D" and column.base.startswith("timestamp")
        return f"extract(epoch FROM {self._time(table)})::float8" if timed else "NULL::float8"


def family_of(members: list[Relation], table: Relation) -> list[Relation]:
    """Of the members, those below a table, itself included."""
    found = {table.oid}
    while more := {item.oid for item in members if set(item.parents) & found} - found:
        found |= more
    return [item for item in members if item.oid in found]
