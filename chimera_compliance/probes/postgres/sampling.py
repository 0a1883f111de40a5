"""Policies asked about tenants by the hundred, without planting a row for each.

A policy's expression is evaluated over a row of values that takes the table's place, as the application bound to
tenant A. What it admits is then planted and looked at, so that a finding always rests on a row. This finds what
chosen neighbours of A do not: comparisons by hash, remainder, case or class.
"""

import secrets
import uuid

from chimera_compliance.probes.postgres.catalog import Policy
from chimera_compliance.probes.postgres.experiment import Experiment
from chimera_compliance.probes.postgres.facts import Facts
from chimera_compliance.probes.postgres.session import identifier, literal
from chimera_compliance.probes.postgres.tenancy import TenantTable

_SAMPLES = 240


def sampled(experiment: Experiment, table: TenantTable, facts: Facts) -> None:
    """Look for a tenant whose rows the policies show to tenant A."""
    own = experiment.own.get(table.relation.oid)
    condition = _condition(experiment, table)
    if own is None or condition is None or table.path or table.array or table.column is None:
        return
    relation = table.relation
    given = {name: literal(value) for name, value in own.values.items()} | {table.column: "canary_sample"}
    cells = ", ".join(
        f"{given[name]}::{column.type} AS {identifier(name)}" for name, column in relation.columns.items()
    )
    values = ", ".join(
        f"({literal(value)})" for value in _others(experiment.tenants.a, relation.columns[table.column].base)
    )
    question = (
        f"SELECT canary_sample FROM (VALUES {values}) AS samples (canary_sample), "
        f"LATERAL (SELECT {cells}) AS {identifier(relation.name)} WHERE {condition} LIMIT 1"
    )
    for (tenant,) in experiment.session.attempt(question, identity=experiment.as_a).rows:
        _confirm(experiment, table, tenant, facts)


def _condition(experiment: Experiment, table: TenantTable) -> str | None:
    """The policies for SELECT as one condition: any permissive one and all restrictive ones."""
    policies = [policy for policy in table.relation.policies if policy.command in "*r" and _applies(experiment, policy)]
    permissive = [policy.using for policy in policies if policy.permissive and policy.using]
    if not table.relation.rls or not permissive:
        return None
    restrictive = [policy.using for policy in policies if not policy.permissive and policy.using]
    return " AND ".join(f"({text})" for text in [" OR ".join(f"({text})" for text in permissive), *restrictive])


def _applies(experiment: Experiment, policy: Policy) -> bool:
    return bool(set(policy.roles) & experiment.reach.at_once)


def _others(a: str, base: str) -> list[str]:
    """Tenants that are not A: unlike it in every way, and like it in all but a character."""
    if base == "uuid":
        return [str(uuid.uuid4()) for _ in range(_SAMPLES)]
    if base in ("int2", "int4", "int8"):
        return [str(number) for number in range(1, _SAMPLES) if str(number) != a]
    variants = {a.upper(), a.title(), f" {a}", f"{a} ", a[::-1], a.replace("a", "\u00e4")}
    return [*sorted(variants - {a}), *(secrets.token_hex(6) for _ in range(_SAMPLES))]


def _confirm(experiment: Experiment, table: TenantTable, tenant: str, facts: Facts) -> None:
    row = experiment.planter.row(table.relation, tenant)
    condition = row.recognised_by(experiment.readable(table), table.column) if row else None
    if condition is None or row.values[table.column] == experiment.tenants.a:
        return
    question = f"SELECT 1 FROM {table.relation.sql} WHERE {condition}"
    trial = experiment.session.attempt(question, identity=experiment.as_a)
    if trial.rows:
        facts.saw(
            table.subject, f"tenant A sees the row of an unrelated tenant, {tenant}", experiment.script(row, trial)
        )


def reused_plan(experiment: Experiment, table: TenantTable, facts: Facts) -> None:
    """A prepared statement run for tenant B and then, in the same session, for A.

    A function that reads a setting and is declared IMMUTABLE is evaluated once, when the plan is made, and the
    plan keeps that tenant (https://www.postgresql.org/docs/current/xfunc-volatility.html).
    """
    functions = {f.oid: f for policy in table.relation.policies for f in experiment.expressions.functions_of(policy)}
    theirs = next((row for label, row in experiment.foreign.get(table.relation.oid, ()) if label == "tenant B"), None)
    condition = theirs.recognised_by(experiment.readable(table), table.column) if theirs else None
    if condition is None or all(function.volatility != "i" for function in functions.values()):
        return
    name = f"canary_{secrets.token_hex(4)}"
    a, b = (
        [f"SELECT set_config({literal(key)}, {literal(value)}, true)" for key, value in made.items()]
        for made in (experiment.as_a.settings, experiment.as_b.settings)
    )
    script = [
        "SET LOCAL plan_cache_mode = force_generic_plan",
        *b,
        f"PREPARE {name} AS SELECT 1 FROM {table.relation.sql} WHERE {condition}",
        f"EXECUTE {name}",
        *a,
        f"EXECUTE {name}",
    ]
    trial = experiment.session.attempt(*script, identity=experiment.app)
    experiment.session.attempt(f"DEALLOCATE {name}")
    if trial.rows:
        actual = "a statement prepared while tenant B was bound shows B's row to tenant A, in the same session"
        facts.saw(table.subject, actual, experiment.script(theirs, trial))
