"""What the application's role sees: bound to tenant A, bound to nobody, and with settings that a session may make."""

import json

from chimera_compliance.probes.postgres.catalog import SMALL, Role
from chimera_compliance.probes.postgres.experiment import Experiment
from chimera_compliance.probes.postgres.facts import Facts, shown
from chimera_compliance.probes.postgres.sampling import reused_plan, sampled
from chimera_compliance.probes.postgres.session import Identity, identifier
from chimera_compliance.probes.postgres.tenancy import TenantTable

_OPENERS = ("on", "true", "1", "t", "yes", "admin", "superuser", "system", "service_role", "all", "*")
_MAGIC = ("*", "%", "_%", ".*", "all", "admin", "system", "any", "0", "-1", "00000000-0000-0000-0000-000000000000")
_MALFORMED = ("not-a-tenant", "null", "' OR true --")
_MOST_TRIED = 24


def reads(experiment: Experiment) -> Facts:
    """Rows of other tenants that are seen while tenant A is bound."""

    def look(table: TenantTable, facts: Facts) -> None:
        if not experiment.readable(table):
            return
        seen, trial = experiment.visible(table, experiment.as_a)
        if seen:
            facts.saw(table.subject, f"tenant A sees {_labels(seen)}", experiment.script(seen[0][1], trial))
        elif reason := _undecided(experiment, table, trial):
            facts.could_not(table.subject, reason)
        else:
            facts.looked_at(table.subject, trial.statements)

    facts = experiment.each(look)
    for table in experiment.tried:
        if table.relation.oid in experiment.binding.sees and not facts.saw_about(table.subject):
            sampled(experiment, table, facts)
            reused_plan(experiment, table, facts)
    for role in experiment.reach.others:
        _after_set_role(experiment, role, facts)
    for table in experiment.tried:
        if not experiment.readable(table) and experiment.readable(table, experiment.reach.everything):
            _by_role(experiment, table, facts)
    return facts


def _by_role(experiment: Experiment, table: TenantTable, facts: Facts) -> None:
    """A table read only after SET ROLE, as where each tenant has a role: no role sees rows of two tenants."""
    if not table.column or table.relation.rows > SMALL:
        return facts.could_not(table.subject, "it is read only after SET ROLE, and its rows name no tenant")
    question = f"SELECT DISTINCT {identifier(table.column)}::text FROM {table.relation.sql} LIMIT 2"
    for role in experiment.reach.others:
        trial = experiment.session.attempt(question, identity=experiment.as_a.taking(role.name))
        if len(trial.rows) > 1:
            return facts.saw(table.subject, f"shows role {role.name} rows of several tenants", trial.statements)
        if trial.rows:
            facts.looked_at(table.subject, trial.statements, "one tenant's rows")
    if table.subject not in facts.decided:
        facts.could_not(table.subject, "it is read only after SET ROLE, and no role sees a row")


def _after_set_role(experiment: Experiment, role: Role, facts: Facts) -> None:
    """What tenant A sees as another role that it may take; a superuser's view is judged with the roles."""
    if role.superuser or role.bypassrls:
        return
    holds = experiment.reach.holds(role)
    for table in experiment.tried:
        if facts.saw_about(table.subject) or not experiment.readable(table, holds):
            continue
        seen, trial = experiment.visible(table, experiment.as_a.taking(role.name), holds)
        planted = [(label, row) for label, row in seen if row is not None]
        if planted:
            actual = f"after SET ROLE {role.name}, tenant A sees {_labels(planted)}"
            facts.saw(table.subject, actual, experiment.script(planted[0][1], trial))


def _labels(seen: list) -> str:
    return shown((label for label, _ in seen), 3)


def _undecided(experiment: Experiment, table: TenantTable, trial) -> str:
    oid = table.relation.oid
    if trial is None or not experiment.foreign.get(oid):
        return experiment.unplanted(table.relation)
    if oid not in experiment.binding.sees:
        return "tenant A, bound as far as we can tell, does not see its own row"
    return ""


def unbound(experiment: Experiment) -> Facts:
    """Rows that are seen, or changed, while no tenant is bound: never set, empty, malformed.

    Must come before any setting is made in the session: once made, a setting is empty and no longer unset.
    """
    facts = Facts()
    if not experiment.planter.bound:
        _state(experiment, facts, "no tenant was ever set", {})
    return facts


def emptied(experiment: Experiment, facts: Facts) -> Facts:
    """The states that follow once settings have been made: as a pooled session is found."""
    names = experiment.binding.settings or tuple(experiment.settings)
    _state(experiment, facts, "the tenant is empty", dict.fromkeys(names, ""))
    for text in _MALFORMED:
        _state(experiment, facts, f"the tenant is the text {text!r}", dict.fromkeys(names, text))
    return facts


