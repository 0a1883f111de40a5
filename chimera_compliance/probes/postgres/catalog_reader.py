"""Fills a `Catalog` from the server, in one pass over a fixed number of queries."""

from collections import defaultdict

from chimera_compliance.probes.postgres import catalog_queries as queries
from chimera_compliance.probes.postgres.catalog import (
    Catalog,
    Column,
    Function,
    Key,
    Policy,
    Reference,
    Relation,
    Role,
    Schema,
)
from chimera_compliance.probes.postgres.session import Session


def read_catalog(session: Session, schemas: list[str]) -> Catalog:
    """Read all of it; `schemas` limits the judged relations and functions when it names any."""
    version, login, _, database, recovering, superuser, sees_all, compat = session.query(queries.SERVER)[0]
    relations = {row[0]: Relation(*row[:12]) for row in session.query(queries.RELATIONS)}
    functions = {row[0]: Function(*row) for row in session.query(queries.FUNCTIONS)}
    named = {row[1]: Schema(*row) for row in session.query(queries.SCHEMAS)}
    domain_checks: dict[int, list[str]] = defaultdict(list)
    numbers = _add_columns(session, relations)
    servers, database_grants = _add_grants(session, relations, functions, named)
    _add_policies(session, relations, numbers)
    _add_constraints(session, relations, numbers, domain_checks)
    _add_dependencies(session, relations)
    _, owner, _ = session.query(queries.DATABASE_OWNER)[0]
    catalog = Catalog(
        version=version,
        login=login,
        database=database,
        recovering=recovering,
        superuser=superuser,
        sees_all=sees_all,
        open_large_objects=compat == "on",
        roles={row[0]: Role(*row) for row in session.query(queries.ROLES)},
        memberships=session.query(queries.MEMBERSHIPS),
        schemas=named,
        relations=relations,
        functions=functions,
        role_settings=session.query(queries.ROLE_SETTINGS),
        default_grants=session.query(queries.DEFAULT_GRANTS),
        foreign={row[0]: row[1:] for row in session.query(queries.FOREIGN_TABLES)},
        servers=servers,
        mappings=session.query(queries.USER_MAPPINGS),
        database_grants=database_grants,
        database_owner=owner,
        sequence_owners={row[0]: (row[1], row[2]) for row in session.query(queries.SEQUENCE_OWNERS)},
        enum_labels=dict(session.query(queries.ENUM_LABELS)),
        domain_checks=domain_checks,
        partition_keys=_partition_keys(session),
    )
    return _limited(catalog, schemas)


def _partition_keys(session: Session) -> dict[int, set[str]]:
    keys: dict[int, set[str]] = defaultdict(set)
    for relation, column in session.query(queries.PARTITION_KEYS):
        keys[relation].add(column)
    return keys


def _limited(catalog: Catalog, schemas: list[str]) -> Catalog:
    if schemas:
        catalog.relations = {oid: item for oid, item in catalog.relations.items() if item.schema in schemas}
        catalog.functions = {oid: item for oid, item in catalog.functions.items() if item.schema in schemas}
    return catalog


def _add_columns(session: Session, relations: dict[int, Relation]) -> dict[tuple[int, int], str]:
    numbers = {}
    for row in session.query(queries.COLUMNS):
        if row[0] in relations:
            column = Column(*row)
            relations[column.relation].columns[column.name] = column
            numbers[column.relation, column.number] = column.name
    return numbers


def _add_grants(session, relations, functions, schemas) -> tuple[dict, dict]:
    servers: dict[int, dict[int, set[str]]] = defaultdict(dict)
    database: dict[int, set[str]] = {}
    by_oid = {schema.oid: schema for schema in schemas.values()}
    for kind, oid, grantee, privileges in session.query(queries.GRANTS):
        held = set(privileges.split())
        match kind:
            case "server":
                servers[oid][grantee] = held
            case "database":
                database[grantee] = held
            case _:
                item = {"relation": relations, "function": functions, "schema": by_oid}[kind].get(oid)
                if item:
                    item.grants[grantee] = held
    for oid, column, grantee, privilege in session.query(queries.COLUMN_GRANTS):
        if oid in relations:
            relations[oid].column_grants.setdefault(column, {}).setdefault(grantee, set()).add(privilege)
    return servers, database


def _add_policies(session, relations, numbers) -> None:
    policies = {row[0]: Policy(*row) for row in session.query(queries.POLICIES)}
    for policy in policies.values():
        if policy.relation in relations:
            relations[policy.relation].policies.append(policy)
    for oid, catalog, needed, number in session.query(queries.POLICY_NEEDS):
        policy = policies[oid]
        if catalog == "pg_proc":
            policy.functions.add(needed)
        elif needed == policy.relation:
            policy.columns.add(numbers.get((needed, number), ""))
        else:
            policy.relations.add(needed)


def _add_constraints(session, relations, numbers, domain_checks) -> None:
    def names(oid: int, positions: list[int]) -> list[str]:
        return [numbers[oid, position] for position in positions if (oid, position) in numbers]

    for _, oid, name, primary, _, exclusion, partial, positions, expressions, keyed in session.query(queries.KEYS):
        if oid in relations:
            columns = names(oid, positions[:keyed])
            relations[oid].keys.append(Key(name, primary, exclusion, partial, columns, expressions))
    for oid, name, kind, parent, columns, parent_columns, definition, domain in session.query(queries.CONSTRAINTS):
        if kind == "c" and domain:
            domain_checks[domain].append(definition)
        elif kind == "c" and oid in relations:
            relations[oid].checks.append(definition)
        elif oid in relations and parent in relations:
            reference = Reference(name, parent, names(oid, columns), names(parent, parent_columns))
            relations[oid].references.append(reference)


def _add_dependencies(session, relations) -> None:
    for child, parent in session.query(queries.INHERITANCE):
        if child in relations:
            relations[child].parents.append(parent)
        if child in relations and parent in relations and relations[parent].kind == "p":
            relations[parent].rows = max(relations[parent].rows, 0) + max(relations[child].rows, 0)
    for view, needed in session.query(queries.VIEW_NEEDS):
        if view in relations:
            relations[view].needs.add(needed)
    for relation, _, function in session.query(queries.TRIGGERS):
        if relation in relations:
            relations[relation].triggers.append(function)
