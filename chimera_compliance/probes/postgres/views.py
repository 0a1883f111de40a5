"""Other ways to the same rows: views, which read with their owner's eyes, and materialized views."""

from chimera_compliance.probes.postgres.catalog import SMALL, Relation
from chimera_compliance.probes.postgres.experiment import Experiment
from chimera_compliance.probes.postgres.facts import Facts
from chimera_compliance.probes.postgres.rows import Row, insertion
from chimera_compliance.probes.postgres.session import Identity, identifier, literal

_MOST_VIEWS = 150


def marks(experiment: Experiment) -> list[str]:
    """Texts that only rows of other tenants carry."""
    rows = [row for found in experiment.foreign.values() for _, row in found if row.tenant != experiment.tenants.a]
    return list(dict.fromkeys(row.marker for row in rows))


def whole_row(columns: list[str]) -> str:
    """A row as one text."""
    return "concat_ws('|', " + ", ".join(f"{identifier(name)}::text" for name in columns) + ")"


def search(relation: Relation, columns: list[str], texts: list[str], keys: list[str]) -> str:
    """A query for one row that carries any of the texts, or B's identifiers."""
    pattern = "|".join([*texts, *keys])
    row = whole_row(columns)
    return f"SELECT left({row}, 120) FROM {relation.sql} WHERE {row} ~ {literal(pattern)} LIMIT 1"


def views(experiment: Experiment) -> Facts:
    """Views that show tenant A what belongs to others, or whose answer depends on it."""
    facts = Facts()
    found = [
        item
        for item in experiment.catalog.of_kind("v")
        if experiment.reach.can(item, "SELECT", experiment.reach.at_once)
    ]
    for view in found[:_MOST_VIEWS]:
        bases = _bases(experiment, view)
        if bases:
            _look_at_view(experiment, view, bases, facts)
    for view in experiment.catalog.of_kind("v"):
        if bases := _bases(experiment, view):
            _change_through(experiment, view, bases, facts)
    for view in found[_MOST_VIEWS:]:
        facts.could_not(f"view {view.title}", f"only {_MOST_VIEWS} views are tried")
    for view in experiment.catalog.of_kind("m"):
        if experiment.reach.can(view, "SELECT") and _bases(experiment, view):
            _look_at_copy(experiment, view, facts)
    facts.none_there("views", "SELECT oid::regclass FROM pg_class WHERE relkind IN ('v', 'm')")
    return facts


def _bases(experiment: Experiment, view: Relation) -> list[Relation]:
    """The multi-tenant tables under a view, however deep."""
    found, queue = {view.oid}, [view]
    while queue:
        for oid in queue.pop().needs - found:
            found.add(oid)
            if oid in experiment.catalog.relations:
                queue.append(experiment.catalog.relations[oid])
    twins = {table.oid for group in experiment.tenancy.twins for table in group}
    return [
        item
        for oid in found
        if (item := experiment.catalog.relations.get(oid)) and (oid in experiment.tenancy.tables or oid in twins)
    ]


def _look_at_view(experiment: Experiment, view: Relation, bases: list[Relation], facts: Facts) -> None:
    subject = f"view {view.title}"
    columns = experiment.reach.columns(view, "SELECT", experiment.reach.at_once)
    rows = _planted_below(experiment, bases)
    if not rows:
        facts.could_not(subject, "no canary row could be planted in the tables under it")
        return
    if sum(max(base.rows, 0) for base in bases) > 10 * SMALL:
        facts.could_not(subject, "the tables under it are too large to be searched without a key")
        return
    texts = [row.marker for row in rows] + [value for row in rows for value in identifiers(row)]
    for who, identity in _states(experiment):
        trial = experiment.session.attempt(search(view, columns, texts, []), identity=identity)
        if trial.rows:
            facts.saw(subject, f"shows {who} a row of another tenant", experiment.script(rows[0], trial))
            return
    if depends_on_others(experiment, f"SELECT {whole_row(columns)} AS line FROM {view.sql} LIMIT 10000", bases):
        facts.saw(subject, "gives tenant A an answer that depends on rows of tenant B", trial.statements)
    elif trial.failed and trial.sqlstate.startswith("57"):
        facts.could_not(subject, trial.message)
    else:
        facts.looked_at(subject, trial.statements)


