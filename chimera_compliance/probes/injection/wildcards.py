"""Filters that compare with LIKE what should be equal: whoever may write `%` need not know what he asks for.

A search that finds parts of words is left alone, for a wildcard widens it by nothing that it would not show. What is
judged is a filter or an address that takes a whole value, shows nothing for a part of it, and yields to `%`.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from chimera_compliance.probes.http.exchange import Exchange
from chimera_compliance.probes.injection.points import Point
from chimera_compliance.probes.injection.sightings import Findings, Sighting
from chimera_compliance.probes.injection.visits import Visit

if TYPE_CHECKING:
    from chimera_compliance.probes.http.api import Api

_NONSENSE = "zqxkvjwy"
_SHORTEST = 3


class Wildcards:
    """Tries them in every text of a path or query of what is read."""

    def __init__(self, api: "Api", found: Findings) -> None:
        self._api, self._found = api, found

    def run(self, visits: Iterable[Visit]) -> None:
        """Every place: one request where a wildcard is refused or finds nothing, five where it finds something."""
        asked = [
            (visit, point)
            for visit in visits
            for point in visit.points
            if point.documented and point.kind == "text" and not point.ordering and point.where in ("path", "query")
        ]
        wild = [self._request(visit, point, _wild(point)) for visit, point in asked]
        for (visit, point), answer in zip(asked, self._api.send(wild), strict=True):
            self._found.tested.setdefault("wildcard", {})[f"{visit.operation.id}, {point.label}"] = None
            if answer.ok and (point.where == "path" or _rows(answer)):
                self._look(visit, point)

    def _look(self, visit: Visit, point: Point) -> None:
        known = point.value if point.where == "path" else self._known(visit, point)
        if known is None or len(known) < _SHORTEST or "%" in known:
            return
        texts = [known, known[:-1], known[:-1] + _NONSENSE, known[:-1] + "%"]
        whole, part, nothing, wild = self._api.send([self._request(visit, point, text) for text in texts])
        if _finds(whole, point) and _finds(wild, point) and not _finds(part, point) and not _finds(nothing, point):
            proof = f"{wild.actual} for a part of a value and %, as for the whole; {part.actual} for the part alone"
            self._found.saw(Sighting(visit.operation.id, "wildcard", point.label, "", proof, wild.observation))

    def _known(self, visit: Visit, point: Point) -> str | None:
        """A value that items of the list have under the filter's name."""
        [plain] = self._api.send([visit.request("plain")])
        values = (item.get(point.name) for item in _rows(plain))
        return next((value for value in values if isinstance(value, str)), None)

    def _request(self, visit: Visit, point: Point, text: str):
        return visit.with_([(point, text)], f"{point.label}: a wildcard")


def _wild(point: Point) -> str:
    return point.value[:-1] + "%" if point.where == "path" else "%"


def _finds(answer: Exchange, point: Point) -> bool:
    return answer.ok and (point.where == "path" or bool(_rows(answer)))


def _rows(answer: Exchange) -> list[dict[str, Any]]:
    """The objects of the first list that an answer holds."""
    queue: list[Any] = [answer.json()]
    while queue:
        node = queue.pop(0)
        if isinstance(node, list):
            return [item for item in node if isinstance(item, dict)]
        if isinstance(node, dict):
            queue += node.values()
    return []
