"""What alice's lists hold and count: whatever names bob in them, and rows that are counted but not hers."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from chimera_compliance.probes.estate import Estate
from chimera_compliance.probes.exchange import Exchange, Request
from chimera_compliance.probes.marks import leaves, values
from chimera_compliance.probes.operations import Operation
from chimera_compliance.probes.ownership import Neighbours

_TOTAL = re.compile(
    r"(total|count|(total|items?|rows?|results?)[_-]?(count|total|items|results)|\w+(Count|_count))", re.I
)
_LENGTH = re.compile(r"(page[_-]?)?(limit|size)|per[_-]?page|page[_-]?length", re.IGNORECASE)
_LONGEST_PAGE = 1000


@dataclass(frozen=True)
class Listing:
    """What an operation answers alice without an id of bob's in the request, beside what it answers bob.

    ``strangers`` are the names of bob's ids in alice's answer; ``expected`` is whether bob's own answer names him.
    ``surplus`` says what is counted beyond the rows shown, where all of them are on the page.
    """

    operation: Operation
    hers: Exchange
    his: Exchange
    strangers: tuple[str, ...]
    expected: bool
    surplus: str = ""
    counts: bool = False

    @property
    def subject(self) -> str:
        """The operation."""
        return self.operation.id

    @property
    def actual(self) -> str:
        """The answer, and what of bob's is in it."""
        named = f", with bob's {', '.join(self.strangers)}" if self.strangers else ""
        return f"{self.hers.actual}{named}" + (f", {self.surplus}" if self.surplus else "")

    @property
    def observation(self) -> str:
        """The exchange that shows it."""
        return self.hers.observation

    @property
    def undecided(self) -> str:
        """Why nothing can be said about whose rows these are; empty when something can."""
        if self.strangers:
            return ""
        for exchange, name in ((self.hers, "alice"), (self.his, "bob")):
            if not exchange.ok:
                return f"{name} was answered {exchange.actual}"
        return ""


def listings(neighbours: Neighbours) -> list[Listing]:
    """Every safe operation as each of them is answered with ids of their own, or none."""
    operations = neighbours.safe
    asked: list[Request] = []
    for principal in (neighbours.alice, neighbours.bob, None):
        of = principal or neighbours.bob
        asked += [
            _widest(op, request)
            for op, request in zip(
                operations, neighbours.requests(operations, of, principal, _note(principal)), strict=True
            )
        ]
    answers = neighbours.api.send(asked)
    count = len(operations)
    signs = Estate(neighbours.bob, neighbours.alice).signs
    public = values(map(leaves, answers[2 * count :]))
    private = {value: name for value, name in signs.items() if value not in public}
    return [
        _listing(operation, answers[place], answers[count + place], private, asked[place])
        for place, operation in enumerate(operations)
    ]


def _note(principal) -> str:
    return f"{principal.name}, own ids" if principal else "no token"


def _listing(operation: Operation, hers: Exchange, his: Exchange, signs: dict[str, str], asked: Request) -> Listing:
    found = values([leaves(hers)])
    strangers = tuple(sorted({name for value, name in signs.items() if value in found}))
    expected = bool(signs.keys() & values([leaves(his)]))
    surplus, counts = _surplus(hers, his, _page_length(asked))
    return Listing(operation, hers, his, strangers, expected, surplus, counts)


def _widest(operation: Operation, request: Request) -> Request:
    """The same, with the longest page that the document allows."""
    for parameter in operation.parameters:
        if parameter.location == "query" and _LENGTH.fullmatch(parameter.name):
            most = parameter.schema.get("maximum")
            length = min(int(most), _LONGEST_PAGE) if isinstance(most, int | float) and most >= 1 else 100
            path, _, query = request.path.partition("?")
            chosen = {**dict(parse_qsl(query)), parameter.name: str(length)}
            return replace(request, path=f"{path}?{urlencode(chosen)}")
    return request


def _page_length(request: Request) -> int | None:
    query = dict(parse_qsl(request.path.partition("?")[2]))
    return next((int(value) for name, value in query.items() if _LENGTH.fullmatch(name)), None)


def _surplus(hers: Exchange, his: Exchange, length: int | None) -> tuple[str, bool]:
    """What is counted beyond the rows on a page that holds them all; and whether anything is counted.

    Said only where both are told the same number and it covers the rows of both: numbers may mean anything.
    """
    mine, other = _counted(hers.json()), _counted(his.json())
    if not mine or not other or length is None:
        return "", False
    (total, rows), (their_total, their_rows) = mine, other
    whole = rows < length and their_rows < length
    if whole and their_rows and total == their_total and total >= rows + their_rows:
        return f"which counts {total} rows and holds {rows}", True
    return "", whole


def _counted(document: Any) -> tuple[int, int] | None:
    """(number, rows) of an answer with one list and one number that is named like its count."""
    if not isinstance(document, dict):
        return None
    rows = [len(item) for item in document.values() if isinstance(item, list)]
    totals = [number for name, number in _numbers(document) if _TOTAL.fullmatch(name)]
    return (totals[0], rows[0]) if len(rows) == 1 and len(totals) == 1 else None


def _numbers(document: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """Whole numbers of the answer and of the objects in it, such as `meta`."""
    for name, item in document.items():
        if type(item) is int:
            yield name, item
        elif isinstance(item, dict):
            yield from ((key, value) for key, value in item.items() if type(value) is int)
