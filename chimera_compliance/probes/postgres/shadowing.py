"""Names without a schema: what they become when the caller puts something of its own first in the search path.

A function that is not pinned to a search_path looks names up as its caller does, and temporary tables and views come
first even for a pinned one unless pg_temp is listed last
(https://www.postgresql.org/docs/current/sql-createfunction.html#SQL-CREATEFUNCTION-SECURITY).
"""

from collections.abc import Iterator

from chimera_compliance.probes.postgres.catalog import Function, Relation
from chimera_compliance.probes.postgres.experiment import Experiment
from chimera_compliance.probes.postgres.expressions import Mentions, uncommented
from chimera_compliance.probes.postgres.session import identifier, literal

_LATE = ("sql", "plpgsql")
_NEW = "a new schema"


def shadows(experiment: Experiment, function: Function) -> Iterator[tuple[str, list[str]]]:
    """What the application may put in a function's way, and how: lookalikes of tables and functions that say B."""
    if function.language not in _LATE or function.parsed_body:
        return
    mentions = Mentions(uncommented(function.source))
    creates = [] if function.pinned else experiment.reach.creates_in()[:1]
    for original in _unqualified(experiment, mentions):
        if experiment.reach.on_database("TEMPORARY"):
            yield f"a temporary table named {original.name}", _lookalike(experiment, original, "pg_temp")
        for schema in creates:
            yield (
                f"a table in {schema}",
                [*_opened(schema), *_lookalike(experiment, original, _place(schema)), _path(schema)],
            )
    for schema in creates:
        for name, body in _impostors(experiment, mentions, _place(schema)):
            yield f"a function {name} in {schema}", [*_opened(schema), *body, _path(schema)]


def _unqualified(experiment: Experiment, mentions: Mentions) -> list[Relation]:
    names = {name for schema, name in mentions.tables if not schema}
    return [table for table in experiment.catalog.tables if table.name in names]


def _place(schema: str) -> str:
    return "canary_shadow" if schema == _NEW else schema


def _opened(schema: str) -> list[str]:
    name = identifier(_place(schema))
    return [f"CREATE SCHEMA {name}", f"GRANT USAGE ON SCHEMA {name} TO PUBLIC"] if schema == _NEW else []


def _path(schema: str) -> str:
    return f"SET LOCAL search_path = {identifier(_place(schema))}, pg_catalog, public"


def _lookalike(experiment: Experiment, original: Relation, schema: str) -> list[str]:
    """A table with A's row of the original, in which the tenant is B."""
    row = experiment.planter.row(original, experiment.tenants.a)
    if row is None:
        return ["SELECT 1"]
    tenancy = experiment.tenancy.of(original)
    values = dict(row.values) | ({tenancy.column: experiment.tenants.b} if tenancy and tenancy.column else {})
    cells = ", ".join(
        f"{literal(value)}::{original.columns[name].type} AS {identifier(name)}" for name, value in values.items()
    )
    table = f"{'pg_temp' if schema == 'pg_temp' else identifier(schema)}.{identifier(original.name)}"
    kind = "TEMPORARY TABLE" if schema == "pg_temp" else "TABLE"
    return [f"CREATE {kind} {table} AS SELECT {cells}", f"GRANT SELECT ON {table} TO PUBLIC"]


def _impostors(experiment: Experiment, mentions: Mentions, schema: str) -> Iterator[tuple[str, list[str]]]:
    """Functions of the names that are called without a schema, answering as if tenant B were bound."""
    place = identifier(schema)
    known = {function.name: function for function in experiment.catalog.functions.values() if function.arity == 0}
    for owner, name in mentions.calls:
        if owner:
            continue
        if name.lower() == "current_setting":
            cases = " ".join(
                f"WHEN {literal(key)} THEN {literal(value)}" for key, value in experiment.as_b.settings.items()
            )
            body = f"RETURNS text LANGUAGE sql AS $f$ SELECT CASE $1 {cases} END $f$" if cases else ""
            made = [f"CREATE FUNCTION {place}.current_setting{given} {body}" for given in ("(text)", "(text, boolean)")]
            yield name, made if cases else ["SELECT 1"]
        elif name in known:
            kind = known[name].returns
            answer = f"RETURNS {kind} LANGUAGE sql AS $f$ SELECT {literal(experiment.tenants.b)}::{kind} $f$"
            yield name, [f"CREATE FUNCTION {place}.{identifier(name)}() {answer}"]


def hijacks(experiment: Experiment, function: Function) -> Iterator[tuple[str, list[str]]]:
    """For a function that runs as its owner: also a view whose columns are computed, with the owner's rights, by A."""
    yield from shadows(experiment, function)
    if function.language not in _LATE or function.parsed_body or not experiment.reach.on_database("TEMPORARY"):
        return
    for original in _unqualified(experiment, Mentions(uncommented(function.source))):
        if before := _computed_view(experiment, original):
            yield f"a temporary view named {original.name}", before


def _computed_view(experiment: Experiment, original: Relation) -> list[str]:
    """A view of the original's name and columns; its texts are tenant B's row, if whoever reads it may see that."""
    mine = experiment.planter.row(original, experiment.tenants.a)
    theirs = next((row for found in experiment.foreign.values() for label, row in found if label == "tenant B"), None)
    key = theirs.recognised_by(list(theirs.relation.columns), None) if theirs else None
    if mine is None or key is None:
        return []
    whole = ", ".join(f"{identifier(name)}::text" for name in theirs.relation.columns)
    spy = f"SELECT string_agg(concat_ws('|', {whole}), '') FROM {theirs.relation.sql} WHERE {key}"
    cells = ", ".join(
        f"{_cell(original, name, value)}::{original.columns[name].type} AS {identifier(name)}"
        for name, value in mine.values.items()
    )
    return [
        f"CREATE FUNCTION pg_temp.canary_spies() RETURNS text LANGUAGE sql VOLATILE AS $f$ {spy} $f$",
        f"CREATE TEMPORARY VIEW {identifier(original.name)} AS SELECT {cells}",
        f"GRANT SELECT ON pg_temp.{identifier(original.name)} TO PUBLIC",
    ]


def _cell(original: Relation, name: str, value: str | None) -> str:
    tenant = any(name in reference.columns for reference in original.references) or name in original.primary
    text = original.columns[name].base in ("text", "varchar") and not tenant
    return "pg_temp.canary_spies()" if text else literal(value)
