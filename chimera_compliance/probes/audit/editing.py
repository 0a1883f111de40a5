"""Whether the application can change, remove or take away rows of the trail: tried, and rolled back.

What a role may do is the catalog's word; whether it comes to anything is the server's. A trigger that refuses, a rule
that does nothing and a policy that admits no update are as good as a privilege that was never granted.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from chimera_compliance.probes.postgres.catalog import SMALL, Relation, Role
from chimera_compliance.probes.postgres.expressions import Expressions
from chimera_compliance.probes.postgres.facts import Facts
from chimera_compliance.probes.postgres.planting import Planter
from chimera_compliance.probes.postgres.session import Identity, Session, Trial, identifier, literal
from chimera_compliance.probes.postgres.tenancy import Tenancy
from chimera_compliance.probes.postgres.tenants import choose_tenants

if TYPE_CHECKING:
    from chimera_compliance.probes.audit.audit_table import AuditTable

_FALSE = {
    "S": "'tampered'",
    "D": "'2001-02-03'",
    "N": "0",
    "B": "NOT {column}",
    "I": "'203.0.113.9'",
}
_CHANGED_IN_VAIN = ("22", "23")  # classes of SQLSTATE: the value was wrong, not the right to set it


@dataclass(frozen=True)
class Sample:
    """A row of the trail to try things on: the tables through which it is reached, and how it is found."""

    relations: tuple[Relation, ...]
    condition: str
    settings: dict[str, str]

    def where(self, *, readable: bool) -> str:
        """The condition, which needs the right to read."""
        return f" WHERE {self.condition}" if readable else ""


@dataclass
class Editor:
    """Acts as the application on a row of the trail, in a transaction that is rolled back."""

    table: "AuditTable"
    session: Session
    becomes: str

    @cached_property
    def reach(self):
        """What the application can become and touch."""
        return self.table.reach

    @cached_property
    def samples(self) -> list[Sample]:
        """One row of each table, an existing one or one that is planted."""
        return [sample for table in self.table.tables if (sample := self._existing(table) or self._planted(table))]

    def _existing(self, table: Relation) -> Sample | None:
        """A row of a principal's own tenant, bound to it as the target file says."""
        names, target = self.table.settings.columns, self.table.target
        for name, who in target.principals.items():
            tenant = target.audit.tenants.get(name) or who.tenant
            tenant_of = f"row.{identifier(names.tenant)}::text" if names.tenant in table.columns else literal(tenant)
            of_tenant = f"{tenant_of} = {literal(tenant)}" if tenant else "true"
            asked = f"SELECT tableoid::int8, ctid::text FROM {table.sql} AS row WHERE {of_tenant} LIMIT 1"
            settings = {**({self._setting: tenant} if self._setting and tenant else {}), **who.database.settings}
            found = self.session.attempt(asked, identity=self._itself(settings, who.database.role)).rows
            if found and (leaf := self.table.catalog.relations.get(found[0][0])):
                key = self._key(leaf, found[0][1], settings, who.database.role)
                return key and Sample(self._line(table, leaf), key, settings)
        return None

    def _itself(self, settings: dict[str, str], role: str | None) -> Identity | None:
        """Who looks for rows: the application itself where no other login may act as it."""
        return None if self.becomes else Identity(self.reach.login.name, role, settings)

    def _key(self, leaf: Relation, ctid: str, settings: dict[str, str], role: str | None) -> str:
        """A condition over the key, for a place (ctid) could be another's after an update."""
        columns = [name for name in leaf.primary if name in leaf.columns] or list(leaf.columns)[:1]
        asked = (
            f"SELECT {', '.join(f'{identifier(name)}::text' for name in columns)} FROM {leaf.sql} WHERE ctid = '{ctid}'"
        )
        rows = self.session.attempt(asked, identity=self._itself(settings, role)).rows
        pairs = zip(columns, rows[0] if rows else (), strict=False)
        return " AND ".join(
            f"{identifier(name)} = {literal(value)}::{leaf.columns[name].type}" for name, value in pairs
        )

    def _planted(self, table: Relation) -> Sample | None:
        catalog = self.table.catalog
        tenancy = Tenancy(catalog, self.table.db.settings, Expressions(catalog))
        planter = Planter(self.session, catalog, tenancy)
        tenant = choose_tenants(tenancy).a
        row = planter.row(table, tenant) if self.becomes else None
        condition = row and row.recognised_by(list(row.relation.columns), None)
        if not row or not condition:
            return None
        return Sample(self._line(table, row.relation), condition, {self._setting: tenant} if self._setting else {})

    @property
    def _setting(self) -> str | None:
        return self.table.db.settings.tenant_setting

    def _line(self, table: Relation, leaf: Relation) -> tuple[Relation, ...]:
        """The table and what lies between it and the leaf: every name by which the row can be reached."""
        line, queue = {table.oid: table, leaf.oid: leaf}, [leaf]
        while queue:
            for oid in queue.pop().parents:
                if oid not in line and (parent := self.table.catalog.relations.get(oid)):
                    line[oid] = parent
                    queue.append(parent)
        return tuple(line.values())

    def roles(self) -> Iterator[tuple[Role, str | None]]:
        """Every role that the application can act as, and what it takes for it."""
        for role in self.reach.becomes:
            yield role, None if role == self.reach.first else role.name

    def attempt(self, sample: Sample, role: str | None, statement: str, truth: str = "") -> Trial:
        """One statement as the application in that role, bound to the row's tenant."""
        words = self.becomes or "SET LOCAL SESSION AUTHORIZATION"
        app = Identity(self.reach.login.name, role, sample.settings, words)
        return self.session.attempt(statement, identity=app, truth=truth)

    def sees(self, sample: Sample, relation: Relation, role: str | None) -> bool:
        """Whether the row is visible to the application, so that a change in vain is a refusal."""
        return bool(self.attempt(sample, role, f"SELECT 1 FROM {relation.sql} WHERE {sample.condition}").rows)


