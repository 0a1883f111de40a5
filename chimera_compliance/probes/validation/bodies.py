"""Bodies that are wrong before any field is looked at: no JSON, another type, another encoding, too deep, too large."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from chimera_compliance.probes.http.exchange import Exchange, Headers, Request
from chimera_compliance.probes.openapi.payload import FORM, JSON, MULTIPART, Payload
from chimera_compliance.probes.validation.candidates import REFUSE, SURVIVE
from chimera_compliance.probes.validation.forging import Whole, text_of
from chimera_compliance.probes.validation.schema import refuses

MALFORMED, MEDIA, ODD, SIZE, TWICE, FREE = "malformed", "media type", "odd", "size", "twice", "free form"
_DEEP = 30_000


@dataclass(frozen=True)
class Odd:
    """A body that is wrong as a whole."""

    whole: Whole
    kind: str
    label: str
    request: Request
    must: str = REFUSE


@dataclass(frozen=True)
class OddBody:
    """A body that is wrong as a whole, and what became of it."""

    odd: Odd
    exchange: Exchange
    outcome: str

    @property
    def subject(self) -> str:
        """The operation."""
        return self.exchange.subject

    @property
    def actual(self) -> str:
        """The answer."""
        return f"{self.exchange.actual} for {self.odd.label}"

    @property
    def observation(self) -> str:
        """The exchange."""
        return self.exchange.observation


def wrong_bodies(whole: Whole, *, thorough: bool, largest: int) -> Iterator[Odd]:
    """What is tried on an operation that takes JSON; most of it is the framework's doing, and tried on one only."""
    good = whole.request.body or b"{}"
    yield from _malformed(whole, good)
    yield from _other_media(whole, good, thorough)
    if thorough:
        yield from _odd(whole, good)
        yield from _large(whole, good, largest)


def _malformed(whole: Whole, good: bytes) -> Iterator[Odd]:
    yield _odd_body(whole, MALFORMED, "JSON that breaks off", good[:-1])
    yield _odd_body(whole, MALFORMED, "JSON with something behind it", good + b'{"')
    needed = whole.operation.payload is not None and whole.operation.payload.required
    for label, value in (("a list", []), ("a text", "chimera-compliance"), ("null", None), ("a number", 7)):
        if _refused(whole, value) and (needed or value is not None):
            yield _odd_body(whole, MALFORMED, f"{label} for an object", json.dumps(value).encode())
    if _refused(whole, {}) and needed:
        yield _odd_body(whole, MALFORMED, "no body at all", b"")


def _refused(whole: Whole, value: Any) -> bool:
    schema = dict(whole.operation.body_schema or {})
    return refuses(whole.operation.document, schema, value) or (bool(schema) and isinstance(value, int))


def _other_media(whole: Whole, good: bytes, thorough: bool) -> Iterator[Odd]:
    documented = whole.operation.payload.media_types if whole.operation.payload else ()
    for label, content, media_type in _dressed(whole, good, thorough):
        if not {"*/*", media_type.partition(";")[0]} & set(documented):
            yield _odd_body(whole, MEDIA, label, content, media_type)


def _dressed(whole: Whole, good: bytes, thorough: bool) -> Iterator[tuple[str, bytes, str]]:
    yield "JSON sent as text/plain", good, "text/plain"
    if thorough and isinstance(whole.body, dict):
        flat = {key: _flat(value) for key, value in whole.body.items()}
        yield "a form", urlencode(flat).encode(), FORM
        media_type, content = Payload(whole.operation.document, MULTIPART).encoded(flat)
        yield "a multipart form", content, media_type
        yield "XML", b'<?xml version="1.0"?><a/>', "application/xml"


def _odd(whole: Whole, good: bytes) -> Iterator[Odd]:
    opened = good.rstrip()[:-1] + (b"," if len(good) > 2 else b"")
    for label, content, media_type in (
        ("bytes that are no UTF-8", opened + b'"chimera-compliance":"\xff\xfe\x80"}', JSON),
        ("JSON in UTF-16", good.decode().encode("utf-16"), f"{JSON}; charset=utf-16"),
        ("a charset that does not exist", good, f"{JSON}; charset=chimera-compliance"),
        ("a byte order mark", b"\xef\xbb\xbf" + good, JSON),
        ("lists nested in lists", opened + b'"chimera-compliance":' + b"[" * _DEEP + b"]" * _DEEP + b"}", JSON),
        ("objects nested in objects", b'{"a":' * _DEEP + b"1" + b"}" * _DEEP, JSON),
        ("a media type that is none", good, "chimera-compliance"),
    ):
        yield _odd_body(whole, ODD, label, content, media_type, SURVIVE)
    for label, coding in (("no gzip, called gzip", "gzip"), ("a coding that does not exist", "chimera-compliance")):
        yield _coded(whole, label, good, coding, SURVIVE)


def _large(whole: Whole, good: bytes, largest: int) -> Iterator[Odd]:
    """Right, but for the blanks before it: nothing but its size can be the reason to refuse it."""
    padded = b" " * (largest + 1 - len(good)) + good
    yield _odd_body(whole, SIZE, f"{len(padded):,} bytes", padded)
    yield _coded(whole, f"{len(padded):,} bytes, compressed to a few", gzip.compress(padded, 9, mtime=0), "gzip")


def nonsense(whole: Whole) -> Odd:
    """An object that no handler can have been written for."""
    content = json.dumps({"chimera_compliance": [[None]], "": {}}).encode()
    return _odd_body(whole, FREE, "an object of nonsense", content)


def doubled(whole: Whole, name: str, right: Any, wrong: Any) -> list[Odd]:
    """A member twice, once right and once wrong, in both orders: of the two bodies one must be refused."""
    others = {key: value for key, value in whole.body.items() if key != name}
    rest = json.dumps(others)[1:-1]
    made = []
    for first, second in ((right, wrong), (wrong, right)):
        pair = f"{json.dumps(name)}:{json.dumps(first)},{json.dumps(name)}:{json.dumps(second)}"
        text = "{" + ", ".join(part for part in (rest, pair) if part) + "}"
        made.append(_odd_body(whole, TWICE, f"{name} twice", text.encode(), must=SURVIVE))
    return made


def _odd_body(whole: Whole, kind: str, label: str, content: bytes, media_type: str = JSON, must: str = REFUSE) -> Odd:
    headers = (*_others(whole.request.headers), ("Content-Type", media_type))
    return Odd(whole, kind, label, replace(whole.request, body=content, headers=headers, note=label), must)


def _coded(whole: Whole, label: str, content: bytes, coding: str, must: str = REFUSE) -> Odd:
    made = _odd_body(whole, SIZE if must == REFUSE else ODD, label, content, must=must)
    return replace(made, request=replace(made.request, headers=(*made.request.headers, ("Content-Encoding", coding))))


def _others(headers: Headers) -> Headers:
    return tuple(pair for pair in headers if pair[0].lower() != "content-type")


def _flat(value: Any) -> str:
    try:
        return text_of(value)
    except TypeError:
        return json.dumps(value)
