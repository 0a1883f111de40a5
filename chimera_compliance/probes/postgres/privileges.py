"""What roles and grants allow past the policies of tables; read from the catalog alone."""

from chimera_compliance.probes.postgres.catalog import PUBLIC, Relation, Role
from chimera_compliance.probes.postgres.experiment import Experiment
from chimera_compliance.probes.postgres.facts import Facts, shown
from chimera_compliance.probes.postgres.reach import POWERS, WHOLE_TABLE
from chimera_compliance.probes.postgres.session import identifier, literal

# Functions that read or write past every policy once somebody has granted EXECUTE on them.
_SERVER_FUNCTIONS = """
SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.proacl IS NOT NULL
  AND p.proname ~ '^(pg_read_.*file|pg_ls_.*dir|pg_stat_file|pg_file_|lo_import$|lo_export$|dblink_connect_u$)'
  AND has_function_privilege({role}, p.oid, 'EXECUTE') ORDER BY 1"""
_PARAMETERS = """
SELECT DISTINCT p.parname FROM pg_parameter_acl p, aclexplode(p.paracl) g WHERE g.grantee IN ({oids})
  AND (g.privilege_type = 'ALTER SYSTEM' OR p.parname IN ('session_replication_role', 'lo_compat_privileges',
  'session_preload_libraries', 'dynamic_library_path', 'role')) ORDER BY 1"""
_SYSTEM_TABLES = ("pg_statistic", "pg_statistic_ext_data", "pg_largeobject", "pg_authid", "pg_user_mapping")


def unprotected(experiment: Experiment) -> Facts:
    """Multi-tenant tables that the application reaches and on which row-level security is off."""
    facts = Facts()
    for table in experiment.tables:
        relation = table.relation
        how = (f"SELECT relrowsecurity FROM pg_class WHERE oid = {literal(relation.sql)}::regclass",)
        if relation.rls:
            facts.looked_at(table.subject, how, "row-level security is enabled")
            continue
        held = [verb for verb in WHOLE_TABLE if experiment.reach.can(relation, verb)]
        without = f", though it has {len(relation.policies)} policies" if relation.policies else ""
        facts.saw(table.subject, f"row-level security is off{without}; the application may {shown(held)}", how)
    return facts


def exemptions(experiment: Experiment) -> Facts:
    """Why policies would not bind the application: what it is, owns, or can become."""
    facts, reach = Facts(), experiment.reach
    for role in reach.becomes:
        how = _way(experiment, role)
        query = (f"SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = {literal(role.name)}",)
        subject = f"role {role.name}"
        facts.looked_at(subject, query, "no superuser, no BYPASSRLS, owner of no multi-tenant table")
        if role.superuser:
            facts.saw(subject, f"the application {how} a superuser", query)
        elif role.bypassrls:
            facts.saw(subject, f"the application {how} a role with BYPASSRLS", query)
        if owned := [table for table in experiment.tenancy.tables.values() if table.relation.owner == role.oid]:
            names = shown(table.relation.title for table in owned)
            facts.saw(subject, f"the application {how} the owner of {names}, who can take the policies off", query)
        schemas = {table.relation.schema for table in experiment.tenancy.tables.values()}
        if mine := sorted(name for name in schemas if experiment.catalog.schemas[name].owner == role.oid):
            facts.saw(
                subject, f"the application {how} the owner of schema {shown(mine)}, who can drop its tables", query
            )
    return facts


def _way(experiment: Experiment, role: Role) -> str:
    if role == experiment.reach.login:
        return "is"
    return "has the rights of" if role.oid in experiment.reach.at_once else "can become"


def powers(experiment: Experiment) -> Facts:
    """Attributes, predefined roles and functions that reach rows without asking a policy."""
    facts, reach = Facts(), experiment.reach
    login = f"role {reach.login.name}"
    facts.looked_at(login, (f"SELECT * FROM pg_roles WHERE rolname = {literal(reach.login.name)}",), "no such power")
    if reach.all_powerful:
        return facts
    for role in reach.becomes:
        how = (f"SELECT rolreplication, rolcreaterole FROM pg_roles WHERE rolname = {literal(role.name)}",)
        way = _way(experiment, role)
        if role.replication:
            facts.saw(login, f"{way} a role with REPLICATION, which decodes the changes of every tenant", how)
        if role.createrole and experiment.catalog.version < 160000:
            facts.saw(login, f"{way} a role with CREATEROLE, which can grant itself the tables' owner", how)
        if role.name in POWERS:
            how = (f"SELECT pg_has_role({literal(reach.login.name)}, {literal(role.name)}, 'MEMBER')",)
            facts.saw(login, f"is a member of {role.name}, which {POWERS[role.name]}", how)
    for role in reach.becomes:
        _server_functions(experiment, role, facts)
    if experiment.catalog.version >= 150000:
        how = _PARAMETERS.format(oids=", ".join(map(str, sorted(reach.everything))))
        if names := [name for (name,) in experiment.session.attempt(how).rows]:
            facts.saw(login, f"may set {shown(names)}, which only a superuser should", (how,))
    return facts


