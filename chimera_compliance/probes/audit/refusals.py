"""Attempts that are refused or fail, and what they leave in the trail: a row that says they succeeded is a lie."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from chimera_compliance.probes.audit.cases import Case, body_of
from chimera_compliance.probes.audit.runs import Run, new_agent
from chimera_compliance.probes.audit.trail import Row
from chimera_compliance.probes.http.exchange import Exchange, Request
from chimera_compliance.probes.openapi.payload import FORM, JSON
from chimera_compliance.probes.ownership.estate import Claim, nobodys

if TYPE_CHECKING:
    from chimera_compliance.probes.audit.observed import Observer

_OUTCOME = re.compile(
    r"outcome|status|success|result|error|fail|denied|refus|allowed|granted|reason|code", re.IGNORECASE
)
_WORDS = re.compile(r"fail|den(y|ied)|refus|forbid|unauthori|reject|error|abort|invalid|blocked|attempt", re.I)


@dataclass(frozen=True)
class Attempt:
    """A request that was refused, why, and the rows that it left; `succeeded` is the same operation's row when done."""

    case: Case
    why: str
    exchange: Exchange
    rows: tuple[Row, ...]
    known_user: str | None
    succeeded: Row | None
    observation: str = ""
    agent: str = ""

    @property
    def subject(self) -> str:
        """The operation and what was wrong."""
        return f"{self.case.operation.id} {self.why}"

    @property
    def actual(self) -> str:
        """The answer and what the rows say."""
        told = ", ".join(f"a row with the action {row['action']}" for row in self.rows) or "no row"
        return f"{self.exchange.actual}, {told}"

    @property
    def lies(self) -> bool:
        """Whether a row says that the operation was done."""
        return any(self._says_done(row) for row in self.rows)

    def _says_done(self, row: Row) -> bool:
        done = self.succeeded
        if done is None or row["action"] != done["action"]:
            return False
        before, now = dict(_outcomes(done.values)), dict(_outcomes(row.values))
        return not any(now[name] != before.get(name) for name in now) and not _told(row, done)

    @property
    def unentitled(self) -> bool:
        """Whether a known user was refused for a role that may not."""
        return "role" in self.why and self.exchange.refused

    @property
    def recorded(self) -> bool:
        """Whether a row names the user and does not say that it was done."""
        return any(str(row["user"]) == self.known_user and not self._says_done(row) for row in self.rows)


def _outcomes(values: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """What a row says of how it went: members and columns named so."""
    if isinstance(values, Mapping):
        for name, value in values.items():
            if isinstance(value, Mapping):
                yield from _outcomes(value, f"{path}{name}.")
            elif _OUTCOME.search(str(name)):
                yield f"{path}{name}", str(value)


def _told(row: Row, done: Row) -> bool:
    """Whether a text of the row says that it failed, as no text of the successful row does."""
    plain = [str(value) for name, value in row.values.items() if name != row.columns.get("agent")]
    before = " ".join(str(value) for value in done.values.values())
    return any(found and found[0] not in before for text in plain for found in [_WORDS.search(text)])


def attempts(observer: "Observer", runs: list[Run]) -> list[Attempt]:
    """Each operation without a token, in a wrong role, with an invalid body, on nothing, and once too often."""
    found = []
    for run in {run.case.operation.id: run for run in reversed(runs)}.values():
        found += [_tried(observer, run, why, request) for why, request in _ways(observer, run)]
    return [attempt for attempt in found if attempt is not None]


def _tried(observer: "Observer", run: Run, why: str, request: Request) -> Attempt | None:
    """One attempt, alone, so that a row can be of no other; None where it was not refused at all."""
    agent, mark = new_agent(f"refused {why}"), observer.trail.mark()
    [exchange] = observer.api.send([_named(request, agent)])
    if not exchange.answered or exchange.ok or exchange.status == 429:
        return None
    rows = [row for row in observer.trail.since(mark) if observer.reader.is_ours(row, agent)]
    kept = observer.reader.keep(run.case, exchange, rows, why)
    user = None if "token" in why else run.who.user
    return Attempt(run.case, why, exchange, tuple(rows), user, run.row, kept, agent)


def _named(request: Request, agent: str) -> Request:
    return replace(request, headers=(*request.headers, ("User-Agent", agent)))


def _ways(observer: "Observer", run: Run) -> Iterator[tuple[str, Request]]:
    case, alice = run.case, observer.alice
    operation, plain = case.operation, observer.request(run.case, observer.alice)
    yield "without a token", case.request(alice, note="no token")
    if operation.roles:
        others = sorted(set(observer.target.roles) - operation.roles)
        if token := next((token for role in others if (token := alice.token_as(role))), None):
            yield "in a wrong role", case.request(alice, headers=observer.api.authorization(token), note="wrong role")
    if operation.payload is not None and operation.payload.media_type in (JSON, FORM):
        body = operation.payload.encoded(operation.payload.invalid())[1]
        yield "with an invalid body", replace(plain, body=body, note="invalid body")
    if case.parameter:
        unknown = {case.parameter: nobodys((run.objects or ["0"])[-1])}
        yield "on what does not exist", observer.request(case, alice, **unknown)
    elif claim := _of_nothing(case, plain, {*alice.resources.values(), alice.tenant}):
        yield "on what does not exist", claim.rewritten(plain)
    if case.parameter and case.lists:
        yield "for the second time", replace(run.exchange.request, note="once more", headers=plain.headers)


def _of_nothing(case: Case, plain: Request, own: set[str | None]) -> Claim | None:
    """The body with the principal's own ids replaced by ids that nobody has."""
    body = body_of(plain)
    named = [(name, str(value)) for name, value in body.items() if str(value) in own] if isinstance(body, dict) else []
    return Claim(case.operation, "body", tuple((name, nobodys(value)) for name, value in named)) if named else None