def changes(editor: Editor) -> Facts:
    """Columns of a row that the application can change."""
    facts = Facts()
    for sample, relation, role, name in _ways(editor):
        may = editor.reach.columns(relation, "UPDATE", editor.reach.holds(role))
        changed = [column for column in may if _changed(editor, sample, relation, name, column, facts)]
        _note(editor, facts, sample, relation, name, "change", bool(may), changed)
    _without_rows(editor, facts, "change", "UPDATE")
    return facts


def _without_rows(editor: Editor, facts: Facts, verb: str, privilege: str) -> None:
    """Where there is no row to try it on, the privilege decides, unless it is there."""
    tried = {relation.oid for sample in editor.samples for relation in sample.relations}
    for relation in editor.table.members:
        subject = f"table {relation.title}"
        if relation.oid in tried:
            continue
        if editor.reach.can(relation, privilege) and relation in editor.table.tables:
            facts.could_not(subject, f"the application may {verb} rows, and there is none to try it on")
        else:
            facts.looked_at(
                subject, (f"SELECT relacl FROM pg_class WHERE oid = {relation.oid}",), f"it has no right to {verb} rows"
            )


def _changed(editor: Editor, sample: Sample, relation: Relation, role: str | None, column: str, facts: Facts) -> bool:
    about = relation.columns[column]
    false = _FALSE.get(about.category, "'{}'" if about.base in ("json", "jsonb") else "{column}")
    where = sample.where(readable=_readable(editor, relation))
    if not where and relation.rows >= SMALL:
        return False
    name = identifier(column)
    for value in (false.replace("{column}", name), name):
        statement = f"UPDATE {relation.sql} SET {name} = {value}{where}"
        trial = editor.attempt(sample, role, statement)
        if trial.count > 0 and not trial.failed:
            facts.saw(f"table {relation.title}", f"{_as(editor, role)} can change {column} of a row", trial.statements)
            return True
        if not trial.failed or not trial.sqlstate.startswith(_CHANGED_IN_VAIN):
            return False
    return False


def removals(editor: Editor) -> Facts:
    """Ways by which the application can remove rows."""
    facts = Facts()
    for sample, relation, role, name in _ways(editor):
        where = sample.where(readable=_readable(editor, relation))
        held = editor.reach.privileges(relation, editor.reach.holds(role))
        done = []
        if "DELETE" in held and (where or relation.rows < SMALL):
            trial = editor.attempt(sample, name, f"DELETE FROM {relation.sql}{where}")
            done += ["delete a row"] if trial.count > 0 and not trial.failed else []
        if "TRUNCATE" in held:
            trial = editor.attempt(sample, name, f"TRUNCATE {relation.sql}")
            done += [] if trial.failed and trial.sqlstate != "0A000" else ["empty it by TRUNCATE"]
        for what in done:
            facts.saw(f"table {relation.title}", f"{_as(editor, name)} can {what}", trial.statements)
        _note(editor, facts, sample, relation, name, "remove", "DELETE" in held, done)
    _without_rows(editor, facts, "delete", "DELETE")
    return facts


def _note(editor, facts: Facts, sample: Sample, relation: Relation, role, verb: str, may: bool, done: list) -> None:
    """The subject was decided, unless a privilege is there and the row was out of sight."""
    subject = f"table {relation.title}"
    if done or not may or editor.sees(sample, relation, role):
        facts.looked_at(
            subject, (f"-- as {_as(editor, role)}: {verb} a row of {relation.title}",), f"it cannot {verb} a row"
        )
    else:
        facts.could_not(subject, f"{_as(editor, role)} may {verb} rows, and sees none of those that there are")


def _ways(editor: Editor) -> Iterator[tuple[Sample, Relation, Role, str | None]]:
    for sample in editor.samples:
        for relation in sample.relations:
            for role, name in editor.roles():
                yield sample, relation, role, name


def _readable(editor: Editor, relation: Relation) -> bool:
    return editor.reach.can(relation, "SELECT")


def _as(editor: Editor, role: str | None) -> str:
    login = editor.reach.login.name
    return f"the application ({login}" + (f", as {role})" if role and role != login else ")")
