"""Both tenants at once, among errors and clients that hang up: whether every answer is still the caller's own.

Connections are pooled. A tenant that is set on a connection and outlives its transaction, or is kept where requests
share it, shows only when requests of different tenants follow each other closely.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from random import Random

from chimera_compliance.probes.exchange import Exchange, Request
from chimera_compliance.probes.marks import Leaf, leaves, telling
from chimera_compliance.probes.operations import Operation
from chimera_compliance.probes.ownership import Neighbours
from chimera_compliance.target import RateLimit

_MOST_REQUESTS = 320
_DISTURBED = 4
_LOST = (401, 403, 404)


@dataclass(frozen=True)
class Course:
    """An operation that both use, what marks the answers of each, and how often it may be asked of each."""

    operation: Operation
    requests: tuple[Request, Request]
    marks: tuple[frozenset[str], frozenset[str]]
    seconds: float


@dataclass(frozen=True)
class Mixed:
    """An answer under interleaving that was not the caller's own."""

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


@dataclass(frozen=True)
class Interleaved:
    """What the hammer has seen: answers that were judged by operation, and those that were somebody else's."""

    judged: dict[str, int]
    foreign: list[Mixed]
    lost: list[Mixed]
    undecided: dict[str, str]


def interleave(near: Neighbours, limits: Sequence[RateLimit], *, seed: int = 4) -> Interleaved:
    """Ask every operation that reads as both, many times and all at once; `seed` fixes the order."""
    courses, undecided = _courses(near)
    order = _order(courses, limits, Random(seed))
    judged: dict[str, int] = {}
    foreign, lost = [], []
    answers = near.api.send([_sent(course, who, turn) for turn, (course, who) in enumerate(order)], retry_limited=False)
    for turn, ((course, who), answer) in enumerate(zip(order, answers, strict=True)):
        if _is_disturbed(turn) or not answer.answered or answer.status == 429 or (answer.status or 0) >= 500:
            continue
        judged[answer.subject] = judged.get(answer.subject, 0) + 1
        caller = (near.alice, near.bob)[who].name
        held = {value for _, value in leaves(answer)}
        if held & course.marks[1 - who]:
            foreign.append(Mixed(answer, caller, "with the other's data"))
        elif answer.status in _LOST or (answer.ok and not held & course.marks[who]):
            lost.append(Mixed(answer, caller, "without the caller's own data", course.marks[who]))
    missing = {
        course.operation.id: "no answer under load could be judged"
        for course in courses
        if course.operation.id not in judged
    }
    return Interleaved(judged, foreign, _confirmed(near, lost), undecided | missing)


def _courses(near: Neighbours) -> tuple[list[Course], dict[str, str]]:
    """The operations whose answers tell alice from bob, and why the others do not."""
    asked = [
        operation.request(who, headers=near.credential(who, operation), note=f"{who.name}, alone")
        for operation in near.safe
        for who in (near.alice, near.bob)
    ]
    first, second = near.api.send(asked), near.api.send(asked)
    courses, undecided = [], {}
    for place, operation in enumerate(near.safe):
        pairs = [(first[place * 2 + who], second[place * 2 + who]) for who in (0, 1)]
        hers, his = (leaves(one) & leaves(two) for one, two in pairs)
        if not all(one.ok and two.ok for one, two in pairs):
            undecided[operation.id] = f"answered {pairs[0][0].actual} to alice and {pairs[1][0].actual} to bob"
        elif (marks := (_telling(hers, his), _telling(his, hers))) and all(marks):
            seconds = max(exchange.seconds for pair in pairs for exchange in pair)
            courses.append(Course(operation, (asked[place * 2], asked[place * 2 + 1]), marks, seconds))
    return courses, undecided


def _telling(mine: frozenset[Leaf], others: frozenset[Leaf]) -> frozenset[str]:
    known = {value for _, value in others}
    return frozenset(value for _, value in mine if value not in known and telling(value))


def _order(courses: list[Course], limits: Sequence[RateLimit], chance: Random) -> list[tuple[Course, int]]:
    """Who asks what in which turn: alice and bob in alternation, within the declared limits."""
    turns = []
    for course in courses:
        allowed = min((limit.limit for limit in limits if _limits(limit, course.operation)), default=_MOST_REQUESTS)
        sharing = (
            sum(
                1
                for other in courses
                if any(_limits(limit, other.operation) and _limits(limit, course.operation) for limit in limits)
            )
            or 1
        )
        turns += [course] * max(1, min(allowed // (2 * sharing), _MOST_REQUESTS // (2 * len(courses))))
    chance.shuffle(turns)
    return [(course, who) for course in turns for who in chance.sample((0, 1), 2)]


def _limits(limit: RateLimit, operation: Operation) -> bool:
    return limit.per != "address" and any(fnmatch(operation.path, pattern) for pattern in limit.paths)


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


def _confirmed(near: Neighbours, lost: list[Mixed]) -> list[Mixed]:
    """Those where the same request, alone, is answered with the caller's own data after all."""
    again = near.api.send([item.exchange.request for item in lost])
    pairs = zip(lost, again, strict=True)
    return [item for item, answer in pairs if answer.ok and {value for _, value in leaves(answer)} & item.marks]
