"""What the application's role changes: rows made for, moved to or taken from another tenant.

A write is judged by what the catalog login sees after it, never by the answer: a policy may admit a change to
rows that it does not show, and a trigger may turn a row for tenant B into one for tenant A.
"""

from chimera_compliance.probes.postgres.catalog import SMALL, Column, Relation
from chimera_compliance.probes.postgres.experiment import Experiment
from chimera_compliance.probes.postgres.facts import Facts
from chimera_compliance.probes.postgres.rows import Row, insertion
from chimera_compliance.probes.postgres.session import Identity, Trial, identifier, literal
from chimera_compliance.probes.postgres.tenancy import TenantTable

_FOREIGN_KEY, _REFUSED = "23503", "42501"


def writes(experiment: Experiment) -> Facts:
    """Writes across tenants while tenant A is bound."""

    def look(table: TenantTable, facts: Facts) -> None:
        if table.relation.oid not in experiment.own or not experiment.foreign.get(table.relation.oid):
            if any(experiment.reach.can(table.relation, verb) for verb in ("INSERT", "UPDATE", "DELETE")):
                facts.could_not(table.subject, experiment.unplanted(table.relation))
            return
        _Writes(experiment, table, facts, experiment.as_a, "tenant A").all()

    return experiment.each(look)


def unbound_writes(experiment: Experiment, facts: Facts) -> Facts:
    """Writes while no tenant is bound; part of the same look as the reads without a tenant."""
    app = experiment.app
    names = experiment.binding.settings if experiment.binding else ()
    identity = Identity(app.login, app.role, {**experiment.defaults, **dict.fromkeys(names, "")}, app.becomes)
    for table in experiment.tried:
        if experiment.foreign.get(table.relation.oid) and not facts.saw_about(table.subject):
            _Writes(experiment, table, facts, identity, "with no tenant set, the application").blind()
    return facts


