"""The catalog facts of one database, read in one pass and kept as plain objects.

Everything that reasons about tables, policies, functions and roles works on these, never on the server, so that
five thousand tables cost the same handful of queries as five.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from chimera_compliance.probes.postgres import catalog_queries as queries
from chimera_compliance.probes.postgres.session import Session, identifier

PUBLIC = 0


@dataclass(slots=True)
class Role:
    oid: int
    name: str
    superuser: bool
    inherit: bool
    createrole: bool
    createdb: bool
    login: bool
    replication: bool
    bypassrls: bool


@dataclass(slots=True)
class Column:
    relation: int
    number: int
    name: str
    type: str
    base: str
    kind: str
    category: str
    type_oid: int
    modifier: int
    required: bool
    default: str | None
    identity: str
    generated: str
    domain: int | None = None

    @property
    def serial(self) -> bool:
        """Whether its default takes the next value of a sequence."""
        return bool(self.default and "nextval(" in self.default)


@dataclass(slots=True)
class Policy:
    oid: int
    relation: int
    name: str
    command: str
    permissive: bool
    roles: list[int]
    using: str | None
    check: str | None
    functions: set[int] = field(default_factory=set)
    columns: set[str] = field(default_factory=set)
    relations: set[int] = field(default_factory=set)

    @property
    def text(self) -> str:
        """Its expressions as the server deparses them."""
        return " ".join(filter(None, (self.using, self.check)))


@dataclass(slots=True)
class Key:
    """A unique or exclusion index."""

    name: str
    primary: bool
    exclusion: bool
    partial: bool
    columns: list[str]
    expressions: str


@dataclass(slots=True)
class Reference:
    """A foreign key."""

    name: str
    parent: int
    columns: list[str]
    parent_columns: list[str]


@dataclass(slots=True)
class Relation:
    oid: int
    schema: str
    name: str
    kind: str
    owner: int
    rls: bool
    forced: bool
    rows: float
    partition: bool
    options: str
    bound: str | None
    populated: bool
    columns: dict[str, Column] = field(default_factory=dict)
    grants: dict[int, set[str]] = field(default_factory=dict)
    column_grants: dict[str, dict[int, set[str]]] = field(default_factory=dict)
    policies: list[Policy] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    needs: set[int] = field(default_factory=set)
    triggers: list[int] = field(default_factory=list)

    @property
    def title(self) -> str:
        """``schema.name`` for people."""
        return f"{self.schema}.{self.name}"

    @property
    def sql(self) -> str:
        """The quoted name."""
        return identifier(self.schema, self.name)

    @property
    def is_table(self) -> bool:
        """Whether it is an ordinary or partitioned table."""
        return self.kind in "rp"

    @property
    def primary(self) -> list[str]:
        """The columns of the primary key, or of another unique key over required columns."""
        whole = [key for key in self.keys if not (key.partial or key.expressions or key.exclusion)]
        usable = [key for key in whole if key.primary or all(self.columns[name].required for name in key.columns)]
        return min(usable, key=lambda key: not key.primary).columns if usable else []

    def option(self, name: str) -> bool:
        """Whether a boolean storage option such as security_invoker is on."""
        values = dict(item.partition("=")[::2] for item in self.options.split(",") if item)
        return values.get(name, "").lower() in ("true", "on", "1", "yes")


@dataclass(slots=True)
class Function:
    oid: int
    schema: str
    name: str
    owner: int
    language: str
    definer: bool
    leakproof: bool
    kind: str
    returns_set: bool
    returns: str
    arity: int
    defaults: int
    argument_names: list[str]
    argument_types: list[str]
    argument_categories: list[str]
    config: list[str]
    source: str
    parsed_body: bool
    argument_modes: list[str]
    grants: dict[int, set[str]] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """``schema.name(types)``."""
        return f"{self.schema}.{self.name}({', '.join(self.argument_types)})"

    @property
    def sql(self) -> str:
        """The quoted name."""
        return identifier(self.schema, self.name)

    @property
    def pinned(self) -> bool:
        """Whether it names its own search_path, or was parsed when it was created."""
        return self.parsed_body or any(item.startswith("search_path=") for item in self.config)

    @property
    def trigger(self) -> bool:
        """Whether only a trigger can call it."""
        return self.returns in ("trigger", "event_trigger")


@dataclass(slots=True)
class Schema:
    oid: int
    name: str
    owner: int
    grants: dict[int, set[str]] = field(default_factory=dict)


@dataclass
class Catalog:
    """The facts; everything is keyed by oid unless it says otherwise."""

    version: int
    login: str
    database: str
    recovering: bool
    superuser: bool
    sees_all: bool
    open_large_objects: bool
    roles: dict[int, Role]
    memberships: list[tuple]
    schemas: dict[str, Schema]
    relations: dict[int, Relation]
    functions: dict[int, Function]
    role_settings: list[tuple[str, bool, str]]
    default_grants: list[tuple]
    foreign: dict[int, tuple]
    servers: dict[int, dict[int, set[str]]]
    mappings: list[tuple]
    database_grants: dict[int, set[str]]
    database_owner: int
    sequence_owners: dict[int, tuple[int, str]]
    enum_labels: dict[int, str]
    domain_checks: dict[int, list[str]]
    partition_keys: dict[int, set[str]]

    @property
    def tables(self) -> list[Relation]:
        """Ordinary and partitioned tables, partitions too."""
        return [relation for relation in self.relations.values() if relation.is_table]

    def role(self, name: str) -> Role:
        """The role of that name; KeyError when there is none."""
        return next(role for role in self.roles.values() if role.name == name)

    def of_kind(self, kinds: str) -> list[Relation]:
        """Relations by pg_class.relkind letters."""
        return [relation for relation in self.relations.values() if relation.kind in kinds]


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
    for view, needed in session.query(queries.VIEW_NEEDS):
        if view in relations:
            relations[view].needs.add(needed)
    for relation, _, function in session.query(queries.TRIGGERS):
        if relation in relations:
            relations[relation].triggers.append(function)
