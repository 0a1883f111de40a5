"""Requests that are right but for the fields that are to be wrong, written out as JSON, a form or parameters."""

import json
from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from chimera_compliance.probes.http.exchange import Headers, Request
from chimera_compliance.probes.openapi.operations import Operation
from chimera_compliance.probes.openapi.payload import FORM
from chimera_compliance.probes.validation.candidates import MISSING, Raw, Wrong
from chimera_compliance.probes.validation.fields import Field, is_json

Change = tuple[Field, Wrong]
_MARK = "chimera-compliance-raw-"


@dataclass(frozen=True)
class Whole:
    """A right request of a principal's, with its body as a value."""

    operation: Operation
    request: Request
    body: Any = None

    def changed(self, changes: Sequence[Change], note: str = "") -> Request | None:
        """The request with these fields wrong; None where its form cannot carry them."""
        request = replace(self.request, note=note or told(changes))
        inside = [(place.path, wrong.value) for place, wrong in changes if place.location == "body"]
        outside = [(place, wrong.value) for place, wrong in changes if place.location != "body"]
        try:
            if inside:
                request = self.with_body(applied(self.body, inside), request)
            for place, value in outside:
                request = _with_parameter(request, place, value)
        except (TypeError, ValueError, UnicodeError, KeyError, IndexError):
            return None
        return request

    def with_body(self, body: Any, request: Request | None = None) -> Request:
        """The request with another body, in the operation's own media type."""
        request = request or self.request
        if is_json(self.operation):
            return replace(request, body=written(body))
        assert self.operation.payload is not None
        flat = {key: text_of(value) for key, value in body.items()}
        if self.operation.payload.media_type == FORM:
            return replace(request, body=urlencode(flat, errors="surrogatepass").encode())
        media_type, content = self.operation.payload.encoded(flat)
        others = tuple(pair for pair in request.headers if pair[0].lower() != "content-type")
        return replace(request, headers=(("Content-Type", media_type), *others), body=content)


def told(changes: Iterable[Change]) -> str:
    """What is wrong, in a few words."""
    return "; ".join(f"{place.shown}: {wrong.label}" for place, wrong in changes)


def applied(body: Any, changes: Iterable[tuple[tuple[str | int, ...], Any]]) -> Any:
    """A copy of a body with other values at these paths."""
    made = deepcopy(body)
    for path, value in changes:
        place = made
        for step in path[:-1]:
            place = place[step]
        if value is MISSING:
            del place[path[-1]]
        else:
            place[path[-1]] = value
    return made


def written(body: Any) -> bytes:
    """JSON, with raw parts as they are: what Python writes as NaN is only one way to be wrong."""
    raw: list[str] = []

    def stand_in(value: Any) -> str:
        raw.append(value.text)
        return f"{_MARK}{len(raw) - 1}"

    text = json.dumps(body, default=stand_in)
    for place, part in enumerate(raw):
        text = text.replace(f'"{_MARK}{place}"', part)
    return text.encode()


def text_of(value: Any) -> str:
    """How a form or a query writes a value.

    Raises:
        TypeError: it has no such writing.
    """
    match value:
        case bool():
            return str(value).lower()
        case Raw():
            return value.text
        case str() | int() | float():
            return str(value)
    raise TypeError


def _with_parameter(request: Request, place: Field, value: Any) -> Request:
    name = str(place.path[0])
    if place.location == "query":
        path, _, query = request.path.partition("?")
        pairs = [(key, item) for key, item in parse_qsl(query, keep_blank_values=True) if key != name]
        pairs += [] if value is MISSING else [(name, text_of(value))]
        encoded = urlencode(pairs, quote_via=quote, safe="", errors="surrogatepass")
        return replace(request, path=f"{path}?{encoded}" if pairs else path)
    text = "" if value is MISSING else text_of(value)
    if not text.isprintable() or not text.isascii():
        raise ValueError("no header can carry it")
    return replace(request, headers=_with_header(request.headers, place, name, None if value is MISSING else text))


def _with_header(headers: Headers, place: Field, name: str, text: str | None) -> Headers:
    if place.location == "cookie":
        name, text = "Cookie", None if text is None else f"{name}={quote(text)}"
    others = tuple(pair for pair in headers if pair[0].lower() != name.lower())
    return others if text is None else (*others, (name, text))
