"""The experiment: rows of several tenants are planted, and the application's role looks at them as deployed.

Everything happens in one transaction of the catalog login that is rolled back. What is looked for lives in the
sibling modules; each takes the experiment and returns facts.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from chimera_compliance.probes.postgres.binding import Binder, Binding
from chimera_compliance.probes.postgres.catalog import SMALL, Catalog, Column, Relation
from chimera_compliance.probes.postgres.expressions import Expressions, Mentions
from chimera_compliance.probes.postgres.facts import Facts
from chimera_compliance.probes.postgres.planting import Planter
from chimera_compliance.probes.postgres.reach import Reach
from chimera_compliance.probes.postgres.rows import Row
from chimera_compliance.probes.postgres.session import Identity, Session, Trial, identifier, literal
from chimera_compliance.probes.postgres.tenancy import Tenancy, TenantTable
from chimera_compliance.probes.postgres.tenants import Tenants, choose_tenants
from chimera_compliance.probes.postgres.values import Filler

_ALIKE = 2  # tables tried of each shape, where there are more than _MANY
_MANY = 150
_MOST_VARIANTS = 8
_LOCKS_BESIDE = 6  # the table, its TOAST table with an index, a sequence, and two other indexes
_LOCKS_OF_A_PARENT = 3


def _constants(column: Column, mentions: Mentions) -> list[str]:
    """What a policy may compare a column with: its constants, and numbers on either side of them."""
    if column.base == "bool":
        return ["true", "false"]
    if column.category == "D":
        return ["1970-01-01", "2999-01-01", *mentions.strings[:2]]
    if column.category == "N":
        return [str(int(number) + step) for number in mentions.numbers[:3] for step in (0, 1, -1)]
    begun = [text.replace("%", "x").replace("_", "x") for text in mentions.strings if "%" in text]
    return [*mentions.strings, *begun]


@dataclass
class Experiment:
    """What the looks have in common."""

    session: Session
    catalog: Catalog
    reach: Reach
    tenancy: Tenancy
    expressions: Expressions
    app: Identity
    setting: str | None
    defaults: dict[str, str] = field(default_factory=dict)
    tenants: Tenants = field(init=False)
    planter: Planter = field(init=False)
    own: dict[int, Row] = field(default_factory=dict)
    foreign: dict[int, list[tuple[str, Row]]] = field(default_factory=dict)
    binding: Binding | None = None

    def __post_init__(self) -> None:
        self.tenants = choose_tenants(self.tenancy)
        self.planter = Planter(self.session, self.catalog, self.tenancy)
        self.planter.settings = {self.setting: ""} if self.setting else {}

    @cached_property
    def tables(self) -> list[TenantTable]:
        """The multi-tenant tables that the application can touch."""
        return [table for table in self.tenancy.tables.values() if self.reach.touches(table.relation)]

    @cached_property
    def tried(self) -> list[TenantTable]:
        """The tables that are tried: all, or a few of each shape where there are many; of those, this batch."""
        chosen = self._chosen()
        return chosen if self.batch is None else [table for table in chosen if table.relation.oid in self.batch]

    def batches(self, locks: int) -> list[frozenset[int]]:
        """The tables that are tried, in batches that hold no more than so many locks at a time (one at least)."""
        found, batch, held = [], set(), 0
        for table in self._chosen():
            needed = self._locks(table.relation)
            if batch and held + needed > locks:
                found.append(frozenset(batch))
                batch, held = set(), 0
            batch.add(table.relation.oid)
            held += needed
        return [*found, frozenset(batch)]

    def _locks(self, relation: Relation) -> int:
        """About how many: the table with what is stored beside it, its indexes, partitions and parents."""
        children = (
            [child for child in self.catalog.tables if relation.oid in child.parents] if relation.kind == "p" else []
        )
        own = _LOCKS_BESIDE + len(relation.keys) + _LOCKS_OF_A_PARENT * len(relation.references)
        return own + sum(self._locks(child) for child in children)

    def _chosen(self) -> list[TenantTable]:
        if len(self.tables) <= _MANY:
            return self.tables
        by_shape: dict[tuple, list[TenantTable]] = {}
        for table in self.tables:
            by_shape.setdefault(self._shape(table), []).append(table)
        self.alike = {table.subject for group in by_shape.values() for table in group[_ALIKE:]}
        return [table for group in by_shape.values() for table in group[:_ALIKE]]

    alike: set[str] = field(default_factory=set)
    batch: frozenset[int] | None = None

    def _shape(self, table: TenantTable) -> tuple:
        item = table.relation
        policies = [(p.command, p.permissive, tuple(p.roles), p.using, p.check) for p in item.policies]
        columns = [(name, column.type, column.required) for name, column in item.columns.items()]
        grants = [(oid, tuple(sorted(held))) for oid, held in item.grants.items()]
        keys = [(key.primary, key.partial, key.columns, key.expressions) for key in item.keys]
        references = [(r.columns, r.parent_columns, r.parent in self.tenancy.tables) for r in item.references]
        text = repr((policies, columns, grants, sorted(item.column_grants), keys, references, item.checks))
        shape = text.replace(item.title, "").replace(f"{item.name}.", "")
        return item.rls, item.forced, item.owner, item.kind, item.schema, tuple(item.triggers), shape

    def plant(self) -> None:
        """Plant a row of every tenant in every table that is tried."""
        for table in self.tried:
            row = self.planter.row(table.relation, self.tenants.a)
            if row:
                self.own[table.relation.oid] = row
            self.foreign[table.relation.oid] = list(self._foreign_rows(table))
        self.session.attempt("SET CONSTRAINTS ALL IMMEDIATE", keep=True)

    def _foreign_rows(self, table: TenantTable):
        relation = table.relation
        for label, tenant in self.tenants.others.items():
            if row := self.planter.row(relation, tenant):
                yield label, row
        orphan = table.column and not relation.columns[table.column].required and not table.root
        if orphan and (row := self.planter.plant(relation, None, owner=self.tenants.b)):
            yield "a row that belongs to no tenant", row
        for overrides in self._variants(table):
            if row := self.planter.plant(relation, self.tenants.b, overrides):
                name, value = next(iter(overrides.items()))
                yield f"tenant B's row with {name} = {value}", row

    def _variants(self, table: TenantTable) -> list[dict[str, str | None]]:
        """Values of other columns that policies compare: rows that an OR might let through."""
        relation = table.relation
        mentions = self.expressions.mentions_of(relation)
        compared = {name for policy in relation.policies for name in policy.columns if name in relation.columns}
        found: list[dict[str, str | None]] = []
        if any(f"{relation.name}.*" in policy.text for policy in relation.policies):
            compared |= {name for name in relation.columns if name in mentions.text}
        for name in sorted(compared - {table.column, *relation.primary}):
            column = relation.columns[name]
            if any(name in reference.columns for reference in relation.references):
                continue
            values = _constants(column, mentions) or [Filler(self.catalog, "canary").value(relation, column)]
            found += [{name: value} for value in values] + ([] if column.required else [{name: None}])
        return found[:_MOST_VARIANTS]

    def bind(self) -> Binding:
        """Find how a session is bound to tenant A."""
        binder = Binder(self.session, self.reach, self.planter, self.expressions, self.tried, self.setting, self.app)
        self.settings = binder.settings
        self.binding = binder.bind(self.tenants.a, self.own)
        return self.binding

    settings: list[str] = field(default_factory=list)

    @property
    def as_a(self) -> Identity:
        """The application bound to tenant A."""
        return self.binding.identity

    @property
    def as_b(self) -> Identity:
        """The same for tenant B: every value of A's that the binding holds is B's."""
        behind = self.expressions.tables_behind([table.relation for table in self.tried])
        pairs = [(self.tenants.a, self.tenants.b)]
        for relation in behind:
            mine, theirs = self.planter.row(relation, self.tenants.a), self.planter.row(relation, self.tenants.b)
            if mine and theirs:
                pairs += [
                    (value, theirs.values[name]) for name, value in mine.values.items() if value and theirs.values[name]
                ]
        settings = dict(self.as_a.settings)
        for name, value in settings.items():
            for old, new in pairs:
                if len(old) > 2 and old in value:
                    value = value.replace(old, new)
            settings[name] = value
        return Identity(self.app.login, self.app.role, settings, self.app.becomes)

    def script(self, row: Row | None, trial: Trial) -> list[str]:
        """The statements that show a trial again, planting included."""
        return [*(row.script if row else ()), *trial.statements]

    def readable(self, table: TenantTable, oids: frozenset[int] | None = None) -> list[str]:
        """The columns that the application may select."""
        return self.reach.columns(table.relation, "SELECT", self.reach.at_once if oids is None else oids)

    def visible(
        self, table: TenantTable, identity: Identity, oids: frozenset[int] | None = None, but: str | None = None
    ) -> tuple[list[tuple[str, Row | None]], Trial | None]:
        """Which rows of other tenants an identity sees in a table; `but` is a tenant whose rows it may see."""
        columns = self.readable(table, oids)
        rows = [
            (label, row) for label, row in self.foreign.get(table.relation.oid, ()) if row.tenant != but or but is None
        ]
        questions = [
            f"SELECT {number}::int FROM {table.relation.sql} WHERE {condition}"
            for number, (_, row) in enumerate(rows)
            if (condition := row.recognised_by(columns, table.column))
        ]
        if self._whole(table, columns) and but is None:
            questions.append(
                f"(SELECT -1 FROM {table.relation.sql} WHERE {identifier(table.column)} IS DISTINCT FROM "
                f"{literal(self.tenants.a)}::{table.relation.columns[table.column].type} LIMIT 1)"
            )
        if not questions:
            return [], None
        trial = self.session.attempt(" UNION ALL ".join(questions), identity=identity)
        found = sorted({number for (number,) in trial.rows}, key=lambda number: number if number >= 0 else 99)
        return [rows[number] if number >= 0 else ("an existing row of another tenant", None) for number in found], trial

    def _whole(self, table: TenantTable, columns: list[str]) -> bool:
        """Whether rows that were there before can be looked for: a plain tenant column in a small table."""
        plain = table.column in columns and not table.path and not table.array
        return plain and table.relation.rows < SMALL

    def each(self, look: Callable[[TenantTable, Facts], None]) -> Facts:
        """A look at every table that is tried; those that are alike count as looked at."""
        facts = Facts()
        for table in self.tried:
            look(table, facts)
        if not facts.seen and not facts.undecided:
            facts.decided |= dict.fromkeys(self.alike)
        return facts

    def unplanted(self, relation: Relation) -> str:
        """Why a table has no canary rows."""
        return self.planter.reasons.get(relation.oid, "its parents have no canary row")
