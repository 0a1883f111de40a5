"""Functions that are given rows before a policy, or a view's filter by tenant, has been applied."""

from chimera_compliance.probes.postgres.catalog import SMALL, Function, Relation
from chimera_compliance.probes.postgres.experiment import Experiment
from chimera_compliance.probes.postgres.facts import Facts
from chimera_compliance.probes.postgres.session import identifier, literal
from chimera_compliance.probes.postgres.tenancy import TenantTable

_INDEXES_OFF = (
    "SET LOCAL enable_indexscan = off",
    "SET LOCAL enable_bitmapscan = off",
    "SET LOCAL enable_indexonlyscan = off",
)

_SPY = """
CREATE FUNCTION pg_temp.canary_listens(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001
AS $f$ BEGIN RAISE NOTICE '%', $1; RETURN true; END $f$"""


def early_readers(experiment: Experiment) -> Facts:
    """Functions that see rows before a policy has: leaky ones marked LEAKPROOF, and any below an open view.

    https://www.postgresql.org/docs/current/rules-privileges.html
    """
    facts = Facts()
    for function in experiment.catalog.functions.values():
        if function.leakproof and function.arity and experiment.reach.executes(function):
            _overheard(experiment, function, facts)
    for view in experiment.catalog.of_kind("v"):
        if experiment.reach.can(view, "SELECT", experiment.reach.at_once) and not view.option("security_barrier"):
            _under_view(experiment, view, facts)
    facts.looked_at(
        "functions marked LEAKPROOF", ("SELECT oid::regprocedure FROM pg_proc WHERE proleakproof",), "none leaks"
    )
    return facts


def _overheard(experiment: Experiment, function: Function, facts: Facts) -> None:
    subject = f"function {function.title}"
    for table in experiment.tried:
        rows = [
            row for label, row in experiment.foreign.get(table.relation.oid, ()) if row.tenant == experiment.tenants.b
        ]
        for name in experiment.readable(table) if rows else ():
            column = table.relation.columns[name]
            call = _call_on(function, column.type, identifier(name))
            if call is None:
                continue
            question = f"SELECT count(*) FROM {table.relation.sql} WHERE {call}"
            trial = experiment.session.attempt(*_INDEXES_OFF, question, identity=experiment.as_a)
            if _tells(experiment, table, name, " ".join(trial.notices)):
                facts.saw(
                    subject,
                    f"is marked LEAKPROOF and told tenant A what {table.relation.title} holds of tenant B",
                    trial.statements,
                )
                return
    facts.looked_at(subject)


def _tells(experiment: Experiment, table: TenantTable, column: str, heard: str) -> bool:
    """Whether a message holds what a column holds in somebody else's row."""
    relation, own = table.relation, experiment.own.get(table.relation.oid)
    if not heard or own is None or relation.rows > SMALL:
        return False
    value = f"{identifier(column)}::text"
    mine = own.recognised_by(list(relation.columns), table.column) or "false"
    question = f"SELECT 1 FROM {relation.sql} WHERE length({value}) > 3 AND strpos({literal(heard)}, {value}) > 0"
    return bool(experiment.session.attempt(f"{question} AND NOT ({mine}) LIMIT 1").rows)


def _call_on(function: Function, kind: str, column: str) -> str | None:
    """A call with the column as the first argument that takes it, and NULL for the others."""
    usual = {"character varying": "text", "character": "text"}
    wanted = usual.get(kind.split("(")[0], kind)
    takes = [place for place, argument in enumerate(function.argument_types) if argument in (wanted, "anyelement")]
    if not takes:
        return None
    given = [column if place == takes[0] else f"NULL::{kind}" for place, kind in enumerate(function.argument_types)]
    call = f"{function.sql}({', '.join(given)})"
    return call if function.returns == "boolean" else f"{call} IS NOT NULL"


def _under_view(experiment: Experiment, view: Relation, facts: Facts) -> None:
    """A function of tenant A's own in a query over a view that filters by tenant without security_barrier."""
    bases = [oid for oid in view.needs if oid in experiment.tenancy.tables]
    rows = [
        row for oid in bases if (row := experiment.planter.row(experiment.catalog.relations[oid], experiment.tenants.b))
    ]
    columns = experiment.reach.columns(view, "SELECT", experiment.reach.at_once)
    if not rows or not experiment.reach.on_database("TEMPORARY"):
        return
    for name in [name for name in columns if view.columns[name].category in "SU"]:
        question = f"SELECT count(*) FROM {view.sql} WHERE pg_temp.canary_listens({identifier(name)}::text)"
        trial = experiment.session.attempt(_SPY, *_INDEXES_OFF, question, identity=experiment.as_a)
        if any(row.marker in " ".join(trial.notices) for row in rows):
            facts.saw(
                f"view {view.title}",
                "has no security_barrier: a function in tenant A's query was given tenant B's row",
                trial.statements,
            )
            return
    facts.looked_at(f"view {view.title}")
