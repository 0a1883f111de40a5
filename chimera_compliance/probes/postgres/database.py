"""The database of a target: connected as the application and as a catalog login, looked at once, asked many times."""

from functools import cached_property

import psycopg

from chimera_compliance.journal import Journal
from chimera_compliance.outcomes import Inconclusive, NotReviewed
from chimera_compliance.probes.postgres import (
    copies,
    early_readers,
    elsewhere,
    functions,
    oracles,
    policy_functions,
    privileges,
    reads,
    views,
    writes,
)
from chimera_compliance.probes.postgres.catalog import Catalog, Role
from chimera_compliance.probes.postgres.catalog_reader import read_catalog
from chimera_compliance.probes.postgres.experiment import Experiment
from chimera_compliance.probes.postgres.expressions import Expressions
from chimera_compliance.probes.postgres.facts import Facts, Notebook, Sighting
from chimera_compliance.probes.postgres.pool import leftovers
from chimera_compliance.probes.postgres.reach import Reach
from chimera_compliance.probes.postgres.session import Identity, Session, first_line
from chimera_compliance.probes.postgres.tenancy import Tenancy
from chimera_compliance.target import Target

BEHAVIOUR = {
    "reads": reads.reads,
    "escapes": reads.escapes,
    "writes": writes.writes,
    "foundations": policy_functions.foundations,
    "early readers": early_readers.early_readers,
    "views": views.views,
    "copies": copies.copies,
    "definers": functions.definers,
    "foreign tables": elsewhere.foreign_tables,
    "large objects": elsewhere.large_objects,
    "other logins": elsewhere.other_logins,
    "unique keys": oracles.unique_keys,
    "cross references": oracles.cross_references,
    "future tables": privileges.future_tables,
}
CATALOG = {
    "unprotected": privileges.unprotected,
    "exemptions": privileges.exemptions,
    "powers": privileges.powers,
    "past policies": privileges.past_policies,
    "sequences": oracles.sequences,
}
TOPICS = (*CATALOG, *BEHAVIOUR, "unbound", "leftovers")


