"""Whether an operation can be done while its audit row cannot be written.

A transaction of ours holds the audit table in SHARE mode, in which others read it and cannot write
(https://www.postgresql.org/docs/current/explicit-locking.html). An operation whose row is part of it waits, with its
own writes uncommitted; then its insert is cancelled (pg_cancel_backend), so that it must fail. Nothing is created that
would have to be taken back: the lock ends with the connection, also when this process is killed.

The lock is held for `db.lock_timeout_seconds` at most, and inserts are cancelled only where nobody else is at work.
"""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import psycopg

from chimera_compliance.outcomes import Inconclusive, NotReviewed
from chimera_compliance.probes.audit.cases import Case
from chimera_compliance.probes.audit.effects import Effects
from chimera_compliance.probes.audit.runs import Run, new_agent
from chimera_compliance.probes.audit.trail import Row
from chimera_compliance.probes.http.exchange import Exchange, Request
from chimera_compliance.probes.postgres.catalog import Relation
from chimera_compliance.probes.postgres.session import Session, first_line

if TYPE_CHECKING:
    from chimera_compliance.probes.audit.audit_table import AuditTable
    from chimera_compliance.probes.audit.observed import Observer

_PAUSE = 0.004
_REFUSED = range(400, 500)
_WAITING = """
SELECT w.pid, coalesce((SELECT array_agg(DISTINCT h.relation::int8) FROM pg_locks h
    WHERE h.pid = w.pid AND h.granted AND h.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock')
      AND h.locktype = 'relation' AND h.relation >= 16384), '{{}}')
FROM pg_locks w WHERE NOT w.granted AND w.relation IN ({held}) AND pg_backend_pid() = ANY (pg_blocking_pids(w.pid))"""


@dataclass(frozen=True)
class Interrupted:
    """An operation that was run while its row could not be written.

    ``waited``: its insert was seen to wait. ``together``: the waiting transaction had written to other tables.
    ``cancelled``: how often its insert was made to fail. ``effect``: what it has left in spite of it.
    """

    case: Case
    exchange: Exchange
    waited: bool
    together: bool
    cancelled: int
    rows: tuple[Row, ...]
    effect: str = ""
    unseen: str = ""
    observation: str = ""

    @property
    def subject(self) -> str:
        """The operation, and its action where it has several."""
        return self.case.subject

    @property
    def actual(self) -> str:
        """What came of it."""
        did = "its insert was cancelled" if self.cancelled else "its insert waited" if self.waited else "nothing waited"
        left = f"; {self.effect}" if self.effect else ""
        return f"{did}; answered {self.exchange.actual}; {'a row' if self.rows else 'no row'}{left}"

    @property
    def done(self) -> bool:
        """Whether it says that it was done, or has left its effect."""
        return self.exchange.ok or bool(self.effect)

    @property
    def lost(self) -> bool:
        """Whether it was done and there is no row of it."""
        return self.done and not self.rows

    @property
    def apart(self) -> bool:
        """Whether it was done, or committed, outside of the transaction that writes its row."""
        return self.lost and not (self.together and self.cancelled)

    @property
    def undecided(self) -> str:
        """Why nothing follows from it; empty where something does."""
        if self.waited or self.lost:
            return "" if self.lost or self.together or not self.unseen else self.unseen
        if self.exchange.ok:
            return ""  # and a row: it came after the lock was gone
        if self.exchange.status in _REFUSED or not self.exchange.answered:
            return f"it was refused for another reason: {self.exchange.actual}"
        return self.unseen


