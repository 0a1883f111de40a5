"""Canary rows: one for each tenant in each table, with the parents that foreign keys ask for.

Rows go in as the catalog login, inside a transaction that is never committed. Identity and serial columns get
values of our own choosing, since a sequence that is advanced stays advanced after a rollback.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from chimera_compliance.probes.postgres.catalog import SMALL, Catalog, Column, Reference, Relation
from chimera_compliance.probes.postgres.rows import Row, insertion
from chimera_compliance.probes.postgres.session import Session, identifier, literal
from chimera_compliance.probes.postgres.tenancy import Tenancy
from chimera_compliance.probes.postgres.values import Filler

OMIT = object()
_NO_WAITING = ("55P03", "57014")  # lock_not_available, query_canceled: nobody is made to wait twice


@dataclass
class Planter:
    """Plants rows and remembers them; `reasons` says why a table could not be planted."""

    session: Session
    catalog: Catalog
    tenancy: Tenancy
    rows: dict[tuple[int, str | None], Row] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    bound: bool = False
    given_up: set[int] = field(default_factory=set)
    styles: dict[int, str] = field(default_factory=dict)
    _growing: set[tuple[int, str | None]] = field(default_factory=set)
    _globals: dict[int, tuple[dict[str, str | None], tuple[str, ...]] | None] = field(default_factory=dict)

    def row(self, relation: Relation, tenant: str | None) -> Row | None:
        """The tenant's planted row in a table, planted now if need be; None when that failed."""
        key = (relation.oid, tenant)
        if key not in self.rows and key not in self._growing and not self._given_up(relation):
            self._growing.add(key)
            row = self.plant(relation, tenant) or self._in_partition(relation, tenant)
            self._growing.discard(key)
            if row:
                self.rows[key] = row
        return self.rows.get(key)

    def _given_up(self, relation: Relation) -> bool:
        """Whether the table, or one it refers to, is locked, too slow, or too large to be searched without a key."""
        if relation.oid not in self.given_up:
            if relation.rows > SMALL and not relation.primary:
                self.give_up(relation, "it is large and has no key to find a canary row by")
            elif any(reference.parent in self.given_up for reference in relation.references):
                self.give_up(relation, "a table that it refers to could not be planted")
        return relation.oid in self.given_up

    def give_up(self, relation: Relation, reason: str) -> None:
        """Leave a table alone from now on, and say why."""
        self.given_up.add(relation.oid)
        self.reasons[relation.oid] = reason

    def _in_partition(self, relation: Relation, tenant: str | None) -> Row | None:
        """The row, put into one of the partitions where the partitioned table itself finds no place for it."""
        children = (
            [child for child in self.catalog.tables if relation.oid in child.parents] if relation.kind == "p" else []
        )
        return next((row for child in children[:3] if (row := self.plant(child, tenant))), None)

    def plant(
        self, relation: Relation, tenant: str | None, overrides: Mapping[str, str | None] | None = None, owner: str = ""
    ) -> Row | None:
        """A new row; `owner` is the tenant whose parents are used when `tenant` is none."""
        marker = f"canary-{secrets.token_hex(5)}"
        fixed, script = self._references(relation, tenant if tenant is not None else owner)
        fixed |= self._tenant_values(relation, tenant) | dict(overrides or {})
        if self._orphaned(relation, fixed):
            self.reasons.setdefault(relation.oid, "its parents have no canary row")
            return None
        for style in () if self._given_up(relation) else ("full", "required", "copied"):
            values = self._values(relation, marker, fixed, style)
            row = self._insert(relation, tenant, marker, values, script) if values is not None else None
            if row and self._is_of(row, tenant):
                self.styles[relation.oid] = style
                return row
        return None

    def _orphaned(self, relation: Relation, fixed: Mapping[str, str | None]) -> bool:
        """Whether a parent of the same tenant is missing: an existing row in its place would be another tenant's."""
        return any(
            relation.columns[name].required and name not in fixed
            for reference in relation.references
            if self.tenancy.of(self.catalog.relations[reference.parent])
            for name in reference.columns
        )

    def candidate(self, relation: Relation, tenant: str | None, overrides: Mapping | None = None) -> tuple[dict, str]:
        """The values of one more row as planting has worked for the table, not planted, and its marker."""
        marker = f"canary-{secrets.token_hex(5)}"
        fixed, _ = self._references(relation, tenant)
        fixed |= self._tenant_values(relation, tenant) | dict(overrides or {})
        return self._values(relation, marker, fixed, self.styles.get(relation.oid, "full")) or fixed, marker

    def _is_of(self, row: Row, tenant: str | None) -> bool:
        """Whether triggers left the row with the tenant it was planted for."""
        table = self.tenancy.of(row.relation)
        if table is None or table.column is None or table.path or table.array:
            return True
        if row.values[table.column] == tenant:
            return True
        self.reasons[row.relation.oid] = "a trigger or default gives planted rows another tenant"
        return False

    def _tenant_values(self, relation: Relation, tenant: str | None) -> dict[str, str | None]:
        table = self.tenancy.of(relation)
        if table is None or table.column is None:
            return {}
        if table.path:
            document = tenant
            for key in reversed(table.path):
                document = {key: document}
            return {table.column: json.dumps(document)}
        return {table.column: f"{{{tenant}}}" if table.array and tenant is not None else tenant}

    def _references(self, relation: Relation, tenant: str | None) -> tuple[dict[str, str | None], tuple[str, ...]]:
        """Values for the columns of foreign keys, and how the parents were planted."""
        values: dict[str, str | None] = {}
        script: tuple[str, ...] = ()
        for reference in relation.references:
            found, how = self._parent(relation, reference, tenant)
            script += tuple(line for line in how if line not in script)
            if found is not None:
                values |= {
                    child: found[key] for child, key in zip(reference.columns, reference.parent_columns, strict=True)
                }
            else:
                values |= {name: None for name in reference.columns if not relation.columns[name].required}
        return values, script

    def _parent(self, relation: Relation, reference: Reference, tenant: str | None):
        parent = self.catalog.relations[reference.parent]
        required = any(relation.columns[name].required for name in reference.columns)
        if parent.oid == relation.oid or (parent.oid, tenant) in self._growing:
            return None, ()
        if self.tenancy.of(parent):
            row = self.row(parent, tenant)
            return (row.values, row.script) if row else (None, ())
        return self._global_parent(parent) if required or parent.rows else (None, ())

    def _global_parent(self, parent: Relation) -> tuple[Mapping[str, str | None] | None, tuple[str, ...]]:
        """A row of a table without tenants: one that is there, or a planted one."""
        if parent.oid not in self._globals:
            self._globals[parent.oid] = None
            columns = ", ".join(f"{identifier(name)}::text" for name in parent.columns)
            there = self.session.attempt(f"SELECT {columns} FROM {parent.sql} LIMIT 1").rows
            row = None if there else self.plant(parent, None)
            if there:
                self._globals[parent.oid] = dict(zip(parent.columns, there[0], strict=True)), ()
            elif row:
                self._globals[parent.oid] = dict(row.values), row.script
        return self._globals[parent.oid] or (None, ())

    def _values(self, relation, marker, fixed, style) -> dict[str, str | None] | None:
        filler = Filler(self.catalog, marker)
        sample = self._existing(relation) if style == "copied" else {}
        if sample is None:
            return None
        values = {}
        for column in relation.columns.values():
            value = fixed[column.name] if column.name in fixed else _filled(filler, relation, column, style, sample)
            if value is not OMIT and not column.generated:
                values[column.name] = value
        return values

    def _existing(self, relation: Relation) -> dict[str, str | None] | None:
        columns = ", ".join(f"{identifier(name)}::text" for name in relation.columns)
        rows = self.session.attempt(f"SELECT {columns} FROM {relation.sql} LIMIT 1").rows
        return dict(zip(relation.columns, rows[0], strict=True)) if rows else None

    def _insert(self, relation, tenant, marker, values, script) -> Row | None:
        insert = insertion(relation, values)
        returning = ", ".join(f"{identifier(name)}::text" for name in relation.columns)
        for settings in ({}, {name: tenant for name in self.settings if tenant is not None}):
            before = [f"SELECT set_config({literal(name)}, {literal(value)}, true)" for name, value in settings.items()]
            trial = self.session.attempt(*before, f"{insert} RETURNING {returning}", keep=True)
            if trial.rows:
                self.bound |= bool(settings)
                stored = dict(zip(relation.columns, trial.rows[0], strict=True))
                return Row(relation, tenant, marker, stored, (*script, *before, insert))
            if trial.sqlstate in _NO_WAITING:
                self.give_up(relation, f"a canary row cannot be planted: {trial.message}")
                return None
        self.reasons[relation.oid] = f"a canary row cannot be planted: {trial.message or 'a rule or trigger drops it'}"
        return None


def _filled(filler: Filler, relation: Relation, column: Column, style: str, sample: Mapping):
    unique = any(column.name in key.columns for key in relation.keys)
    own_value = column.identity or column.serial or (unique and column.base != "uuid" and not column.default)
    if style == "copied" and not own_value:
        return OMIT if unique and column.default else sample[column.name]
    if own_value:
        return _or_omit(filler, relation, column)
    if column.default is not None:
        return OMIT
    if column.required or (style == "full" and column.category in "SU" and column.base not in ("point", "xml")):
        return _or_omit(filler, relation, column)
    return OMIT


def _or_omit(filler: Filler, relation: Relation, column: Column):
    value = filler.value(relation, column)
    return OMIT if value is None else value
