"""The catalog facts of one database, read in one pass and kept as plain objects.

Everything that reasons about tables, policies, functions and roles works on these, never on the server, so that
five thousand tables cost the same handful of queries as five.
"""

from dataclasses import dataclass, field

from chimera_compliance.probes.postgres.session import identifier

PUBLIC = 0
SMALL = 20_000  # rows, as the planner estimates; larger tables are never read or changed without a key


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
    volatility: str
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
