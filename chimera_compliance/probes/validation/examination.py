"""Every field of every operation with every kind of wrong value, in as few requests as will tell them apart.

A request carries one wrong value for each field at once. Accepted, it has accepted them all; refused, it decides the
fields that the error names, if errors of this operation have shown that they name what is wrong and nothing else.
What is left is sent again, one field at a time. Operations and tenants take turns, so that no rate limit is used up.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import TYPE_CHECKING

from chimera_compliance.outcomes import Inconclusive
from chimera_compliance.probes.http.exchange import Exchange, Request
from chimera_compliance.probes.openapi.operations import Operation
from chimera_compliance.probes.ownership.estate import token_for
from chimera_compliance.probes.validation.candidates import REFUSE
from chimera_compliance.probes.validation.fields import (
    Constraints,
    Field,
    body_fields,
    body_of,
    fresh,
    has_members,
    is_declared,
    parameter_fields,
)
from chimera_compliance.probes.validation.forging import Change, Whole
from chimera_compliance.probes.validation.naming import named, names
from chimera_compliance.probes.validation.subjects import ODD, WITHOUT_BOUND, WRONG, Subject, compatible, kind_of
from chimera_compliance.probes.validation.trials import (
    ACCEPTED,
    CRASHED,
    REFUSED,
    UNDECIDED,
    Bench,
    Seen,
    Trial,
    kept_as_sent,
    outcome,
)

if TYPE_CHECKING:
    from chimera_compliance.probes.http.api import Api
    from chimera_compliance.probes.principals.principal import Principal

_AT_A_TIME = 5
_IDENTITY = re.compile(r"name|mail|login|phone|passw|secret|token", re.IGNORECASE)


@dataclass
class Examination:
    """One run over the operations; `principals` take turns, the first one has the last word."""

    api: "Api"
    principals: "Sequence[Principal]"
    constraints: Constraints
    seen: list[Seen] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    _turn: int = 0
    _bearers: "dict[tuple[str, str], tuple[Principal, Operation]]" = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._bench = Bench(self.send)

    def run(self, subjects: "Sequence[Subject]") -> None:
        """Examine all of them."""
        self._calibrate(subjects)
        self._take_turns(subjects, [list(self._rounds(subject)) for subject in subjects])

    def run_without_bounds(self, subjects: "Sequence[Subject]") -> None:
        """What no bound is set to; it comes last, for it may be more than the server bears."""
        self._take_turns(subjects, [list(self._together(subject, WITHOUT_BOUND)) for subject in subjects])

    def make_small_again(self) -> None:
        """What exists, and was made large, is given the size back that it may have had."""
        large = [item for item in self.seen if item.wrong.unbounded and item.exchange.ok and _changes(item.exchange)]
        small = [(item, replace(item.wrong, value=item.place.valid, label="small again")) for item in large]
        self.send([request for item, wrong in small if (request := item.whole.changed([(item.place, wrong)]))])

    def _take_turns(self, subjects: "Sequence[Subject]", rounds: list[list[Trial]]) -> None:
        for start in range(0, max(map(len, rounds), default=0), _AT_A_TIME):
            batch = [trial for own in zip_longest(*(r[start : start + _AT_A_TIME] for r in rounds)) for trial in own]
            self._judge([trial for trial in batch if trial], {item.id: item for item in subjects})

    @property
    def first(self) -> "Principal | None":
        """Who has the last word."""
        return self.principals[0] if self.principals else None

    def whole(self, operation: Operation, principal: "Principal | None" = None) -> Whole:
        """A right request: by the principal, or by whose turn it is."""
        if principal is None and self.principals:
            principal = self.principals[self._turn % len(self.principals)]
            self._turn += 1
        token = token_for(principal, operation) if principal and principal.has_token and not operation.public else None
        headers = self.api.authorization(token) if token else ()
        self._bearers |= dict.fromkeys(headers, (principal, operation))
        whole = Whole(operation, operation.request(principal, headers=headers), body_of(operation, principal))
        if operation.method != "POST" or not has_members(operation) or not isinstance(whole.body, dict):
            return whole
        named = whole.body if is_declared(operation) else fresh(whole.body)
        return replace(whole, body=named, request=whole.with_body(named))

    def subject(self, operation: Operation) -> "Subject":
        """An operation with its fields."""
        owner = self.first
        whole = self.whole(operation, owner)
        places = body_fields(operation, whole.body, self.constraints)
        places += parameter_fields(operation, owner, self.constraints)
        return Subject(operation, whole, [place for place in places if not self._is_identity(whole, place)])

    def _is_identity(self, whole: Whole, place: Field) -> bool:
        """Whether a field is what the principal itself is known by: changed, nobody could log in with it again."""
        if whole.operation.method not in ("PUT", "PATCH") or is_declared(whole.operation):
            return False
        own = self.first.subject if self.first else None
        itself = "{" not in whole.operation.path or (own is not None and own in whole.request.path.split("/"))
        return itself and place.location == "body" and bool(_IDENTITY.search(place.name))

    def _calibrate(self, subjects: "Sequence[Subject]") -> None:
        """Which operations' errors name what is wrong, and nothing else: seen on two fields of each."""
        asked: list[tuple[Subject, Field, Request]] = []
        for subject in [subject for subject in subjects if len(subject.fields) > 1]:
            subject.telling = True
            for place in (subject.fields[0], subject.fields[-1]):
                wrong = next((wrong for wrong in subject.wrong(place) if wrong.must == REFUSE), None)
                request = subject.first.changed([(place, wrong)]) if wrong else None
                asked += [(subject, place, request)] if request else []
        for (subject, place, _), exchange in zip(asked, self.send([item[2] for item in asked]), strict=True):
            told = named(exchange)
            fields = {item.path[0] for item in subject.fields if names(told, item.path)}
            subject.telling &= outcome(exchange) == REFUSED and fields == {place.path[0]}

    def _rounds(self, subject: "Subject") -> Iterator[Trial]:
        """One wrong value a field in each; then odd ones, and those that make the body unreadable on their own."""
        yield from self._together(subject, WRONG)
        yield from self._together(subject, ODD)
        for place in subject.fields:
            for wrong in subject.wrong(place):
                if wrong.alone:
                    yield from self._trials(subject, [(place, wrong)])

    def _together(self, subject: "Subject", kind: int) -> Iterator[Trial]:
        lists = [
            [(place, wrong) for wrong in subject.wrong(place) if kind_of(wrong) == kind] for place in subject.fields
        ]
        for changes in zip_longest(*lists):
            for group in compatible([change for change in changes if change]):
                yield from self._trials(subject, group)

    def _trials(
        self, subject: "Subject", changes: Sequence[Change], principal: "Principal | None" = None
    ) -> Iterator[Trial]:
        """A trial, or one for each field where together they cannot be sent."""
        whole = self.whole(subject.operation, principal)
        if (request := whole.changed(changes)) is not None:
            yield Trial(whole, tuple(changes), request)
        elif len(changes) > 1:
            for change in changes:
                yield from self._trials(subject, [change], principal)

    def _judge(self, trials: list[Trial], subjects: "dict[str, Subject]") -> None:
        """Decide what the answers decide, and send the rest one by one."""
        again: list[Trial] = []
        for trial, exchange in self._bench.run(trials):
            subject, owner = subjects[trial.operation], self.first
            left = self._decide(subject, trial, exchange)
            parts = [left] if outcome(exchange) == UNDECIDED else [[change] for change in left]
            for part in [part for part in parts if part]:
                again += self._trials(subject, part, owner)
        for trial, exchange in self._bench.run(again):
            for change in self._decide(subjects[trial.operation], trial, exchange):
                came = CRASHED if (exchange.status or 0) >= 500 else UNDECIDED
                self.seen.append(_seen(trial, change, came, exchange))

    def _decide(self, subject: "Subject", trial: Trial, exchange: Exchange) -> list[Change]:
        """Note what an answer decides; the changes that it leaves open."""
        came = outcome(exchange)
        if came == UNDECIDED:
            return list(trial.changes)
        if came == ACCEPTED or len(trial.changes) == 1:
            self.seen += [_seen(trial, change, came, exchange) for change in trial.changes]
            return []
        told = named(exchange) if came == REFUSED and subject.telling else set()
        decided = [change for change in trial.changes if names(told, change[0].path)]
        self.seen += [_seen(trial, change, REFUSED, exchange) for change in decided]
        return [change for change in trial.changes if change not in decided]

    def send(self, requests: list[Request]) -> list[Exchange]:
        """The answers in order; what could not be sent is there with its reason."""
        try:
            found = self.api.send([self._renewed(request) for request in requests])
        except Inconclusive as error:
            found = [Exchange(request, error=str(error)) for request in requests]
        self.exchanges += found
        return found

    def _renewed(self, request: Request) -> Request:
        """With the token that its principal has now: the one that it was made with may have expired."""
        headers: list[tuple[str, str]] = []
        for pair in request.headers:
            if bearer := self._bearers.get(pair):
                headers += self.api.authorization(token_for(*bearer))
            else:
                headers.append(pair)
        return replace(request, headers=tuple(headers))


def _changes(exchange: Exchange) -> bool:
    return exchange.request.method in ("PUT", "PATCH")


def _seen(trial: Trial, change: Change, came: str, exchange: Exchange) -> Seen:
    place, wrong = change
    if came == ACCEPTED and wrong.must != REFUSE:
        came = ACCEPTED if kept_as_sent(place, wrong, exchange) else REFUSED
    return Seen(trial.whole, place, wrong, came, exchange, together=came == ACCEPTED and len(trial.changes) > 1)
