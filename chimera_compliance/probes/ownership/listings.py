"""What alice's lists hold and count: whatever names bob in them, and rows that are counted but not hers."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from chimera_compliance.probes.http.exchange import Exchange, Request
from chimera_compliance.probes.openapi.operations import Operation
from chimera_compliance.probes.openapi.pages import LENGTH, longest, page_length, page_of
from chimera_compliance.probes.ownership.borrowed_ids import Neighbours
from chimera_compliance.probes.ownership.marks import leaves, values
from chimera_compliance.probes.principals.principal import Principal

_TOTAL = re.compile(
    r"(total|count|(total|items?|rows?|results?)[_-]?(count|total|items|results)|\w+(Count|_count))", re.IGNORECASE
)
_HEADERS = ("X-Total-Count", "X-Total", "Total-Count", "Content-Range")
_IN_HEADER = re.compile(r"(?:^|/)\s*(\d{1,15})\s*$")  # 57, and `items 0-19/57` of Content-Range


@dataclass(frozen=True)
class Listing:
    """What an operation answers one of the two, without an id of the other's in the request.

    ``strangers`` are the names of the other's ids in the answer; ``expected`` is whether the other's own answer holds
    any. ``surplus`` says what is counted beyond the rows shown, where all of them are on the page (``counts``).
    """

    operation: Operation
    caller: str
    other: str
    answer: Exchange
    strangers: tuple[str, ...]
    expected: bool
    surplus: str = ""
    counts: bool = False

    @property
    def totals(self) -> bool:
        """Whether the answer tells how many rows there are."""
        return bool(_totals(self.answer))

    @property
    def subject(self) -> str:
        """The operation."""
        return self.operation.id

    @property
    def actual(self) -> str:
        """The answer, and what of the other's is in it."""
        named = f"with {self.other}'s {', '.join(self.strangers)}" if self.strangers else ""
        return ", ".join(part for part in (f"{self.answer.actual} to {self.caller}", named, self.surplus) if part)

    @property
    def observation(self) -> str:
        """The exchange that shows it."""
        return self.answer.observation

    @property
    def undecided(self) -> str:
        """Why nothing can be said about whose rows these are; empty when something can."""
        return "" if self.strangers or self.answer.ok else f"{self.caller} was answered {self.answer.actual}"


def listings(near: Neighbours) -> list[Listing]:
    """Every safe operation as each of the two is answered, with ids of their own or none."""
    both = (near.alice, near.bob)
    asked = [[_widest(*pair) for pair in zip(near.safe, _own(near, who), strict=True)] for who in both]
    answers = near.api.send([*asked[0], *asked[1]])
    signs = [near.signs(who) for who in both]
    found = []
    for place, operation in enumerate(near.safe):
        pair = (answers[place], answers[len(near.safe) + place])
        surplus, counts = _surplus(*pair, _length_in(asked[0][place]))
        for me, other in ((0, 1), (1, 0)):
            strangers = tuple(
                sorted({signs[other][value] for value in signs[other].keys() & values([leaves(pair[me])])})
            )
            expected = bool(signs[other].keys() & values([leaves(pair[other])]))
            named = (both[me].name, both[other].name)
            found.append(Listing(operation, *named, pair[me], strangers, expected, surplus, counts))
            surplus, counts = "", False
    return found


def _own(near: Neighbours, who: Principal) -> list[Request]:
    return near.requests(near.safe, who, who, f"{who.name}, own ids")


def _widest(operation: Operation, request: Request) -> Request:
    """The same, with the longest page that the document allows."""
    parameter = page_length(operation)
    return page_of(request, parameter, longest(parameter)) if parameter else request


def _length_in(request: Request) -> int | None:
    query = dict(parse_qsl(request.path.partition("?")[2]))
    return next((int(value) for name, value in query.items() if LENGTH.fullmatch(name)), None)


def _surplus(hers: Exchange, his: Exchange, length: int | None) -> tuple[str, bool]:
    """What is counted beyond the rows on a page that holds them all; and whether anything is counted.

    Said only where both are told the same number and it covers the rows of both: numbers may mean anything.
    """
    mine, other = _counted(hers), _counted(his)
    if not mine or not other or length is None:
        return "", False
    (total, rows), (their_total, their_rows) = mine, other
    whole = rows < length and their_rows < length
    if whole and their_rows and total == their_total and total >= rows + their_rows:
        return f"which counts {total} rows and holds {rows}", True
    return "", whole


def _counted(answer: Exchange) -> tuple[int, int] | None:
    """(number, rows) of an answer with one list and one number that is named like its count."""
    document, totals = answer.json(), _totals(answer)
    members = document.values() if isinstance(document, dict) else [document]
    rows = [len(item) for item in members if isinstance(item, list)]
    return (totals[0], rows[0]) if len(rows) == 1 and len(totals) == 1 else None


def _totals(answer: Exchange) -> list[int]:
    """The numbers that an answer tells under the name of a count, in its body or in a header for it."""
    document = answer.json()
    named = _numbers(document) if isinstance(document, dict) else ()
    found = [number for name, number in named if _TOTAL.fullmatch(name)]
    headers = [_IN_HEADER.search(answer.header(name) or "") for name in _HEADERS]
    return found + [int(number[1]) for number in headers if number]


def _numbers(document: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """Whole numbers of the answer and of the objects in it, such as `meta`."""
    for name, item in document.items():
        if type(item) is int:
            yield name, item
        elif isinstance(item, dict):
            yield from ((key, value) for key, value in item.items() if type(value) is int)
