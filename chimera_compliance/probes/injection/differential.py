"""Where no database can be watched, the answers have to tell: pairs of texts that only SQL takes differently.

The two texts of a pair are of one length and of the same characters but for one: to an application that binds its
values they are the same nonsense. One of them is a true condition or a statement that can be read, the other is not.
A difference counts when it stays in three rounds with other constants, whatever else changes between two answers.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chimera_compliance.probes.http.exchange import Exchange
from chimera_compliance.probes.injection.points import Point
from chimera_compliance.probes.injection.sightings import Findings, Sighting
from chimera_compliance.probes.injection.visits import Visit

if TYPE_CHECKING:
    from chimera_compliance.probes.http.api import Api

_ROUNDS = (("qk", "vx"), ("zj", "wq"), ("xk", "jv"))
_MOST_LEAVES = 5000


@dataclass(frozen=True)
class Pair:
    """`one` and `other` make texts of a right value and two words that no data holds."""

    name: str
    one: Callable[[str, str, str], str]
    other: Callable[[str, str, str], str]


CONDITION = Pair(
    "is true or false as a condition",
    lambda v, a, b: f"{v}' AND '{a}'='{a}",
    lambda v, a, b: f"{v}' AND '{a}'='{b}",
)
ENCLOSED = Pair(
    "is true or false as a condition, in parentheses",
    lambda v, a, b: f"{v}') AND ('{a}'='{a}",
    lambda v, a, b: f"{v}') AND ('{a}'='{b}",
)
BARE = Pair(
    "is true or false as a condition, without a quote",
    lambda v, a, b: f"{v} AND {ord(a[0])}={ord(a[0])}",
    lambda v, a, b: f"{v} AND {ord(a[0])}={ord(b[0])}",
)
TEXT = Pair(
    "can be read or cannot be read as SQL",
    lambda v, a, b: f"{v}{a}'||'x{b}",
    lambda v, a, b: f"{v}{a}'|||'{b}",
)
ORDER = Pair(
    "can be read or cannot be read as SQL",
    lambda v, a, b: f"{v},(CASE WHEN 1=1 THEN 1 ELSE 2 END)",
    lambda v, a, b: f"{v},(CASE WHEN 1=1 THEN 1 ELSE 2 EDN)",
)
ESCAPED = Pair(
    "is true or false as a condition, past doubled quotes",
    lambda v, a, b: f"{v}\\' OR {ord(a[0])}={ord(a[0])}-- ",
    lambda v, a, b: f"{v}\\' OR {ord(a[0])}={ord(b[0])}-- ",
)


def pairs_for(point: Point, reads: bool) -> list[Pair]:
    """The pairs for a place; none widens a condition of an operation that changes something."""
    if point.ordering and point.kind != "number":
        return [ORDER, TEXT]
    if point.kind in ("number", "boolean"):
        return [BARE, CONDITION]
    if point.where == "body":
        return [TEXT, CONDITION]
    return [CONDITION, TEXT, ENCLOSED, *([ESCAPED] if reads and point.free else []), BARE]


class Comparison:
    """Compares answers of pairs, place by place; customary places of an operation are asked together first."""

    def __init__(self, api: "Api", found: Findings) -> None:
        self._api, self._found = api, found

    def run(self, visits: Iterable[Visit]) -> None:
        """Every place of every visit."""
        for visit in visits:
            reads = not visit.operation.unsafe
            alone = [p for p in visit.points if p.documented and (reads or p.where in ("path", "body"))]
            asked = [((point,), pair) for point in alone for pair in pairs_for(point, reads)]
            customary = [p for p in visit.points if not p.documented]
            if customary and reads and visit.base is not None and visit.base.ok:
                asked += [(tuple(customary), CONDITION), (tuple(customary), TEXT)]
                asked += [(tuple(p for p in customary if p.ordering), ORDER)]
            self._compare(visit, asked)

    def _compare(self, visit: Visit, asked: Sequence[tuple[tuple[Point, ...], Pair]]) -> None:
        requests = [
            visit.with_([(p, make(p.value, *_ROUNDS[0])) for p in points], pair.name)
            for points, pair in asked
            for make in (pair.one, pair.other)
        ]
        answers = self._api.send(requests)
        apart: list[tuple[tuple[Point, ...], Pair]] = []
        for place, (points, pair) in enumerate(asked):
            one, other = answers[2 * place], answers[2 * place + 1]
            if _alike(one, other):
                continue
            if len(points) > 1:
                apart += [((point,), pair) for point in points]
            elif not self._found.knows(visit.operation.id, points[0].label):
                self._confirm(visit, points[0], pair)
        if apart:
            self._compare(visit, apart)

    def _confirm(self, visit: Visit, point: Point, pair: Pair) -> None:
        """Three rounds, interleaved, with other words in each."""
        ones, others = [], []
        for words in _ROUNDS:
            for make, answers in ((pair.one, ones), (pair.other, others)):
                request = visit.with_([(point, make(point.value, *words))], f"{point.label}: {pair.name}")
                answers += self._api.send([request])
        if told := _difference(ones, others):
            sighting = Sighting(
                visit.operation.id,
                point.entry,
                point.label,
                "",
                f"a text that {pair.name}: {told}",
                ones[0].observation,
            )
            self._found.saw(sighting)


def _alike(one: Exchange, other: Exchange) -> bool:
    return one.status == other.status and _shape(one) == _shape(other)


def _shape(answer: Exchange) -> object:
    """Enough of an answer to see a difference at first sight: what is in it and how much, not every word."""
    document = answer.json()
    return len(answer.body) // 64 if document is None else _outline(document)


def _outline(node: object, depth: int = 0) -> object:
    if depth > 6:
        return None
    if isinstance(node, dict):
        return {key: _outline(value, depth + 1) for key, value in list(node.items())[:100]}
    if isinstance(node, list):
        return len(node), [_outline(item, depth + 1) for item in node[:3]]
    return node if isinstance(node, int) and not isinstance(node, bool) and abs(node) < 100_000 else type(node).__name__


def _difference(ones: list[Exchange], others: list[Exchange]) -> str:
    """What tells the ones from the others in all rounds; empty where nothing does."""
    statuses = {answer.status for answer in ones}, {answer.status for answer in others}
    if any(None in found or 429 in found or len(found) > 1 for found in statuses):
        return ""
    if statuses[0] != statuses[1]:
        return f"{ones[0].actual} every time for one, {others[0].actual} for the other"
    first, second = (set.intersection(*map(_leaves, answers)) for answers in (ones, others))
    anything = set.union(*map(_leaves, ones)), set.union(*map(_leaves, others))
    lost, won = first - anything[1], second - anything[0]
    if lost or won:
        return f"{ones[0].actual}, with {len(lost)} values that the other never has and without {len(won)} that it has"
    return ""


def _leaves(answer: Exchange) -> set[str]:
    """Every value with the way to it; what repeats the text that was sent is none of the answer's own."""
    document = answer.json()
    if document is None:
        return {f"length {len(answer.body) // 256}"}
    found: set[str] = set()
    queue: list[tuple[str, object]] = [("", document)]
    while queue and len(found) < _MOST_LEAVES:
        way, node = queue.pop()
        if isinstance(node, dict):
            queue += [(f"{way}.{key}", value) for key, value in node.items()]
        elif isinstance(node, list):
            queue += [(f"{way}[]", value) for value in node]
            found.add(f"{way} {len(node)}")
        else:
            text = json.dumps(node)
            if not any(word in text for pair in _ROUNDS for word in pair):
                found.add(f"{way} {text}")
    return found
