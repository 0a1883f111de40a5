"""Both tenants at once, among errors and clients that hang up: whether every answer is still the caller's own.

Connections are pooled. A tenant that is set on a connection and outlives its transaction, or is kept where requests
share it, shows only when requests of different tenants follow each other closely.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from functools import cached_property
from random import Random

from chimera_compliance.probes.http.exchange import Exchange, Request
from chimera_compliance.probes.openapi.operations import Operation
from chimera_compliance.probes.ownership.borrowed_ids import Neighbours
from chimera_compliance.probes.ownership.marks import Leaf, leaves, telling
from chimera_compliance.probes.principals.principal import Principal
from chimera_compliance.target import RateLimit

_MOST_REQUESTS = 320
_DISTURBED = 4
_LOST = (401, 403, 404)


@dataclass(frozen=True)
class Course:
    """An operation that both use: the request of each, and what only the one's answers hold."""

    operation: Operation
    requests: tuple[Request, Request]
    marks: tuple[frozenset[str], frozenset[str]]
    seconds: float


@dataclass(frozen=True)
class Mixed:
    """An answer that was not the caller's own. ``marks`` is what its own would have held."""

    exchange: Exchange
    caller: str
    what: str
    marks: frozenset[str] = frozenset()

    @property
    def subject(self) -> str:
        """The operation."""
        return self.exchange.subject

    @property
    def actual(self) -> str:
        """What was wrong with it."""
        return f"{self.exchange.actual} to {self.caller}, {self.what}"

    @property
    def observation(self) -> str:
        """The exchange that shows it."""
        return self.exchange.observation


@dataclass
class Interleaved:
    """What the hammer has seen: answers judged, by operation, and those that were not the caller's own."""

    judged: dict[str, int] = field(default_factory=dict)
    foreign: list[Mixed] = field(default_factory=list)
    lost: list[Mixed] = field(default_factory=list)
    """Answers without the caller's data, where the same request alone has it."""
    undecided: dict[str, str] = field(default_factory=dict)

    @property
    def mixed(self) -> list[Mixed]:
        """One of each kind: by operation, caller and what was wrong."""
        kinds = {(item.subject, item.caller, item.what): item for item in reversed([*self.foreign, *self.lost])}
        return list(reversed(kinds.values()))