def _change_through(experiment: Experiment, view: Relation, bases: list[Relation], facts: Facts) -> None:
    """Rows of tenant B changed or deleted through a view, seen or not."""
    rows = _planted_below(experiment, bases)
    if not rows or sum(max(base.rows, 0) for base in bases) > SMALL:
        return
    states = [
        f"SELECT md5({whole_row(list(row.relation.columns))}) FROM {row.relation.sql} WHERE {key}"
        for row in rows
        if (key := row.recognised_by(list(row.relation.columns), None))
    ]
    truth = " UNION ALL ".join(states)
    before = experiment.session.attempt(truth).rows
    for statement in _changes(experiment, view):
        trial = experiment.session.attempt(statement, identity=experiment.as_a, truth=truth)
        if not trial.failed and set(trial.truth) != set(before):
            facts.saw(f"view {view.title}", "let tenant A change a row of tenant B", experiment.script(rows[0], trial))
            return
        facts.looked_at(f"view {view.title}", trial.statements)


def _changes(experiment: Experiment, view: Relation) -> list[str]:
    reach = experiment.reach
    texts = [name for name in reach.columns(view, "UPDATE", reach.at_once) if view.columns[name].category == "S"]
    found = [f"UPDATE {view.sql} SET {identifier(texts[-1])} = 'changed-by-canary'"] if texts else []
    return found + ([f"DELETE FROM {view.sql}"] if reach.can(view, "DELETE", reach.at_once) else [])


def _states(experiment: Experiment) -> list[tuple[str, Identity]]:
    empty = dict.fromkeys(experiment.binding.settings, "")
    app = experiment.app
    return [
        ("tenant A", experiment.as_a),
        ("a session without a tenant", Identity(app.login, app.role, {**experiment.defaults, **empty}, app.becomes)),
    ]


def _planted_below(experiment: Experiment, bases: list[Relation]) -> list[Row]:
    tenant = experiment.tenants.b
    return [row for base in bases if (row := experiment.planter.row(base, tenant))]


def identifiers(row: Row) -> list[str]:
    """Values of a planted row that are random enough to be nobody else's."""
    columns = row.relation.columns
    own = [name for name in row.relation.primary if columns[name].base == "uuid"]
    return [row.values[name] for name in own if row.values[name]]


def depends_on_others(experiment: Experiment, query: str, bases: list[Relation]) -> bool:
    """Whether tenant A's answer changes when tenant B gets one more row, and is steady otherwise."""
    digest = f"SELECT md5(coalesce(string_agg(line::text, '~' ORDER BY line::text), '')) FROM ({query}) answer"
    tenant = experiment.tenants.b
    more = [insertion(base, experiment.planter.candidate(base, tenant)[0]) for base in bases if base.is_table]
    answers = [experiment.session.attempt(digest, identity=experiment.as_a, setup=setup) for setup in ([], [], more)]
    if any(trial.failed for trial in answers):
        return False
    first, again, later = (trial.rows for trial in answers)
    return first == again != later


def _look_at_copy(experiment: Experiment, view: Relation, facts: Facts) -> None:
    """A materialized view: policies never apply to it, so rows of any tenant in it are everybody's."""
    subject = f"materialized view {view.title}"
    bases = _bases(experiment, view)
    rows = _planted_below(experiment, bases)
    columns = experiment.reach.columns(view, "SELECT")
    small = sum(max(base.rows, 0) for base in bases) < SMALL
    texts = (
        [row.marker for row in rows] + [value for row in rows for value in identifiers(row)] + [experiment.tenants.b]
    )
    identity = experiment.as_a
    if small and rows:
        setup = [f"REFRESH MATERIALIZED VIEW {view.sql}"]
        trial = experiment.session.attempt(search(view, columns, texts, []), identity=identity, setup=setup)
        if not trial.failed:
            if trial.rows:
                facts.saw(subject, "shows tenant A a row of tenant B", experiment.script(rows[0], trial))
            else:
                facts.looked_at(subject, trial.statements)
            return
    trial = experiment.session.attempt(f"SELECT 1 FROM {view.sql} LIMIT 1", identity=identity)
    if trial.rows:
        facts.saw(subject, "holds rows made from every tenant's, and has no policies", trial.statements)
    else:
        facts.could_not(subject, "it cannot be refreshed here, and shows no row")
