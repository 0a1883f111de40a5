"""How long a page of a list is asked to be: a long one holds all rows, a short one says where the next one is."""

import re
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode

from chimera_compliance.probes.http.exchange import Request
from chimera_compliance.probes.openapi.operations import Operation, Parameter

LENGTH = re.compile(r"(page[_-]?)?(limit|size)|per[_-]?page|page[_-]?length", re.IGNORECASE)
_LONGEST = 1000


def page_length(operation: Operation) -> Parameter | None:
    """The parameter that says how many rows a page holds."""
    named = (item for item in operation.parameters if item.location == "query" and LENGTH.fullmatch(item.name))
    return next(named, None)


def longest(parameter: Parameter) -> int:
    """The longest page that the document allows."""
    most = parameter.schema.get("maximum")
    return min(int(most), _LONGEST) if isinstance(most, int | float) and most >= 1 else 100


def shortest(parameter: Parameter) -> int:
    """The shortest page that it allows and that holds something."""
    least = parameter.schema.get("minimum")
    return max(int(least), 1) if isinstance(least, int | float) else 1


def page_of(request: Request, parameter: Parameter, length: int) -> Request:
    """The request for pages of that length."""
    path, _, query = request.path.partition("?")
    return replace(request, path=f"{path}?{urlencode({**dict(parse_qsl(query)), parameter.name: str(length)})}")
