"""Whether an operation can be done while its audit row cannot be written.

A transaction of ours holds the audit table in SHARE mode, in which others read it and cannot write
(https://www.postgresql.org/docs/current/explicit-locking.html). An operation whose row is part of it waits, with its
own writes uncommitted; then its insert is cancelled (pg_cancel_backend), so that it must fail. Nothing is created that
would have to be taken back: the lock ends with the connection, also when this process is killed.

The lock is held for `db.lock_timeout_seconds` at most, and inserts are cancelled only where nobody else is at work.
"""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import psycopg

from chimera_compliance.outcomes import NotReviewed
from chimera_compliance.probes.audit.effects import Effects
from chimera_compliance.probes.audit.interrupted import REFUSED, Held, Interrupted
from chimera_compliance.probes.audit.runs import Run, new_agent
from chimera_compliance.probes.http.exchange import Exchange, Request
from chimera_compliance.probes.ownership.witness import Sight, differing
from chimera_compliance.probes.postgres.catalog import Relation
from chimera_compliance.probes.postgres.session import Session, first_line

if TYPE_CHECKING:
    from chimera_compliance.probes.audit.audit_table import AuditTable
    from chimera_compliance.probes.audit.observed import Observer

_PAUSE = 0.004
_TURNS = 4
_SCRIPT = "psql \"$CATALOG_DSN\" <<'SQL'\nBEGIN;\n{lock};\nSELECT pg_sleep({seconds});\nROLLBACK;\nSQL"
_WAITING = """
SELECT w.pid, coalesce((SELECT array_agg(DISTINCT h.relation::int8) FROM pg_locks h
    WHERE h.pid = w.pid AND h.granted AND h.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock')
      AND h.locktype = 'relation' AND h.relation >= 16384), '{{}}')
FROM pg_locks w WHERE NOT w.granted AND w.relation IN ({held}) AND pg_backend_pid() = ANY (pg_blocking_pids(w.pid))"""

# Transactions that have written to the operation's own tables and do nothing, as they do while another one waits.
_WRITERS = """
SELECT DISTINCT h.pid FROM pg_locks h JOIN pg_stat_activity a ON a.pid = h.pid
WHERE h.granted AND h.mode = 'RowExclusiveLock' AND h.relation IN ({homes}) AND a.state = 'idle in transaction'
  AND h.pid NOT IN ({pid}, pg_backend_pid()) AND a.datname = current_database()"""


@dataclass
class Interrupter:
    """Runs operations while the audit table (or its outbox) is held."""

    observer: "Observer"
    table: "AuditTable"
    session: Session
    cancels: bool = True

    def __post_init__(self) -> None:
        self.cancels = self.cancels and self.table.settings.interrupt and not self.observer.others_at_work()
        self.tables = self.table.outboxes or self.table.members
        self.hold = self.table.db.settings.lock_timeout_seconds
        self.effects = Effects(self.table, self.observer.trail.session)

    def each(self, runs: list[Run]) -> list[Interrupted]:
        """Every operation that was done before, once more."""
        if not self._roots():
            raise NotReviewed("the audit table is a view or a foreign table, which cannot be held")
        if self.table.catalog.recovering:
            raise NotReviewed("the catalog login is on a read-only replica, where the audit table cannot be held")
        return [found for run in runs for found in self._run(run)]

    def _run(self, run: Run) -> Iterator[Interrupted]:
        ids = next(self.observer.supply.choices(run.case), None)
        if ids is None:
            return
        plain = self.observer.request(run.case, self.observer.alice, **ids)
        found = None
        if run.case.repeatable:  # a change that changes nothing would leave nothing to be seen
            found = self._interrupted(run, differing(plain, Sight((run.exchange,))))
        if found is None or (found.exchange.status in REFUSED and not found.held.waited):
            found = self._interrupted(run, plain)
        yield found

    def _interrupted(self, run: Run, plain: Request) -> Interrupted:
        observer, case, agent = self.observer, run.case, new_agent("audit interrupted")
        request = replace(plain, headers=(*plain.headers, ("User-Agent", agent)), note="its row cannot be written")
        before = self.effects.before(run, request)
        mark = observer.trail.mark()
        exchange, held = self._held(request, before.homes)
        ours = lambda rows: [row for row in rows if observer.reader.is_ours(row, agent)]  # noqa: E731
        found = observer.trail.await_rows(mark, ours) if exchange.ok else observer.trail.since(mark)
        effect = "" if exchange.ok else self.effects.after(before)
        kept = observer.journal.record(
            "sql",
            case.subject,
            sent={"statements": [self._lock()], "request": exchange.subject, "in": exchange.observation},
            received={"answer": exchange.actual, **held.__dict__, "effect": effect, "rows": len(ours(found))},
            reproduce=_SCRIPT.format(lock=self._lock(), seconds=self.hold),
        )
        return Interrupted(case, exchange, held, tuple(ours(found)), effect, before.unseen, kept)

    def _lock(self) -> str:
        return f"LOCK TABLE {', '.join(item.sql for item in self._roots())} IN SHARE MODE"

    def _roots(self) -> list[Relation]:
        """LOCK takes what is below a table along; views and foreign tables cannot be held."""
        return [item for item in self.tables if item.kind in "rp"]

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

    def _held(self, request: Request, homes: tuple[int, ...]) -> tuple[Exchange, Held]:
        """The answer, and what was seen until it came or the table was given free."""
        held = Held()
        with ThreadPoolExecutor(1) as pool:
            with self._holding() as session:
                answer = pool.submit(lambda: self.observer.api.send([request])[0])
                deadline = time.monotonic() + self.hold
                turns: Counter[int] = Counter()
                while not answer.done() and time.monotonic() < deadline:
                    held = self._watched(session, held, homes, turns)
                    _rest(answer)
                held = replace(held, early=answer.done())
            return answer.result(), held

    def _watched(self, session: Session, held: Held, homes: tuple[int, ...], turns: Counter) -> Held:
        """One look: who waits, what it has written, who else has, and the waiting insert made to fail."""
        waiting = session.query(_WAITING.format(held=", ".join(str(item.oid) for item in self.tables)))
        if len(waiting) != 1:
            return replace(held, waited=held.waited or bool(waiting))
        pid, locked = waiting[0]
        together = held.together or self._elsewhere(locked)
        if not together and homes:
            session.query("SELECT pg_stat_clear_snapshot()")  # or the first look would be all there is
            turns.update(
                other for (other,) in session.query(_WRITERS.format(homes=", ".join(map(str, homes)), pid=pid))
            )
        turns[pid] += 1
        split = held.split or (not together and any(turns[other] >= _TURNS for other in turns if other != pid))
        patient = together or turns[pid] >= _TURNS
        cancelled = held.cancelled + (self._cancel(session, pid) if self.cancels and patient else 0)
        return replace(held, waited=True, together=together, split=split, cancelled=cancelled)

    def _elsewhere(self, locked: list[int]) -> bool:
        """Whether a transaction has written to a table that is not the trail's."""
        own = {item.oid for item in (*self.tables, *self.table.members)}
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
