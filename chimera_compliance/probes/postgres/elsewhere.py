"""Copies of the rows that no policy can be put on: foreign tables, large objects, other logins, pooled sessions."""

import re

from chimera_compliance.probes.postgres.catalog import PUBLIC, Relation, Role
from chimera_compliance.probes.postgres.experiment import Experiment
from chimera_compliance.probes.postgres.facts import Facts, shown
from chimera_compliance.probes.postgres.reach import Reach
from chimera_compliance.probes.postgres.session import Identity, identifier, literal

_REMOTE_NAME = re.compile(r"table_name=([^,]+)")
_SOMEBODYS = re.compile(r"tenant|customer|client|partner|reseller|(^|_)bi(_|$)", re.IGNORECASE)
_DBLINK = """
SELECT 1 FROM pg_proc p WHERE p.proname IN ('dblink', 'dblink_exec')
  AND has_function_privilege({role}, p.oid, 'EXECUTE') LIMIT 1"""
_LARGE_OBJECTS = """
SELECT count(*), count(*) FILTER (WHERE m.lomowner = ANY (ARRAY[{oids}]::oid[]) OR EXISTS (
  SELECT FROM aclexplode(m.lomacl) g
  WHERE g.grantee = ANY (ARRAY[{oids}]::oid[]) AND g.privilege_type = 'SELECT')) FROM pg_largeobject_metadata m"""


def foreign_tables(experiment: Experiment) -> Facts:
    """Foreign tables with rows of tenants, and servers that the application may address itself."""
    facts, reach = Facts(), experiment.reach
    for relation in experiment.catalog.of_kind("f"):
        if reach.can(relation, "SELECT") and _shared(experiment, relation):
            _look_at_foreign(experiment, relation, facts)
    linked = experiment.session.attempt(_DBLINK.format(role=literal(reach.first.name))).rows
    for server, name, user, _ in experiment.catalog.mappings:
        grants = experiment.catalog.servers.get(server, {})
        usable = any("USAGE" in grants.get(oid, ()) for oid in reach.everything)
        if (user == PUBLIC or user in reach.everything) and usable and (linked or reach.creates_in()):
            facts.saw(
                f"foreign server {name}", "may be addressed by the application, with the stored user mapping", _how()
            )
    facts.looked_at("foreign tables", _how(), "none that the application may read holds rows of tenants")
    return facts


def _how() -> tuple[str, ...]:
    return (
        "SELECT ftrelid::regclass, ftoptions FROM pg_foreign_table",
        "SELECT srvname, usename FROM pg_user_mappings",
    )


def _shared(experiment: Experiment, relation: Relation) -> bool:
    remote = _REMOTE_NAME.search(experiment.catalog.foreign[relation.oid][2])
    local = remote.group(1) if remote else relation.name
    known = any(table.relation.name == local for table in experiment.tenancy.tables.values())
    return known or any(name in relation.columns for name in experiment.tenancy.names)


def _look_at_foreign(experiment: Experiment, relation: Relation, facts: Facts) -> None:
    """Tenant A is new, so that any committed row which answers belongs to somebody else."""
    subject = f"foreign table {relation.title}"
    trial = experiment.session.attempt(f"SELECT 1 FROM {relation.sql} LIMIT 1", identity=experiment.as_a)
    if trial.rows:
        facts.saw(subject, "shows tenant A rows of other tenants, by the rights of its user mapping", trial.statements)
    elif trial.failed:
        silent = f"the remote side did not answer: {trial.message}"
        actual = f"can be read by the application, no policy can be put on it, and {silent}"
        facts.saw(subject, actual, trial.statements)
    else:
        facts.looked_at(subject, trial.statements)


def large_objects(experiment: Experiment) -> Facts:
    """Large objects that every session of the application may read, whichever tenant put them there."""
    facts = Facts()
    oids = ", ".join(map(str, sorted(experiment.reach.everything)))
    question = _LARGE_OBJECTS.format(oids=oids).strip()
    trial = experiment.session.attempt(question)
    total, readable = trial.rows[0] if trial.rows else (0, 0)
    readable = total if experiment.catalog.open_large_objects else readable
    if readable and not experiment.reach.all_powerful:
        facts.saw(
            "large objects",
            f"{readable} of {total} may be read by the application whichever tenant is bound",
            (question,),
        )
    elif not total:
        _would_be_shared(experiment, facts)
    facts.looked_at("large objects", (question,), f"{total} exist, none that the application may read")
    return facts


