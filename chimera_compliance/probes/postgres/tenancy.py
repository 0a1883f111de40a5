"""Which tables hold rows of tenants, and which column says whose.

In order: the columns that the target file names; foreign keys to the table of tenants; what policies compare; a
path of foreign keys to such a table; the target file's own list. Where a tenant has a schema of its own, tables
of the same name and columns in several schemas stand for one.
"""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from functools import cached_property

from chimera_compliance.probes.postgres.catalog import Catalog, Reference, Relation
from chimera_compliance.probes.postgres.expressions import Expressions, Mentions
from chimera_compliance.target import DbFacet

_KEY_TYPES = {"uuid", "text", "varchar", "bpchar", "name", "citext", "int2", "int4", "int8"}
_CUSTOMARY = re.compile(
    r"(tenant|org|organi[sz]ation|account|workspace|company|customer|client|team|merchant|shop|practice)"
    r"(_?(id|uuid|key|slug|code|ref|name))?s?"
)


@dataclass(frozen=True)
class TenantTable:
    """A table with rows of several tenants; one of `column`, `via` and `listed` says how we know.

    `path` leads to the tenant inside a JSON column; `root` marks the table of the tenants themselves.
    """

    relation: Relation
    column: str | None = None
    path: tuple[str, ...] = ()
    via: Reference | None = None
    root: bool = False
    listed: bool = False

    @property
    def subject(self) -> str:
        """For findings."""
        return f"table {self.relation.title}"

    @property
    def array(self) -> bool:
        """Whether the column holds several tenants."""
        return bool(self.column) and self.relation.columns[self.column].category == "A"


@dataclass
class Tenancy:
    """The multi-tenant tables of a catalog."""

    catalog: Catalog
    settings: DbFacet
    expressions: Expressions

    @cached_property
    def names(self) -> list[str]:
        """The tenant columns' names: the target file's if any table has one, else those that policies compare."""
        tables = [table for table in self.catalog.tables if not self._is_global(table)]
        named = [name for name in self.settings.tenant_columns if any(name in table.columns for table in tables)]
        if named:
            return named
        compared = Counter(
            name for table in tables for name in {name for policy in table.policies for name in policy.columns}
        )
        customary = [name for name, _ in compared.most_common() if _CUSTOMARY.fullmatch(name)]
        if customary:
            return customary[:1]
        present = Counter(name for table in tables for name in table.columns if name.endswith(("_id", "_uuid")))
        return [name for name, _ in present.most_common() if _CUSTOMARY.fullmatch(name)][:1]

    @cached_property
    def roots(self) -> dict[int, str]:
        """The tables of tenants and their key: what tenant columns refer to."""
        found: Counter = Counter()
        for table in self.catalog.tables:
            for reference in table.references:
                parent = self.catalog.relations[reference.parent]
                if reference.columns[0] in self.names and len(reference.columns) == 1 and parent is not table:
                    found[reference.parent, reference.parent_columns[0]] += 1
        roots = {oid: key for (oid, key), _ in found.items() if not self._has_name(self.catalog.relations[oid])}
        return roots or self._root_by_name()

    def _has_name(self, table: Relation) -> bool:
        return any(name in table.columns for name in self.names)

    def _root_by_name(self) -> dict[int, str]:
        stems = {re.sub(r"_?(id|uuid)$", "", name) for name in self.names}
        plausible = {form for stem in stems for form in (stem, stem + "s", stem + "es", stem[:-1] + "ies")}
        return {
            table.oid: table.primary[0]
            for table in self.catalog.tables
            if table.name in plausible and len(table.primary) == 1 and not self._has_name(table)
        }

    def _is_global(self, table: Relation) -> bool:
        return table.title in self.settings.global_tables or table.name in self.settings.global_tables

    @cached_property
    def tables(self) -> dict[int, TenantTable]:
        """Every multi-tenant table by oid."""
        judged = [table for table in self.catalog.tables if not self._is_global(table)]
        found = {table.oid: item for table in judged if (item := self._direct(table))}
        self._follow_references(judged, found)
        for table in judged:
            if table.oid not in found and {table.title, table.name} & set(self.settings.tenant_tables):
                found[table.oid] = TenantTable(table, listed=True)
        return found

    def _direct(self, table: Relation) -> TenantTable | None:
        for name in [form for singular in self.names for form in (singular, f"{singular}s")]:
            if name in table.columns and (name in self.names or table.columns[name].category == "A"):
                return TenantTable(table, name)
        if table.oid in self.roots:
            return TenantTable(table, self.roots[table.oid], root=True)
        for reference in table.references:
            if reference.parent in self.roots and len(reference.columns) == 1:
                return TenantTable(table, reference.columns[0])
        return self._by_policy(table)

    def _by_policy(self, table: Relation) -> TenantTable | None:
        """A column that a policy compares with a setting, or a key inside a JSON column."""
        compared = {name for policy in table.policies for name in policy.columns if name}
        for name in sorted(compared):
            column = table.columns[name]
            if column.base in ("json", "jsonb"):
                paths = Mentions(" ".join(policy.text for policy in table.policies)).json_keys
                if paths:
                    return TenantTable(table, name, path=tuple(paths[0]))
        keys = [name for name in sorted(compared) if self._is_key(table, name)]
        reads_setting = bool(self.expressions.mentions_of(table).settings) if keys else False
        return TenantTable(table, keys[0]) if reads_setting and len(keys) == 1 else None

    def _is_key(self, table: Relation, name: str) -> bool:
        column = table.columns[name]
        refers = any(name in reference.columns for reference in table.references)
        plain = column.base in _KEY_TYPES or column.category == "A"
        return plain and not refers and bool(_CUSTOMARY.fullmatch(name))

    def _follow_references(self, judged: list[Relation], found: dict[int, TenantTable]) -> None:
        grown = True
        while grown:
            grown = False
            for table in judged:
                reference = next((r for r in table.references if r.parent in found and r.parent != table.oid), None)
                if table.oid not in found and reference:
                    found[table.oid] = TenantTable(table, via=reference)
                    grown = True

    @cached_property
    def twins(self) -> list[list[Relation]]:
        """Groups of tables that are alike in several schemas, where each tenant has a schema of its own."""
        alike: dict[tuple, list[Relation]] = defaultdict(list)
        for table in self.catalog.tables:
            if table.oid not in self.tables and not table.partition and table.schema != "public":
                shape = tuple(sorted((name, column.type) for name, column in table.columns.items()))
                alike[table.name, shape].append(table)
        return [group for group in alike.values() if len(group) > 1]

    def of(self, relation: Relation) -> TenantTable | None:
        """The table as a multi-tenant one, if it is."""
        return self.tables.get(relation.oid)

    def renamed(self, table: TenantTable, relation: Relation) -> TenantTable:
        """The same tenancy on another relation: a partition of it."""
        return replace(table, relation=relation)