class _Writes:
    """The writes that are tried on one table."""

    def __init__(self, experiment: Experiment, table: TenantTable, facts: Facts, identity: Identity, who: str) -> None:
        self.experiment, self.table, self.facts = experiment, table, facts
        self.identity, self.who = identity, who
        self.relation = table.relation
        self.own = experiment.own.get(self.relation.oid)
        self.foreign = experiment.foreign[self.relation.oid]
        self.label, self.other = self.foreign[0]
        self.everything = list(self.relation.columns)

    def all(self) -> None:
        """Every kind of write."""
        self.insert()
        self.restamp()
        self.blind()

    def blind(self) -> None:
        """Changes of whatever the policies for UPDATE and DELETE admit, seen or not."""
        self.update()
        self.delete()

    def _may(self, privilege: str) -> list[str]:
        reach = self.experiment.reach
        return reach.columns(self.relation, privilege, reach.at_once)

    def _saw(self, what: str, trial: Trial, row: Row | None) -> None:
        self.facts.saw(self.table.subject, f"{self.who} {what}", self.experiment.script(row, trial))

    def _tried(self, trial: Trial) -> None:
        self.facts.looked_at(self.table.subject, trial.statements, trial.message or "no row of another tenant changed")

    def _key_of(self, row: Row) -> str:
        return row.recognised_by(self.everything, self.table.column) or "false"

    def insert(self) -> None:
        """A new row for tenant B."""
        columns = self._may("INSERT")
        if not columns:
            return
        values, marker = self.experiment.planter.candidate(self.relation, self.other.tenant)
        given = {name: value for name, value in values.items() if name in columns}
        row = Row(self.relation, self.other.tenant, marker, values, ())
        condition = row.recognised_by(list(given), self.table.column) or "false"
        if self.table.column and not (self.table.path or self.table.array):
            condition += " AND " + row.matches([self.table.column])
        truth = f"SELECT 1 FROM {self.relation.sql} WHERE {condition}"
        trial = self.experiment.session.attempt(insertion(self.relation, given), identity=self.identity, truth=truth)
        if trial.truth:
            self._saw("made a new row for tenant B", trial, self.other)
        else:
            self._tried(trial)

    def restamp(self) -> None:
        """A's own row given to tenant B, with all that the keys to B's parents need."""
        columns = self._may("UPDATE")
        moved = self._tenant_columns()
        if not moved or not set(moved) <= set(columns) or self.own is None:
            return
        sets = ", ".join(f"{identifier(name)} = {literal(self.other.values[name])}" for name in moved)
        kept = [name for name in self.relation.primary if name not in moved] or None
        where = self.own.matches(kept) if kept else "false"
        truth = f"SELECT 1 FROM {self.relation.sql} WHERE {where} AND {self.other.matches(moved)}"
        for condition in self._conditions(self.own):
            trial = self._attempt(f"UPDATE {self.relation.sql} SET {sets}{condition}", truth)
            if trial.truth:
                self._saw("gave its own row to tenant B", trial, self.own)
                return
        self._tried(trial)

    def _tenant_columns(self) -> list[str]:
        """The tenant column and the keys to parents that have a tenant."""
        tenancy, names = self.experiment.tenancy, [self.table.column] if self.table.column else []
        for reference in self.relation.references:
            if reference.parent in tenancy.tables and reference.parent != self.relation.oid:
                names += reference.columns
        return [name for name in dict.fromkeys(names) if self.own and self.own.values[name] != self.other.values[name]]

    def _conditions(self, row: Row) -> list[str]:
        """No WHERE at all, since one calls in the policies for SELECT; only the row where a table is large."""
        targeted = f" WHERE {self._key_of(row)}"
        return ["", targeted] if self.relation.rows < SMALL else [targeted]

    def update(self) -> None:
        """Another tenant's row changed."""
        column = self._changeable(self._may("UPDATE"))
        if column is None:
            return
        value = self._new_value(column)
        set_to = f"{identifier(column.name)} = {value}"
        truth = " UNION ALL ".join(
            f"SELECT {number}::int FROM {self.relation.sql} WHERE {self._key_of(row)} AND "
            f"{identifier(column.name)} IS NOT DISTINCT FROM {value}::{column.type}"
            for number, (_, row) in enumerate(self.foreign)
        )
        for condition in self._conditions(self.other):
            trial = self._attempt(f"UPDATE {self.relation.sql} SET {set_to}{condition}", truth)
            if trial.truth:
                label, row = self.foreign[trial.truth[0][0]]
                self._saw(f"changed {label if row.tenant != self.other.tenant else 'a row of ' + label}", trial, row)
                return
        self._tried(trial)

    def _changeable(self, columns: list[str]) -> Column | None:
        relation = self.relation
        keyed = {name for key in relation.keys for name in key.columns} | set(relation.primary)
        keyed |= {name for reference in relation.references for name in reference.columns} | {self.table.column}
        usable = [relation.columns[name] for name in columns if name not in keyed]
        usable = [column for column in usable if not (column.generated or column.identity)]
        checked = " ".join(relation.checks)
        usable.sort(key=lambda column: (column.name in checked, column.category != "S", column.required))
        return usable[0] if usable else None

    def _new_value(self, column: Column) -> str:
        if column.category == "S" and column.name not in " ".join(self.relation.checks) and column.kind != "e":
            limit = column.modifier - 4 if column.modifier > 4 else 20
            return literal("changed-by-canary"[:limit])
        sample = self.own.values[column.name] if self.own else None
        values, _ = self.experiment.planter.candidate(self.relation, self.other.tenant)
        changed = {"N": "7", "B": "true", "D": "2001-02-03"}.get(column.category, values.get(column.name))
        return literal(changed if changed != sample else None)

    def delete(self) -> None:
        """Another tenant's row deleted."""
        if not self._may("DELETE"):
            return
        left = " UNION ALL ".join(
            f"SELECT {number}::int FROM {self.relation.sql} WHERE {self._key_of(row)}"
            for number, (_, row) in enumerate(self.foreign)
        )
        setup = self._without_children()
        for condition in self._conditions(self.other):
            statement = f"DELETE FROM {self.relation.sql}{condition}"
            trial = self.experiment.session.attempt(statement, identity=self.identity, setup=setup, truth=left)
            gone = set(range(len(self.foreign))) - {number for (number,) in trial.truth}
            if not trial.failed and gone:
                label, row = self.foreign[min(gone)]
                self._saw(f"deleted {'a row of ' if label.startswith('tenant B') else ''}{label}", trial, row)
                return
            if trial.sqlstate == _FOREIGN_KEY and not condition:
                self._saw("reached, by DELETE, rows that other rows refer to; its own has none", trial, self.own)
                return
        self._tried(trial)

    def _without_children(self) -> list[str]:
        """Deletes the planted rows that refer to this table's, so that a refusal is not a foreign key's."""
        below, rows = {self.relation.oid}, list(self.experiment.planter.rows.values())
        rows += [row for found in self.experiment.foreign.values() for _, row in found]
        doomed: list[Row] = []
        for row in rows:
            refers = any(reference.parent in below for reference in row.relation.references)
            if refers and row.relation.oid != self.relation.oid:
                below.add(row.relation.oid)
                doomed.append(row)
        doomed += [row for row in rows if row.relation.oid in below - {self.relation.oid} and row not in doomed]
        lines = [f"DELETE FROM {row.relation.sql} WHERE {self._full_key(row)}" for row in reversed(doomed)]
        return list(dict.fromkeys(lines))

    def _full_key(self, row: Row) -> str:
        return row.recognised_by(list(row.relation.columns), None) or "false"

    def _attempt(self, statement: str, truth: str) -> Trial:
        return self.experiment.session.attempt(statement, identity=self.identity, truth=truth)


def rows_of(relation: Relation, rows: list[Row]) -> list[Row]:
    """The rows of one relation."""
    return [row for row in rows if row.relation.oid == relation.oid]