def _server_functions(experiment: Experiment, role: Role, facts: Facts) -> None:
    how = _SERVER_FUNCTIONS.format(role=literal(role.name)).strip()
    predefined = role.name in POWERS
    if not predefined and (names := [name for (name,) in experiment.session.attempt(how).rows]):
        facts.saw(f"role {role.name}", f"may execute {shown(names, 3)}", (how,))
    for name in _SYSTEM_TABLES:
        question = f"SELECT has_table_privilege({literal(role.name)}, 'pg_catalog.{name}', 'SELECT')"
        rows = experiment.session.attempt(question).rows
        if (
            rows
            and rows[0][0]
            and not (predefined or (name == "pg_largeobject" and experiment.catalog.open_large_objects))
        ):
            facts.saw(
                f"role {role.name}", f"may read pg_catalog.{name}, which holds values of every tenant", (question,)
            )


def past_policies(experiment: Experiment) -> Facts:
    """Table privileges that row-level security does not govern: TRUNCATE, TRIGGER and REFERENCES.

    https://www.postgresql.org/docs/current/ddl-rowsecurity.html: "Operations that apply to the whole table, such
    as TRUNCATE and REFERENCES, are not subject to row security."
    """
    facts, reach = Facts(), experiment.reach
    creates = reach.creates_in()
    for table in experiment.tables:
        relation = table.relation
        how = (f"SELECT relacl FROM pg_class WHERE oid = {literal(relation.sql)}::regclass",)
        facts.looked_at(table.subject, how, "no TRUNCATE, TRIGGER or usable REFERENCES")
        if relation.owner in reach.everything or reach.all_powerful:
            continue
        held = reach.privileges(relation)
        if "TRUNCATE" in held:
            facts.saw(
                table.subject,
                f"may be emptied of every tenant's rows by TRUNCATE ({_to(experiment, relation, 'TRUNCATE')})",
                how,
            )
        if "TRIGGER" in held:
            facts.saw(
                table.subject,
                f"may be given a trigger that runs in other tenants' sessions ({_to(experiment, relation, 'TRIGGER')})",
                how,
            )
        if creates and reach.can(relation, "REFERENCES"):
            actual = (
                f"may be referred to by a foreign key from {shown(creates, 2)}, whose check sees every tenant's rows"
            )
            facts.saw(table.subject, actual, how)
    return facts


def _to(experiment: Experiment, relation: Relation, privilege: str) -> str:
    grantees = [oid for oid in experiment.reach.everything if privilege in relation.grants.get(oid, ())]
    return "granted to " + shown(experiment.reach.names(grantees))


def future_tables(experiment: Experiment) -> Facts:
    """Default privileges that hand tables which do not exist yet to the application; shown by making one."""
    facts, reach = Facts(), experiment.reach
    for owner, schema, grantee, privileges in experiment.catalog.default_grants:
        held = sorted(set(privileges.split()) & set(WHOLE_TABLE))
        role = experiment.catalog.roles.get(owner)
        if role is None or grantee not in reach.everything or not held or role.oid in reach.everything:
            continue
        subject = f"default privileges of {role.name}" + (f" in schema {schema}" if schema else "")
        to = "PUBLIC" if grantee == PUBLIC else experiment.catalog.roles[grantee].name
        outcome, how = _made(experiment, role, schema)
        if outcome == "protected":
            facts.looked_at(subject, how, "a new table is protected at once")
        else:
            facts.saw(subject, f"give {to} {', '.join(held)} on every table made later; {outcome}", how)
    facts.looked_at(
        "default privileges", ("SELECT * FROM pg_default_acl",), "none for tables that reaches the application"
    )
    return facts


def _made(experiment: Experiment, owner: Role, schema: str) -> tuple[str, list[str]]:
    """What became of a new table's row: seen by tenant A, or protected by an event trigger."""
    names = [schema] if schema else sorted({table.relation.schema for table in experiment.tenancy.tables.values()})
    name = identifier(names[0] if names else "public", "canary_of_the_next_migration")
    setup = [
        f"SET LOCAL ROLE {identifier(owner.name)}",
        f"CREATE TABLE {name} (tenant_id text, note text)",
        f"INSERT INTO {name} VALUES ({literal(experiment.tenants.b)}, 'canary')",
        "RESET ROLE",
    ]
    protection = f"SELECT relrowsecurity FROM pg_class WHERE oid = {literal(name)}::regclass"
    trial = experiment.session.attempt(
        f"SELECT note FROM {name}", identity=experiment.as_a, setup=setup, truth=protection
    )
    if trial.rows:
        return "tenant A sees tenant B's row in a new table", list(trial.statements)
    if trial.truth and trial.truth[0][0]:
        return "protected", list(trial.statements)
    return "a new table has no row-level security until somebody adds it", list(trial.statements)
