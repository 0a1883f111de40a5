"""The audit table of a target: where it lies, who could look at it, and everything that is learned of it once."""

from functools import cached_property

import psycopg

from chimera_compliance.outcomes import Inconclusive, NotReviewed
from chimera_compliance.probes.audit import custody, detours, editing, isolation, purges, structure
from chimera_compliance.probes.audit.editing import Editor
from chimera_compliance.probes.audit.trail import Trail, family, find_tables
from chimera_compliance.probes.postgres.catalog import Catalog, Relation
from chimera_compliance.probes.postgres.catalog_reader import read_catalog
from chimera_compliance.probes.postgres.database import Database
from chimera_compliance.probes.postgres.facts import Facts
from chimera_compliance.probes.postgres.reach import Reach
from chimera_compliance.probes.postgres.session import first_line


class AuditTable:
    """The audit table, or tables where each tenant has one; a session of its own looks at it."""

    def __init__(self, db: Database) -> None:
        self.db, self.target, self.settings = db, db.target, db.target.audit
        self.session = db.new_session()

    def close(self) -> None:
        """End the session."""
        self.session.close()

    @cached_property
    def catalog(self) -> Catalog:
        """The catalog with every schema, for the trail may lie in one that is not judged otherwise."""
        if not self.db.settings.schemas:
            return self.db.catalog
        with self.session.transaction():
            return read_catalog(self.session, [])

    @cached_property
    def reach(self) -> Reach:
        """What the application's login can become and touch."""
        return Reach(
            self.catalog, self.catalog.role(self.db.reach.login.name), self.catalog.role(self.db.reach.first.name)
        )

    @property
    def name(self) -> str | None:
        """As the target file has it."""
        return self.db.settings.audit_table

    @cached_property
    def tables(self) -> list[Relation]:
        """The table, or tables; empty when there is none."""
        return find_tables(self.catalog, self.name) if self.name else []

    @cached_property
    def outboxes(self) -> list[Relation]:
        """The table in which rows wait for their delivery, if the target file names one that exists."""
        return find_tables(self.catalog, self.settings.outbox) if self.settings.outbox else []

    @cached_property
    def members(self) -> list[Relation]:
        """The tables with their partitions and children."""
        return family(self.catalog, self.tables)

    @property
    def subject(self) -> str:
        """The table as findings name it."""
        return f"table {', '.join(table.title for table in self.tables) or self.name}"

    def required(self) -> list[Relation]:
        """The tables.

        Raises:
            Inconclusive: there is none, which is a finding of the schema's requirement.
        """
        if not self.tables:
            raise Inconclusive(f"there is no audit table {self.name or 'declared'} to look at")
        return self.tables

    @cached_property
    def trail(self) -> Trail:
        """The rows as they come in.

        Raises:
            NotReviewed: no login sees every row.
            Inconclusive: there is no table, or it cannot be read.
        """
        tables = self.required()
        if not self.db.settings.catalog_dsn:
            raise NotReviewed("looking at the rows needs db.catalog_dsn: a login that sees every row")
        trail = Trail(self.session, self.settings, tables, self.members)
        for table in tables:
            with self.session.transaction():
                trial = self.session.attempt(f"SELECT count(*) FROM (SELECT FROM {table.sql} LIMIT 1) AS any_row")
            if trial.failed:
                raise Inconclusive(f"the catalog login cannot read {table.title}: {trial.message}")
        return trail

    def topic(self, name: str) -> Facts:
        """The facts of a topic that the database alone can tell, with observations of the requirement that asks.

        Raises:
            Inconclusive: there is no audit table, or nothing could be looked at.
            NotReviewed: the catalog login may not do what is needed.
        """
        self.required()
        if name not in self._facts:
            self._facts[name] = self._look(name)
        facts = self._facts[name]
        facts.seen = self.db.notebook.recorded(facts)
        return facts

    def _look(self, name: str) -> Facts:
        look, what = (_OF_TABLE[name], self) if name in _OF_TABLE else (_OF_EDITOR[name], self.editor)
        try:
            with what.session.transaction():
                return look(what)
        except psycopg.Error as error:
            raise Inconclusive(f"the database ended the look: {first_line(error)}") from None

    @cached_property
    def _facts(self) -> dict[str, Facts]:
        return {}

    @cached_property
    def editor(self) -> Editor:
        """Acts as the application, by way of the catalog login if that may; else as the application itself."""
        try:
            return Editor(self, self.session, self.db.becomes)
        except NotReviewed:
            return Editor(self, self.db.login, "")


_OF_TABLE = {"columns": structure.columns, "indexes": structure.indexes, "purges": purges.purges}
_OF_EDITOR = {
    "changes": editing.changes,
    "removals": editing.removals,
    "custody": custody.custody,
    "detours": detours.detours,
    "readers": isolation.readers,
}