@dataclass
class Hammer:
    """Both at once. ``seed`` fixes the order of the requests, so that a run can be repeated."""

    near: Neighbours
    limits: Sequence[RateLimit] = ()
    seed: int = 4
    seen: Interleaved = field(default_factory=Interleaved)

    def run(self) -> Interleaved:
        """Ask every operation that reads as both, first alone, then many times and all at once."""
        courses = self._courses()
        order = self._order(courses)
        sent = [_sent(course, who, turn) for turn, (course, who) in enumerate(order)]
        answers = self.near.api.send(sent, retry_limited=False)
        for turn, ((course, who), answer) in enumerate(zip(order, answers, strict=True)):
            if answer.answered and not _is_disturbed(turn) and answer.status != 429 and (answer.status or 0) < 500:
                self._judge(course, who, answer)
        for course in courses:
            if course.operation.id not in self.seen.judged:
                self.seen.undecided[course.operation.id] = "no answer while both were at work could be judged"
        self.seen.lost = self._confirmed(self.seen.lost)
        return self.seen

    @cached_property
    def _both(self) -> tuple[Principal, Principal]:
        return (self.near.alice, self.near.bob)

    @cached_property
    def _signs(self) -> tuple[frozenset[str], frozenset[str]]:
        return tuple(frozenset(self.near.signs(who)) for who in self._both)

    def _courses(self) -> list[Course]:
        """The operations whose answers tell alice from bob."""
        found = []
        for operation in self.near.safe:
            asked = tuple(self._alone(operation, who) for who in self._both)
            answers = [self.near.api.send([asked[who]])[0] for who in (0, 1, 0, 1)]
            for who in (0, 1):
                self._judge_signs(answers[who], who)
            if not all(answer.ok for answer in answers):
                told = f"answered {answers[0].actual} to alice and {answers[1].actual} to bob"
                self.seen.undecided[operation.id] = told
                continue
            hers, his = (leaves(answers[who]) & leaves(answers[who + 2]) for who in (0, 1))
            if all(marks := (self._telling(hers, his), self._telling(his, hers))):
                found.append(Course(operation, asked, marks, max(answer.seconds for answer in answers)))
        return found

    def _alone(self, operation: Operation, who: Principal) -> Request:
        headers = self.near.credential(who, operation)
        return operation.request(who, headers=headers, note=f"{who.name}, alone")

    def _telling(self, mine: frozenset[Leaf], others: frozenset[Leaf]) -> frozenset[str]:
        known = {value for _, value in others} | self.near.anybody
        return frozenset(value for _, value in mine if value not in known and telling(value))

    def _judge_signs(self, answer: Exchange, who: int) -> bool:
        other = self._both[1 - who].name
        if mixed := {value for _, value in leaves(answer)} & self._signs[1 - who]:
            names = sorted({self.near.signs(self._both[1 - who])[value] for value in mixed})
            self.seen.foreign.append(Mixed(answer, self._both[who].name, f"with {other}'s {', '.join(names)}"))
        return bool(mixed)

    def _judge(self, course: Course, who: int, answer: Exchange) -> None:
        judged, caller = self.seen.judged, self._both[who].name
        judged[answer.subject] = judged.get(answer.subject, 0) + 1
        held = {value for _, value in leaves(answer)}
        if self._judge_signs(answer, who):
            return
        if held & course.marks[1 - who]:
            self.seen.foreign.append(Mixed(answer, caller, f"with {self._both[1 - who].name}'s data"))
        elif answer.status in _LOST or (answer.ok and not held & course.marks[who]):
            self.seen.lost.append(Mixed(answer, caller, "without the caller's own data", course.marks[who]))

    def _order(self, courses: list[Course]) -> list[tuple[Course, int]]:
        """Who asks what in which turn, within the declared limits."""
        chance = Random(self.seed)
        turns = [course for course in courses for _ in range(self._turns(course, courses))]
        chance.shuffle(turns)
        return [(course, who) for course in turns for who in chance.sample((0, 1), 2)]

    def _turns(self, course: Course, courses: list[Course]) -> int:
        """How often each of the two asks: a fair share of the bound, and of half of what the limits let through."""
        limits = [limit for limit in self.limits if _limits(limit, course)]
        shares = [limit.limit // (2 * sum(_limits(limit, other) for other in courses)) for limit in limits]
        return max(1, min([_MOST_REQUESTS // (2 * len(courses)), *shares]))

    def _confirmed(self, lost: list[Mixed]) -> list[Mixed]:
        """Those where the same request, alone, is answered with the caller's own data after all."""
        again = [self.near.api.send([item.exchange.request])[0] for item in lost]
        pairs = zip(lost, again, strict=True)
        return [item for item, answer in pairs if answer.ok and {value for _, value in leaves(answer)} & item.marks]


def _limits(limit: RateLimit, course: Course) -> bool:
    return limit.per != "address" and any(fnmatch(course.operation.path, pattern) for pattern in limit.paths)


def _is_disturbed(turn: int) -> bool:
    return turn % _DISTURBED == _DISTURBED - 1


def _sent(course: Course, who: int, turn: int) -> Request:
    """Every fourth request goes wrong on purpose: a client that hangs up, or a malformed parameter."""
    request = replace(course.requests[who], note="both tenants at once")
    if not _is_disturbed(turn):
        return request
    if turn // _DISTURBED % 2:
        return replace(request, patience=max(course.seconds / 3, 0.001), note="both tenants at once, hanging up")
    joint = "&" if "?" in request.path else "?"
    return replace(
        request, path=f"{request.path}{joint}limit=x&page=x&offset=x", note="both tenants at once, malformed"
    )
