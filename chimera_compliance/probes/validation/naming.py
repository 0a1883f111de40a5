"""Which fields an error names: what decides several wrong fields with one request.

Only places that say where something is wrong count. What an error repeats of the input (`input`, `value`, `body`)
says nothing.
"""

import re
from collections.abc import Iterator
from typing import Any

from chimera_compliance.probes.http.exchange import Exchange

_PLACES = re.compile(
    r"(loc|location|field|fields|param|parameter|parameters|path|pointer|name|property|propertyname|source|attribute"
    r"|key|target|instancepath|invalid-?params|member)",
    re.IGNORECASE,
)
_REPEATED = re.compile(r"(input|value|body|received|rejected_?value|instance|data|ctx|request|url)", re.IGNORECASE)
_STEPS = re.compile(r"[.\[\]/#]+")
_MOST_NODES = 5000


def named(exchange: Exchange) -> set[tuple[str, ...]]:
    """The paths that an error names, each as its words; numbers are left out."""
    return {steps for steps in _named(exchange.json(), [0]) if steps}


def names(found: set[tuple[str, ...]], path: tuple[str | int, ...]) -> bool:
    """Whether a field is among what is named: by its path, or by the words at its end.

    A member of a list is named with the list: `tags` and `tags.0` are one complaint.
    """
    wanted = tuple(str(step) for step in path if isinstance(step, str))
    return any(steps[-len(wanted) :] == wanted for steps in found)


def _named(node: Any, seen: list[int]) -> Iterator[tuple[str, ...]]:
    seen[0] += 1
    if seen[0] > _MOST_NODES:
        return
    if isinstance(node, dict):
        for key, value in node.items():
            if _PLACES.fullmatch(str(key)):
                yield from _places(value)
            elif not _REPEATED.fullmatch(str(key)):
                yield from _keyed(str(key), value)
            if isinstance(value, dict | list) and not _REPEATED.fullmatch(str(key)):
                yield from _named(value, seen)
    elif isinstance(node, list):
        for item in node:
            yield from _named(item, seen)


def _places(value: Any) -> Iterator[tuple[str, ...]]:
    """`["body", "budget"]`, `"/budget"`, `"order.budget"`, `{"pointer": "/budget"}`."""
    if isinstance(value, str):
        yield _words(_STEPS.split(value))
    elif isinstance(value, list) and all(isinstance(item, str | int) for item in value):
        yield _words(map(str, value))
        yield from (_words(_STEPS.split(item)) for item in value if isinstance(item, str))


def _keyed(key: str, value: Any) -> Iterator[tuple[str, ...]]:
    """`{"budget": ["must be positive"]}`: a field that is mapped to complaints."""
    complaints = [value] if isinstance(value, str) else value
    if isinstance(complaints, list) and complaints and all(isinstance(item, str) for item in complaints):
        yield _words(_STEPS.split(key))
    elif isinstance(value, dict) and value:
        for inner in value:
            yield from ((key, *rest) for rest in _keyed(str(inner), value[inner]) if rest[:1] != (key,))


def _words(steps) -> tuple[str, ...]:
    return tuple(step for step in steps if step and not step.isdecimal())