def _state(experiment: Experiment, facts: Facts, state: str, settings: dict[str, str]) -> None:
    app = experiment.app
    identity = Identity(app.login, app.role, {**experiment.defaults, **settings}, app.becomes)
    for table in experiment.tried:
        columns = experiment.readable(table)
        if not columns or facts.saw_about(table.subject):
            continue
        if table.relation.oid in experiment.planter.given_up:
            facts.could_not(table.subject, experiment.unplanted(table.relation))
            continue
        question = f"SELECT 1 FROM {table.relation.sql}{_by_key(experiment, table, columns)} LIMIT 1"
        trial = experiment.session.attempt(question, identity=identity)
        if trial.rows:
            row = experiment.own.get(table.relation.oid)
            facts.saw(table.subject, f"rows are seen while {state}", experiment.script(row, trial))
        elif not (trial.failed and trial.sqlstate.startswith("57")):
            facts.looked_at(table.subject, trial.statements, f"no row while {state}")
        else:
            facts.could_not(table.subject, f"while {state}: {trial.message}")


def _by_key(experiment: Experiment, table: TenantTable, columns: list[str]) -> str:
    """Nothing where a table is small; else a condition that asks for the planted rows only."""
    if table.relation.rows < SMALL:
        return ""
    rows = [row for _, row in experiment.foreign.get(table.relation.oid, ())]
    found = [condition for row in rows if (condition := row.recognised_by(columns, table.column))]
    return f" WHERE {' OR '.join(f'({condition})' for condition in found)}" if found else " WHERE false"


def escapes(experiment: Experiment) -> Facts:
    """Rows of other tenants that are seen once a session makes a setting that the policies ask for."""
    facts = Facts()
    for table in experiment.tried:
        if not experiment.readable(table) or not experiment.foreign.get(table.relation.oid):
            continue
        before, trial = experiment.visible(table, experiment.as_a)
        if before:
            facts.looked_at(table.subject)
            continue
        _try_openers(experiment, table, facts)
        if not facts.saw_about(table.subject):
            _try_magic(experiment, table, facts)
        facts.looked_at(table.subject, trial.statements if trial else ())
    return facts


def _try_openers(experiment: Experiment, table: TenantTable, facts: Facts) -> None:
    mentions = experiment.expressions.mentions_of(table.relation)
    bound = experiment.as_a.settings
    values = list(dict.fromkeys([*mentions.strings[:12], *_OPENERS]))[:_MOST_TRIED]
    attempts = [(name, value) for name in mentions.settings if name not in bound for value in values]
    for name, document in bound.items():
        attempts += [(name, grown) for grown in _claims(document, mentions, values)]
    for name, value in attempts:
        seen, trial = experiment.visible(table, experiment.as_a.holding(**{name: value}))
        if seen:
            actual = f"with {name} = {value} set by the session, tenant A sees {_labels(seen)}"
            facts.saw(table.subject, actual, experiment.script(seen[0][1], trial))
            return


def _claims(document: str, mentions, values: list[str]) -> list[str]:
    """JSON claims in which another key that the policies look for has a value of its own."""
    try:
        claims = json.loads(document)
    except ValueError:
        return []
    keys = {path[0] for path in mentions.json_keys if path} if isinstance(claims, dict) else set()
    return [json.dumps({**claims, key: value}) for key in sorted(keys) for value in values]


def _try_magic(experiment: Experiment, table: TenantTable, facts: Facts) -> None:
    """Values of the tenant setting itself that stand for more than one tenant."""
    mentions = experiment.expressions.mentions_of(table.relation)
    a, own = experiment.tenants.a, experiment.own.get(table.relation.oid)
    parts = [a[:8], a[:1]] if len(a) > 8 else []
    values = list(dict.fromkeys([*mentions.strings[:12], *_MAGIC, *parts]))
    for name in [name for name in mentions.settings if name in experiment.as_a.settings]:
        for value in values[:_MOST_TRIED]:
            identity = experiment.as_a.holding(**{name: value})
            seen, trial = experiment.visible(table, identity, but=value)
            others = [(label, row) for label, row in seen if row is None or row.tenant != value]
            if others and not trial.failed and own is not None:
                actual = f"with {name} = {value} set by the session, {_labels(others)} is seen"
                facts.saw(table.subject, actual, experiment.script(others[0][1], trial))
                return


def _is_quick(experiment: Experiment, table: TenantTable) -> bool:
    return table.relation.rows < SMALL and table.relation.oid not in experiment.planter.given_up


def from_outside(experiment: Experiment, login, facts: Facts) -> Facts:
    """What a new connection of the application itself sees before anybody has set a tenant."""
    tables = [table for table in experiment.tried if experiment.readable(table) and _is_quick(experiment, table)]
    with login.transaction():
        for table in tables:
            if facts.saw_about(table.subject):
                continue
            trial = login.attempt(f"SELECT 1 FROM {table.relation.sql} LIMIT 1")
            if trial.rows:
                facts.saw(
                    table.subject, "a new connection of the application sees rows with no tenant set", trial.statements
                )
    return facts
