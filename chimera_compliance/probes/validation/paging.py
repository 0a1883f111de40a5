"""Whether a list that was asked for a longer page than it allows has kept to its own measure all the same."""

from typing import Any

from chimera_compliance.probes.openapi.pages import LENGTH
from chimera_compliance.probes.validation.candidates import bounds
from chimera_compliance.probes.validation.trials import ACCEPTED, Seen, members

_UNDECLARED = 1000
_MOST_NODES = 2000


def is_page_length(seen: Seen) -> bool:
    """Whether the field says how many rows a page holds."""
    return seen.place.location == "query" and bool(LENGTH.fullmatch(seen.place.name))


def is_unbounded(seen: Seen) -> bool:
    """Whether a longer page was asked for than is allowed, and nothing in the answer says that it was cut.

    Cutting is as good as refusing: the answer tells the length that it used, or holds as many rows as are allowed.
    """
    asked = seen.wrong.value
    if seen.exchange.status is None or not seen.exchange.ok or not isinstance(asked, int | float) or asked < 1:
        return False
    most = min(bounds(dict(seen.place.schema))[1], _UNDECLARED)
    told = [value for value in members(seen.exchange.json(), seen.place.name) if isinstance(value, int)]
    if told:
        return max(told) > most
    rows = _longest_list(seen.exchange.json())
    return rows > most or (seen.outcome == ACCEPTED and rows != most)


def _longest_list(document: Any) -> int:
    queue, longest = [document], 0
    for _ in range(_MOST_NODES):
        if not queue:
            break
        node = queue.pop()
        if isinstance(node, list):
            longest = max(longest, len(node))
            queue += node[:50]
        elif isinstance(node, dict):
            queue += node.values()
    return longest
