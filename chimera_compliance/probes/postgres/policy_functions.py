"""What policies lean on, and whether the application can bend it: functions, names looked up late, memberships."""

from chimera_compliance.probes.postgres.catalog import Function, Relation
from chimera_compliance.probes.postgres.experiment import Experiment
from chimera_compliance.probes.postgres.facts import Facts
from chimera_compliance.probes.postgres.rows import insertion
from chimera_compliance.probes.postgres.session import Trial
from chimera_compliance.probes.postgres.shadowing import shadows
from chimera_compliance.probes.postgres.tenancy import TenantTable


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
    for what, before in shadows(experiment, function):
        if trial := _b_is_seen(experiment, table, [], before):
            actual = f"looks names up as its caller does: {what} showed tenant A a row of tenant B"
            facts.saw(f"function {function.title}", actual, trial.statements)
            return


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
