"""How a transaction is bound to a tenant, found by trying: what makes a tenant's own rows visible is the binding.

The target file may say it. Where it does not, the settings and memberships that the policies mention are tried in
turn with the planted tenant's values, until the planted rows of that tenant are seen by the application's role.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from chimera_compliance.probes.postgres.expressions import Expressions, Mentions
from chimera_compliance.probes.postgres.planting import Planter
from chimera_compliance.probes.postgres.reach import Reach
from chimera_compliance.probes.postgres.rows import Row
from chimera_compliance.probes.postgres.session import Identity, Session
from chimera_compliance.probes.postgres.tenancy import TenantTable

_MOST_TRIED = 60


@dataclass(frozen=True)
class Binding:
    """Settings (and a role) that bind a session to tenant A, and the tables whose own rows it then sees."""

    identity: Identity
    sees: frozenset[int]
    settings: tuple[str, ...] = ()


@dataclass
class Binder:
    """Finds the binding of planted tenant A."""

    session: Session
    reach: Reach
    planter: Planter
    expressions: Expressions
    tables: list[TenantTable]
    setting: str | None
    identity: Identity
    mentions: Mentions = field(init=False)

    def __post_init__(self) -> None:
        relations = [table.relation for table in self.tables]
        self.mentions = self.expressions.everywhere(relations)
        views = [item for item in self.reach.catalog.of_kind("v") if self.reach.can(item, "SELECT")]
        texts = [self.mentions.text, *(self._definition(view.oid) for view in views[:200])]
        bodies = [item.source for item in self.reach.catalog.functions.values() if item.definer]
        self.settings = list(dict.fromkeys([*self.mentions.settings, *Mentions("\n".join([*texts, *bodies])).settings]))

    def _definition(self, view: int) -> str:
        return self.session.query(f"SELECT pg_get_viewdef({view}::oid)")[0][0] or ""

    def bind(self, tenant: str, rows: dict[int, Row]) -> Binding:
        """The settings under which most of the tenant's rows are visible."""
        watched = [table for table in self.tables if table.relation.oid in rows and self._watchable(table)]
        best = self._identity(dict.fromkeys(self._starting(), tenant))
        seen = self._seen(best, watched, rows)
        for change in self._changes(tenant, rows):
            if len(seen) == len(watched):
                break
            tried = Identity(best.login, best.role, {**best.settings, **change}, best.becomes)
            now = self._seen(tried, watched, rows)
            if len(now) > len(seen):
                best, seen = tried, now
        return Binding(best, frozenset(seen), tuple(best.settings))

    def _starting(self) -> list[str]:
        configured = [self.setting] if self.setting else []
        likely = [name for name in self.settings if "tenant" in name.lower() and name not in configured]
        return [name for name in configured + likely if name in self.settings] or configured

    def _identity(self, settings: dict[str, str]) -> Identity:
        return Identity(self.identity.login, self.identity.role, settings, self.identity.becomes)

    def _watchable(self, table: TenantTable) -> bool:
        return self.reach.can(table.relation, "SELECT", self.reach.at_once)

    def _seen(self, identity: Identity, watched: list[TenantTable], rows: dict[int, Row]) -> set[int]:
        return {table.relation.oid for table in watched if self.sees(identity, table, rows[table.relation.oid])}

    def sees(self, identity: Identity, table: TenantTable, row: Row) -> bool:
        """Whether the row is visible to an identity."""
        columns = self.reach.columns(table.relation, "SELECT", self.reach.at_once)
        condition = row.recognised_by(columns, table.column)
        if condition is None:
            return False
        return bool(
            self.session.attempt(f"SELECT 1 FROM {table.relation.sql} WHERE {condition}", identity=identity).rows
        )

    def _changes(self, tenant: str, rows: dict[int, Row]) -> Iterable[dict[str, str]]:
        """What to set besides: the tenant itself, keys of rows in tables that policies look into, JSON claims."""
        values = list(dict.fromkeys([tenant, *self._member_values(tenant, rows)]))
        paths = [path for path in self.mentions.json_keys if path]
        changes: list[dict[str, str]] = []
        for value in values:
            document: dict = {}
            for path in paths:
                _put(document, path, value)
            changes += [{name: form} for form in (value, f"{{{value}}}") for name in self.settings]
            changes += [{name: json.dumps(document)} for name in self.settings if document]
        return changes[:_MOST_TRIED]

    def _member_values(self, tenant: str, rows: dict[int, Row]) -> list[str]:
        behind = self.expressions.tables_behind([table.relation for table in self.tables])
        named = [row for table in behind if (row := self.planter.row(table, tenant))]
        own = [row for row in rows.values() if row not in named]
        return [value for row in named + own for value in _keys(row)]


def _keys(row: Row) -> list[str]:
    columns = row.relation.columns
    return [
        value
        for name, value in row.values.items()
        if value and columns[name].base in ("uuid", "text", "varchar", "int4", "int8", "name")
    ]


def _put(document: dict, path: list[str], value: str) -> None:
    for key in path[:-1]:
        document = document.setdefault(key, {})
        if not isinstance(document, dict):
            return
    document[path[-1]] = value