def _would_be_shared(experiment: Experiment, facts: Facts) -> None:
    """None exists yet, but a multi-tenant table refers to them: one made by the application as B is read as A."""
    for table in experiment.tables:
        columns = [
            c.name for c in table.relation.columns.values() if c.base == "lo" or (c.base == "oid" and c.required)
        ]
        if columns and experiment.reach.can(table.relation, "INSERT", experiment.reach.at_once):
            make = "SELECT convert_from(lo_get(lo_from_bytea(0, 'canary')), 'UTF8')"
            trial = experiment.session.attempt(make, identity=experiment.as_a)
            if trial.rows:
                actual = f"column {columns[0]} refers to large objects, which every session of the application may read"
                facts.saw(table.subject, actual, trial.statements)


def other_logins(experiment: Experiment) -> Facts:
    """Logins that stand for one tenant, and can make themselves another by a setting."""
    facts = Facts()
    mine = {role.oid for role in experiment.reach.becomes}
    for role in experiment.catalog.roles.values():
        if role.login and role.oid not in mine and not role.superuser:
            _look_at_login(experiment, role, facts)
    facts.looked_at("other logins", ("SELECT rolname FROM pg_roles WHERE rolcanlogin",), "none stands for one tenant")
    return facts


def _look_at_login(experiment: Experiment, role: Role, facts: Facts) -> None:
    settings = _settings_of(experiment, role)
    if not (any(name in settings for name in experiment.settings) or _SOMEBODYS.search(role.name)):
        return
    holds = experiment.reach.holds(role)
    identity = Identity(role.name, None, settings, experiment.app.becomes)
    tried = dict.fromkeys(experiment.settings, experiment.tenants.b)
    for table in experiment.tried:
        if not experiment.reach.can(table.relation, "SELECT", holds):
            continue
        for what, who in _guises(experiment, role, identity, tried):
            seen, trial = experiment.visible(table, who, holds)
            planted = [(label, row) for label, row in seen if row is not None]
            if planted:
                facts.saw(
                    f"role {role.name}",
                    f"sees rows of any tenant in {table.relation.title} {what}",
                    experiment.script(planted[0][1], trial),
                )
                return
        facts.looked_at(f"role {role.name}", trial.statements if trial else ())


def _guises(
    experiment: Experiment, role: Role, identity: Identity, tried: dict[str, str]
) -> list[tuple[str, Identity]]:
    """As it logs in, with another tenant set by itself, and as the roles that it may take."""
    others = Reach(experiment.catalog, role, role).others
    ways = [("as it logs in", identity), ("after setting the tenant itself", identity.holding(**tried))]
    return ways + [(f"after SET ROLE {other.name}", identity.taking(other.name)) for other in others]


def _settings_of(experiment: Experiment, role: Role) -> dict[str, str]:
    pairs = [text.partition("=") for name, _, text in experiment.catalog.role_settings if name in ("", role.name)]
    return {name: value for name, _, value in pairs if "." in name}


def separated_schemas(experiment: Experiment, facts: Facts) -> Facts:
    """A schema for each tenant: no role the application takes reaches two of them, and none without taking one."""
    reach = experiment.reach
    for group in experiment.tenancy.twins:
        touched = [table for table in group if reach.touches(table)]
        for role in [reach.first, *reach.others]:
            held = [table for table in touched if reach.can(table, "SELECT", reach.holds(role))]
            question = " UNION ALL ".join(f"(SELECT 1 FROM {identifier(t.schema, t.name)} LIMIT 1)" for t in held)
            subject = f"role {role.name}"
            if len(held) > 1:
                facts.saw(subject, f"reads the tables of several tenants: {shown(t.title for t in held)}", (question,))
            elif held and role == reach.first and reach.others:
                facts.saw(subject, f"reads {held[0].title} without taking a tenant's role", (question,))
            elif held:
                facts.looked_at(subject, (question,), f"reads {held[0].title} and no other tenant's")
    return facts
