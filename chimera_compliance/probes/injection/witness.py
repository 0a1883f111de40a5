"""The database's own word on whether text that was sent has become SQL.

A connection of ours holds advisory locks under numbers that nobody else uses. What is sent asks for one of them, in
shared mode, for the length of its transaction: a call that changes nothing and leaves nothing behind. Where the text
stays data, nothing happens. Where it is run as SQL, the application's session waits for us: pg_locks shows it, and
pg_stat_activity the whole statement. The lock is then given up at once, so that a request waits for some milliseconds.
Neither an application that hides every difference nor a busy machine can blur this, and nothing but executed SQL can
ask for a number that was made up a moment ago
(https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS).
"""

import secrets
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psycopg

from chimera_compliance.probes.injection.lexical import stands_outside
from chimera_compliance.probes.postgres.session import first_line
from chimera_compliance.target import Target

if TYPE_CHECKING:
    from chimera_compliance.journal import Journal

_FUNCTION = "pg_advisory_xact_lock_shared"
_EVERY = 0.004
_HELD_AT_ONCE = 200
_OWN = "chimera-compliance"
_WAITING = """
SELECT l.objid::bigint, coalesce(a.query, '') FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)
 WHERE l.locktype = 'advisory' AND NOT l.granted AND l.objsubid = 2 AND l.classid::bigint = %s
"""
_CLIENTS = """
SELECT count(*) FROM pg_stat_activity
 WHERE datname = current_database() AND backend_type = 'client backend' AND application_name <> %s
"""
_STATEMENTS = """
SELECT query FROM pg_stat_activity
 WHERE datname = current_database() AND application_name <> %s AND position(%s IN query) > 0
"""


@dataclass
class Watch:
    """What a batch of requests brought about in the database: the statements that asked for a number."""

    caught: dict[int, str] = field(default_factory=dict)
    clients: int = 0
    stray: list[str] = field(default_factory=list)
    failed: str = ""


class Witness:
    """Watches the target's database while requests are sent."""

    def __init__(self, conninfo: str, journal: "Journal") -> None:
        self._conninfo, self._journal = conninfo, journal
        self._class = secrets.randbelow(2_000_000_000) + 100_000_000
        self._last = 0
        self.clients = 0

    @property
    def where(self) -> str:
        """For a reader of the evidence."""
        return f"pg_locks, advisory, class {self._class}"

    def number(self) -> int:
        """A number that was not given out before."""
        self._last += 1
        return self._last

    def call(self, number: int) -> str:
        """The call that asks for a number."""
        return f"{_FUNCTION}({self._class},{number})"

    def connect(self) -> psycopg.Connection:
        """A connection of ours.

        Raises:
            psycopg.Error: there is none to be had.
        """
        return psycopg.connect(
            self._conninfo, autocommit=True, connect_timeout=10, prepare_threshold=None, application_name=_OWN
        )

    @contextmanager
    def watching(self, numbers: Iterable[int], marker: str = "") -> Iterator[Watch]:
        """Hold these numbers, note who asks for them, and let each go on at once.

        With a `marker`, statements of others that hold it are noted as well, as far as they are seen in passing.
        """
        watch, over, ready = Watch(), threading.Event(), threading.Event()
        held = list(numbers)
        thread = threading.Thread(target=self._look, args=(held, marker, watch, over, ready), daemon=True)
        thread.start()
        ready.wait(15)
        try:
            yield watch
        finally:
            over.set()
            thread.join(10)
            self.clients = max(self.clients, watch.clients)

    def _look(self, held: list[int], marker: str, watch: Watch, over: threading.Event, ready: threading.Event) -> None:
        try:
            with self.connect() as connection:
                connection.execute("BEGIN")  # a pooler keeps one server connection for a transaction
                if held:
                    lock = "SELECT pg_advisory_lock(%s, n) FROM unnest(%s::int[]) n"
                    connection.execute(lock, (self._class, held))
                ready.set()
                try:
                    while not over.wait(0 if marker else _EVERY):
                        self._round(connection, marker, watch)
                    self._round(connection, marker, watch)
                finally:
                    with suppress(psycopg.Error):
                        connection.execute("SELECT pg_advisory_unlock_all()")
                        connection.execute("ROLLBACK")
        except psycopg.Error as error:
            watch.failed = first_line(error)
        finally:
            ready.set()

    def _round(self, connection: psycopg.Connection, marker: str, watch: Watch) -> None:
        for number, statement in connection.execute(_WAITING, (self._class,)).fetchall():
            connection.execute("SELECT pg_advisory_unlock(%s, %s)", (self._class, number))
            watch.caught.setdefault(number, statement)
        connection.execute("SELECT pg_stat_clear_snapshot()")
        if not watch.clients:
            watch.clients = connection.execute(_CLIENTS, (_OWN,)).fetchone()[0]
        if marker:
            watch.stray += [row[0] for row in connection.execute(_STATEMENTS, (_OWN, marker)).fetchall()]


def broken_by(statements: Iterable[str], marker: str) -> str | None:
    """The first statement in which the marker stands outside every literal and quoted name."""
    return next((text for text in statements if stands_outside(text, marker)), None)


def prove(witness: Witness, application: str) -> str:
    """Why the witness cannot be relied on; empty when it saw what the application's own login was made to do."""
    number = witness.number()
    said: list[str] = []
    with witness.watching([number]) as watch:
        asking = threading.Thread(target=_ask, args=(application, witness.call(number), said), daemon=True)
        asking.start()
        asking.join(5)
    if watch.failed or said:
        return watch.failed or said[0]
    return "" if number in watch.caught else "a lock that the application's login waited for was not seen"


def _ask(application: str, call: str, said: list[str]) -> None:
    try:
        with psycopg.connect(application, autocommit=True, connect_timeout=5, application_name=_OWN) as connection:
            connection.execute(f"SELECT 0 FROM {call}")
    except psycopg.Error as error:
        said.append(first_line(error))


def chunks(items: list, size: int = _HELD_AT_ONCE) -> Iterator[list]:
    """Pieces of a list: the server's lock table is shared with everybody."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def summon(target: Target, journal: "Journal") -> tuple[Witness | None, str]:
    """A witness that works, or why there is none."""
    if target.db is None:
        return None, "the target file has no db section"
    watcher = target.dsn(target.db.catalog_dsn or target.db.dsn)
    witness = Witness(watcher, journal)
    reason = prove(witness, target.dsn(target.db.dsn))
    subject, sent = "the database as a witness", {"statements": [f"SELECT 0 FROM {_FUNCTION}({witness._class}, 1)"]}
    journal.record("sql", subject, sent=sent, received={"seen": reason or f"a session that waits ({witness.where})"})
    return (None, f"the database cannot be watched: {reason}") if reason else (witness, "")


Sender = Callable[[list], list]