@dataclass
class Interrupter:
    """Runs operations while the audit table (or its outbox) is held."""

    observer: "Observer"
    table: "AuditTable"
    session: Session
    cancels: bool = True

    def __post_init__(self) -> None:
        self.held = self.table.outboxes or self.table.members
        self.hold = self.table.db.settings.lock_timeout_seconds
        self.effects = Effects(self.table, self.observer.trail.session)

    def each(self, runs: list[Run]) -> list[Interrupted]:
        """Every operation that was done before, once more."""
        if self.table.catalog.recovering:
            raise NotReviewed("the catalog login is on a read-only replica, where the audit table cannot be held")
        return [found for run in runs for found in self._run(run)]

    def _run(self, run: Run) -> Iterator[Interrupted]:
        observer, case = self.observer, run.case
        ids = next(observer.supply.choices(case), None)
        if ids is None:
            return
        agent = new_agent("audit interrupted")
        plain = observer.request(case, observer.alice, **ids)
        request = replace(
            plain, headers=(*plain.headers, ("User-Agent", agent)), note="its audit row cannot be written"
        )
        before = self.effects.before(run, request)
        mark = observer.trail.mark()
        exchange, waited, together, cancelled = self._held(request)
        wanted = (lambda rows: any(observer.reader.is_ours(row, agent) for row in rows)) if exchange.ok else bool
        new = observer.trail.await_rows(mark, wanted) if exchange.ok else observer.trail.since(mark)
        rows = tuple(row for row in new if observer.reader.is_ours(row, agent))
        effect = "" if exchange.ok else self.effects.after(before)
        observer.api.journal.record(
            "sql",
            case.subject,
            sent={"statements": [self._lock()], "request": exchange.subject, "in": exchange.observation},
            received={"answer": exchange.actual, "waited": waited, "cancelled": cancelled, "effect": effect},
        )
        yield Interrupted(
            case, exchange, waited, together, cancelled, rows, effect, self.effects.unseen(before), exchange.observation
        )

    def _lock(self) -> str:
        return f"LOCK TABLE {', '.join(item.sql for item in self._roots())} IN SHARE MODE"

    def _roots(self) -> list[Relation]:
        """LOCK takes what is below a table along; views and foreign tables cannot be held."""
        return [item for item in self.held if item.kind in "rp"]

    @contextmanager
    def _holding(self) -> Iterator[Session]:
        with self.session.transaction() as session:
            try:
                session.connection.execute(
                    f"SET LOCAL idle_in_transaction_session_timeout = {int(self.hold * 1000) + 500}"
                )
                session.connection.execute(self._lock())
            except psycopg.Error as error:
                raise NotReviewed(f"the audit table could not be held: {first_line(error)}") from None
            yield session

    def _held(self, request: Request) -> tuple[Exchange, bool, bool, int]:
        """The answer, whether something waited, whether it had written elsewhere, and how often it was cancelled."""
        waited = together = False
        cancelled = 0
        with ThreadPoolExecutor(1) as pool:
            with self._holding() as session:
                answer = pool.submit(lambda: self.observer.api.send([request])[0])
                deadline = time.monotonic() + self.hold
                while not answer.done() and time.monotonic() < deadline:
                    waiting = self._waiting(session)
                    waited = waited or bool(waiting)
                    together = together or any(self._elsewhere(locked) for _, locked in waiting)
                    if len(waiting) == 1 and self.cancels:
                        cancelled += self._cancel(session, waiting[0][0])
                    _rest(answer)
            return answer.result(), waited, together, cancelled

    def _waiting(self, session: Session) -> list[tuple[int, list[int]]]:
        held = ", ".join(str(item.oid) for item in self.held)
        return session.query(_WAITING.format(held=held))

    def _elsewhere(self, locked: list[int]) -> bool:
        """Whether a transaction has written to a table that is not the trail's."""
        own = {item.oid for item in (*self.held, *self.table.members)}
        tables = {item.oid for item in self.table.catalog.tables}
        return bool(set(locked) & tables - own)

    def _cancel(self, session: Session, pid: int) -> int:
        try:
            with session.connection.transaction():
                return int(session.query(f"SELECT pg_cancel_backend({pid})")[0][0])
        except psycopg.Error:
            self.cancels = False  # this login may not
            return 0


def _rest(answer: Future) -> None:
    """Wait for the answer for a moment."""
    try:
        answer.result(timeout=_PAUSE)
    except TimeoutError:
        return
    except Exception:
        return  # told when it is asked for


def require_seen(found: list[Interrupted]) -> list[Interrupted]:
    """The interrupted operations.

    Raises:
        Inconclusive: there is none.
    """
    if not found:
        raise Inconclusive("no sensitive operation was done and recorded, so that none could be interrupted")
    return found