class Database:
    """Facts about a database, each topic recorded as observations of the requirement that asks for it."""

    def __init__(self, target: Target, journal: Journal) -> None:
        self.target, self.settings = target, target.db
        self.declared_roles = [item.database.role for item in target.principals.values() if item.database.role]
        self.notebook = Notebook(journal)
        self.login = self._session(self.settings.dsn, "the application")
        self.session = self.new_session() if self.settings.catalog_dsn else self.login

    def _session(self, dsn: str, name: str) -> Session:
        limits = {
            "statement_timeout": self.settings.statement_timeout_seconds,
            "lock_timeout": self.settings.lock_timeout_seconds,
        }
        return Session(self.target.dsn(dsn), name, **limits)

    def new_session(self) -> Session:
        """One more session of the catalog login, or of the application where there is none; whoever asks closes it."""
        if self.settings.catalog_dsn:
            return self._session(self.settings.catalog_dsn, "the catalog login")
        return self._session(self.settings.dsn, "the application")

    def __enter__(self) -> "Database":
        return self

    def __exit__(self, *_: object) -> None:
        self.login.close()
        self.session.close()

    @cached_property
    def catalog(self) -> Catalog:
        """The catalog facts."""
        with self.session.transaction():
            return read_catalog(self.session, self.settings.schemas)

    @cached_property
    def reach(self) -> Reach:
        """What the application's login can become and touch."""
        login, first = self.login.query("SELECT session_user::text, current_user::text")[0]
        reach = Reach.of(self.catalog, login, first)
        role = self._working_role(reach) if first == login else None
        return Reach.of(self.catalog, login, role) if role else reach

    def _working_role(self, reach: Reach) -> str | None:
        """The role that the application takes for each transaction: declared, or the only one that it can work as."""
        if declared := [role.name for role in reach.others if role.name in self.declared_roles]:
            return declared[0]
        if any(reach.can(table, "SELECT", reach.at_once) for table in self.catalog.tables):
            return None
        able = [role.name for role in reach.others if self._reads_anything(reach, role)]
        return able[0] if len(able) == 1 else None

    def _reads_anything(self, reach: Reach, role: Role) -> bool:
        return any(reach.can(table, "SELECT", reach.holds(role)) for table in self.catalog.tables)

    @cached_property
    def tenancy(self) -> Tenancy:
        """The multi-tenant tables.

        Raises:
            Inconclusive: there is none, so that nothing can be judged.
        """
        tenancy = Tenancy(self.catalog, self.settings, Expressions(self.catalog))
        if not tenancy.tables and not tenancy.twins:
            raise Inconclusive("no multi-tenant table was found: name its columns or tables in the target file")
        return tenancy

    def topic(self, name: str) -> Facts:
        """The facts of a topic, with observations.

        Raises:
            Inconclusive: nothing could be observed.
            NotReviewed: the catalog login may not do what is needed, and why.
        """
        if name == "leftovers":
            facts = self._leftovers()
        else:
            facts = self._catalog_facts[name] if name in CATALOG else self._behaviour[name]
        if facts.nothing:
            raise Inconclusive(facts.nothing)
        facts.seen = self.notebook.recorded(facts)
        return facts

    @cached_property
    def _catalog_facts(self) -> dict[str, Facts]:
        experiment = self._experiment("")
        with self.session.transaction():
            return {name: look(experiment) for name, look in CATALOG.items()}

    def _leftovers(self) -> Facts:
        """Looked at anew each time: sessions come and go."""
        with self.session.transaction():
            experiment = self._experiment("")
            command, conninfo = self.settings.application_command, self.target.dsn(self.settings.dsn)
            return leftovers(experiment, command, conninfo, self.target.path.parent)

    def _experiment(self, becomes: str) -> Experiment:
        app = Identity(self.reach.login.name, self._first_role, self._defaults, becomes)
        return Experiment(
            self.session,
            self.catalog,
            self.reach,
            self.tenancy,
            self.tenancy.expressions,
            app,
            self.settings.tenant_setting,
            self._defaults,
        )

    @property
    def _first_role(self) -> str | None:
        return None if self.reach.first == self.reach.login else self.reach.first.name

    @cached_property
    def _defaults(self) -> dict[str, str]:
        """Custom settings that a new session of the application starts with."""
        name = self.reach.login.name
        pairs = [text.partition("=") for role, _, text in self.catalog.role_settings if role in ("", name)]
        return {key: value for key, _, value in pairs if "." in key}

    @cached_property
    def becomes(self) -> str:
        """How the catalog login acts as the application.

        Raises:
            NotReviewed: it may not, so that no behaviour can be seen.
        """
        if not self.settings.catalog_dsn:
            raise NotReviewed("behaviour needs db.catalog_dsn: a login that plants rows and may become the application")
        if self.catalog.recovering:
            raise NotReviewed("the catalog login is on a read-only replica, where no canary row can be planted")
        with self.session.transaction():
            for words in ("SET LOCAL SESSION AUTHORIZATION", "SET LOCAL ROLE"):
                app = Identity(self.reach.login.name, becomes=words)
                if not self.session.attempt("SELECT 1", identity=app).failed:
                    return words
        raise NotReviewed(f"the catalog login may not act as {self.reach.login.name}: make it a superuser or a member")

    @cached_property
    def _behaviour(self) -> dict[str, Facts]:
        becomes = self.becomes
        self.login.close()
        found: dict[str, Facts] = {}
        try:
            for batch in self._experiment(becomes).batches(self._lock_room):
                experiment = self._experiment(becomes)
                experiment.batch = batch
                with self.session.transaction():
                    for name, facts in self._look(experiment).items():
                        found[name].take(facts) if name in found else found.update({name: facts})
        except psycopg.Error as error:
            raise Inconclusive(f"the database ended the experiment: {first_line(error)}") from None
        return found

    @cached_property
    def _lock_room(self) -> int:
        """Locks that one transaction may hold: a quarter of the server's table of them, which all sessions share.

        A transaction that fills it makes everybody else's statements fail with "out of shared memory"
        (https://www.postgresql.org/docs/current/runtime-config-locks.html).
        """
        names = ("max_locks_per_transaction", "max_connections", "max_prepared_transactions")
        each, connections, prepared = (int(self.session.query(f"SHOW {name}")[0][0]) for name in names)
        return each * (connections + prepared) // 4

    def _look(self, experiment: Experiment) -> dict[str, Facts]:
        experiment.plant()
        unbound = reads.unbound(experiment)
        if not experiment.planter.bound:
            writes.unbound_writes(experiment, unbound)
        experiment.bind()
        found = {name: look(experiment) for name, look in BEHAVIOUR.items()}
        reads.emptied(experiment, unbound)
        writes.unbound_writes(experiment, unbound)
        found["unbound"] = reads.from_outside(experiment, self._fresh_login(), unbound)
        elsewhere.separated_schemas(experiment, found["reads"])
        return found

    def _fresh_login(self) -> Session:
        self.login.__dict__.pop("connection", None)
        return self.login

    def sightings(self, name: str) -> list[Sighting]:
        """What was seen of a topic."""
        return self.topic(name).seen
