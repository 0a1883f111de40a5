"""What policies lean on, and whether the application can bend it: functions, names looked up late, memberships."""

from chimera_compliance.probes.postgres.catalog import SMALL, Function, Relation
from chimera_compliance.probes.postgres.experiment import Experiment
from chimera_compliance.probes.postgres.expressions import Mentions, uncommented
from chimera_compliance.probes.postgres.facts import Facts
from chimera_compliance.probes.postgres.planting import insertion
from chimera_compliance.probes.postgres.session import Trial, identifier, literal
from chimera_compliance.probes.postgres.tenancy import TenantTable

_LATE = ("sql", "plpgsql")
_INDEXES_OFF = (
    "SET LOCAL enable_indexscan = off",
    "SET LOCAL enable_bitmapscan = off",
    "SET LOCAL enable_indexonlyscan = off",
)

_SPY = """
CREATE FUNCTION pg_temp.canary_listens(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001
AS $f$ BEGIN RAISE NOTICE '%', $1; RETURN true; END $f$"""


def foundations(experiment: Experiment) -> Facts:
    """Policy functions that the application owns or can lead astray, and memberships that it can write."""
    facts = Facts()
    for table in experiment.tried:
        functions = _behind(experiment, table)
        for function in functions:
            subject = f"function {function.title}"
            how = (f"SELECT proowner::regrole, proconfig FROM pg_proc WHERE oid = {function.oid}",)
            if function.owner in experiment.reach.everything and not experiment.reach.all_powerful:
                facts.saw(
                    subject, f"decides the policies of {table.relation.title} and the application can replace it", how
                )
            else:
                _shadow(experiment, table, function, facts)
            facts.looked_at(subject, how, "not the application's, and its names cannot be shadowed")
        if not functions:
            facts.looked_at(table.subject)
    for relation in experiment.expressions.tables_behind([table.relation for table in experiment.tried]):
        _join(experiment, relation, facts)
    return facts


def _behind(experiment: Experiment, table: TenantTable) -> list[Function]:
    found = {f.oid: f for policy in table.relation.policies for f in experiment.expressions.functions_of(policy)}
    return list(found.values())


def _b_is_seen(experiment: Experiment, table: TenantTable, setup: list[str], before: list[str]) -> Trial | None:
    """The trial in which tenant A sees tenant B's row after having done something first, if it does."""
    rows = [row for label, row in experiment.foreign.get(table.relation.oid, ()) if label == "tenant B"]
    columns = experiment.readable(table)
    condition = rows[0].recognised_by(columns, table.column) if rows else None
    if condition is None:
        return None
    question = f"SELECT 1 FROM {table.relation.sql} WHERE {condition}"
    if experiment.session.attempt(question, identity=experiment.as_a, setup=setup).rows:
        return None
    trial = experiment.session.attempt(*before, question, identity=experiment.as_a, setup=setup)
    return trial if trial.rows else None


def _shadow(experiment: Experiment, table: TenantTable, function: Function, facts: Facts) -> None:
    """Objects of the application's own put where the function looks first for a name without a schema."""
    if function.language not in _LATE or function.parsed_body:
        return
    mentions = Mentions(uncommented(function.source))
    subject = f"function {function.title}"
    for schema, name in mentions.tables if experiment.reach.on_database("TEMPORARY") else ():
        original = next((t for t in experiment.catalog.tables if t.name == name), None) if not schema else None
        trial = _b_is_seen(experiment, table, [], _temporary(experiment, original)) if original else None
        if trial:
            actual = (
                f"looks up {name} without a schema: a temporary table of that name showed tenant A a row of tenant B"
            )
            facts.saw(subject, actual, trial.statements)
    creates = experiment.reach.creates_in()
    if creates and not function.pinned:
        for before in _impostors(experiment, mentions, creates[0]):
            if trial := _b_is_seen(experiment, table, [], before):
                actual = (
                    f"has no search_path of its own: a function made in {creates[0]} showed tenant A a row of tenant B"
                )
                facts.saw(subject, actual, trial.statements)


def _temporary(experiment: Experiment, original: Relation) -> list[str]:
    """A temporary table with A's row of the original, in which the tenant is B."""
    row = experiment.planter.row(original, experiment.tenants.a)
    tenancy = experiment.tenancy.of(original)
    if row is None:
        return ["SELECT 1"]
    values = dict(row.values)
    if tenancy and tenancy.column:
        values[tenancy.column] = experiment.tenants.b
    cells = ", ".join(
        f"{literal(value)}::{original.columns[name].type} AS {identifier(name)}" for name, value in values.items()
    )
    table = f"pg_temp.{identifier(original.name)}"
    return [
        f"CREATE TEMPORARY TABLE {identifier(original.name)} AS SELECT {cells}",
        f"GRANT SELECT ON {table} TO PUBLIC",
    ]


def _impostors(experiment: Experiment, mentions: Mentions, schema: str) -> list[list[str]]:
    """Functions of the names that are called without a schema, answering with tenant B."""
    b = literal(experiment.tenants.b)
    place = identifier("canary_shadow" if schema == "a new schema" else schema)
    first = [f"CREATE SCHEMA {place}"] if schema == "a new schema" else []
    path = f"SET LOCAL search_path = {place}, pg_catalog, public"
    open_to_all = [f"GRANT USAGE ON SCHEMA {place} TO PUBLIC"] if first else []
    bodies = []
    for owner, name in mentions.calls:
        if owner:
            continue
        if name.lower() == "current_setting":
            signatures = ["(text)", "(text, boolean)"]
            bodies.append(
                [
                    f"CREATE FUNCTION {place}.current_setting{s} RETURNS text LANGUAGE sql AS $f$ SELECT {b}::text $f$"
                    for s in signatures
                ]
            )
        elif known := next((f for f in experiment.catalog.functions.values() if f.name == name and f.arity == 0), None):
            impostor = f"{place}.{identifier(name)}() RETURNS {known.returns}"
            bodies.append([f"CREATE FUNCTION {impostor} LANGUAGE sql AS $f$ SELECT {b}::{known.returns} $f$"])
    return [[*first, *open_to_all, *body, path] for body in bodies]


def _join(experiment: Experiment, relation: Relation, facts: Facts) -> None:
    """A's own membership copied, with tenant B in it, by the application."""
    table = experiment.tenancy.of(relation)
    row = experiment.own.get(relation.oid)
    if table is None or row is None or not table.column or not experiment.reach.can(relation, "INSERT"):
        return
    fresh, _ = experiment.planter.candidate(relation, experiment.tenants.b)
    keyed = {name for name in relation.primary if len(relation.primary) == 1}
    values = {name: row.values[name] for name in fresh} | {
        name: fresh[name] for name in {table.column, *keyed} if name in fresh
    }
    before = [insertion(relation, values)]
    for judged in experiment.tried:
        if judged.relation.oid != relation.oid and (trial := _b_is_seen(experiment, judged, [], before)):
            actual = f"can be written by the application: with B's row in it, tenant A saw {judged.relation.title}"
            facts.saw(table.subject, actual, trial.statements)
            return
    facts.looked_at(table.subject)


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
