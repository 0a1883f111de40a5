"""Columns and indexes of the audit table, compared with what a record needs by meaning and not by name.

ADR-005 §5 gives the columns, their types, which are required, two defaults and two indexes.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chimera_compliance.probes.audit.trail import family_of
from chimera_compliance.probes.postgres.catalog import Column, Relation
from chimera_compliance.probes.postgres.facts import Facts
from chimera_compliance.probes.postgres.session import literal

if TYPE_CHECKING:
    from chimera_compliance.probes.audit.audit_table import AuditTable

_REQUIRED = ("time", "user", "tenant", "action", "resource_type")
_TEXTUAL = ("text", "varchar", "bpchar", "citext", "name")
_CLOCK = re.compile(
    r"\b(now|clock_timestamp|transaction_timestamp|statement_timestamp|localtimestamp|timeofday)\b|CURRENT_", re.I
)
_INDEXES = """
SELECT i.indrelid, x.relname::text, m.amname::text, i.indisvalid, i.indpred IS NOT NULL,
  ARRAY(SELECT coalesce(a.attname::text, '') FROM unnest(i.indkey::int2[]) WITH ORDINALITY n(key, place)
        LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = n.key AND n.key > 0
        WHERE n.place <= i.indnkeyatts ORDER BY n.place)
FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam
WHERE i.indrelid IN ({oids}) AND i.indislive"""
_BEFORE_INSERT = """
SELECT DISTINCT tgrelid FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'
  AND (tgtype & 7) = 7 AND tgrelid IN ({oids})"""


@dataclass(frozen=True)
class Index:
    """An index; `columns` are its keys in order, an expression being empty."""

    relation: int
    name: str
    method: str
    valid: bool
    partial: bool
    columns: tuple[str, ...]


def columns(table: "AuditTable") -> Facts:
    """What a column of the table lacks: existence, a type that can hold the fact, NOT NULL, a default."""
    facts = Facts()
    for relation in table.tables:
        how = (f"SELECT * FROM information_schema.columns WHERE table_name = {literal(relation.name)}",)
        for role, name in table.settings.columns.named.items():
            subject = f"column {relation.title}.{name}"
            facts.looked_at(subject, how, "it is as the record needs it")
            for fault in _faults(table, relation, role, relation.columns.get(name)):
                facts.saw(subject, fault, how)
    return facts


def _faults(table: "AuditTable", relation: Relation, role: str, column: Column | None):
    if column is None:
        yield f"there is no such column for the {role.replace('_', ' ')}"
        return
    if fault := _type_fault(role, column):
        yield fault
    if role in _REQUIRED and not _required(relation, column):
        yield "it may be NULL"
    if role == "time" and not _set_by_database(table, relation, column):
        yield (
            "it has no default that is the database's clock"
            if not column.default
            else f"its default is {column.default}"
        )
    if role == "id" and not any(column.name in key.columns for key in relation.keys if not key.partial):
        yield "no key makes it unique"
    if role == "id" and not (column.default or column.identity or column.generated or _triggered(table, relation)):
        yield "the database gives it no value"


def _type_fault(role: str, column: Column) -> str:
    """Why a type cannot hold the fact; ids may be UUIDs, numbers or texts."""
    fits = {
        "time": column.base == "timestamptz",
        "details": column.base in ("json", "jsonb", "hstore"),
        "address": column.base in ("inet", "cidr", *_TEXTUAL),
        "agent": column.base in _TEXTUAL,
        "action": column.base in _TEXTUAL or column.kind == "e",
        "resource_type": column.base in _TEXTUAL or column.kind == "e" or column.base == "regclass",
    }
    identifies = column.base in ("uuid", "numeric", "int2", "int4", "int8", *_TEXTUAL)
    return "" if fits.get(role, identifies) else f"its type is {column.type}"


def _required(relation: Relation, column: Column) -> bool:
    pattern = rf'(?<![\w"])"?{re.escape(column.name)}"? IS NOT NULL'
    return column.required or any(re.search(pattern, check) for check in relation.checks)


def _set_by_database(table: "AuditTable", relation: Relation, column: Column) -> bool:
    return bool(column.default and _CLOCK.search(column.default)) or _triggered(table, relation)


def _triggered(table: "AuditTable", relation: Relation) -> bool:
    """Whether a trigger sees every row before it is inserted."""
    found = table.session.query(_BEFORE_INSERT.format(oids=relation.oid))
    return bool(found)


def indexes(table: "AuditTable") -> Facts:
    """Queries that no index serves, each named by the columns that it goes by."""
    facts = Facts()
    rows = table.session.query(_INDEXES.format(oids=", ".join(str(item.oid) for item in table.members) or "0"))
    found = [Index(*row[:5], tuple(row[5])) for row in rows]
    for relation in table.tables:
        how = (f"SELECT indexdef FROM pg_indexes WHERE tablename = {literal(relation.name)}",)
        for query in table.settings.indexes:
            names = {role: table.settings.columns.named.get(role) for role in query}
            wanted = [name for name in names.values() if name in relation.columns]
            subject = f"index of {relation.title} by {' and '.join(wanted)}"
            if len(wanted) < len([role for role in query if table.settings.columns.named.get(role)]) or not wanted:
                continue  # a column that is not there is told of elsewhere
            facts.looked_at(subject, how, "an index serves it")
            if not _everywhere(table, relation, wanted, names, found):
                facts.saw(subject, f"no index begins with {', '.join(wanted)}", how)
    return facts


def _everywhere(table: "AuditTable", relation: Relation, wanted: list[str], names: dict, found: list[Index]) -> bool:
    """Whether the table's own index serves the query, or one of every partition."""
    tenant, time = table.settings.columns.tenant, names.get("time")

    def served(oid: int, columns: list[str]) -> bool:
        return any(_serves(index, columns, tenant, time) for index in found if index.relation == oid)

    if relation.kind == "p":
        by_tenant = table.catalog.partition_keys.get(relation.oid, set()) == {tenant}
        rest = [name for name in wanted if name != tenant] if by_tenant else wanted
        leaves = [item for item in family_of(table.members, relation) if item.kind == "r"]
        return bool(leaves) and all(served(leaf.oid, rest) for leaf in leaves)
    return served(relation.oid, wanted)


def _serves(index: Index, wanted: list[str], tenant: str | None, time: str | None) -> bool:
    """Whether its leading columns are those of the query: in any order, but time last, and behind the tenant."""
    if index.method != "btree" or not index.valid or index.partial:
        return False
    for keys in (index.columns, index.columns[1:] if index.columns[:1] == (tenant,) else index.columns):
        first = keys[: len(wanted)]
        if set(first) == set(wanted) and (time is None or first[-1] == time):
            return True
    return False
