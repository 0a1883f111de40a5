"""Requests that are odd in their path, method, query or headers: the layers around the handlers must bear them too.

Nothing here changes anything: reads, unknown paths, methods that no operation has, made-up ids.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chimera_compliance.probes.http.exchange import Request
from chimera_compliance.probes.openapi.operations import PATH_PARAMETER, Operation
from chimera_compliance.probes.validation.forging import Whole

if TYPE_CHECKING:
    from chimera_compliance.probes.validation.examination import Examination

_NOWHERE = "/chimera-compliance-no-such-path"
_LONG = 3000
_MOST_PATHS = 6
_MOST_READS = 2
_STRANGE_IDS = {
    "uuid": ("not-a-uuid", "%00", "{10000000-0000-4000-8000-000000000000}"),
    "integer": ("99999999999999999999", "-1", "abc", "1.5", "%00"),
    "number": ("1e309", "NaN", "abc"),
    "string": ("%00", "%ff%fe", "x" * _LONG),
}


def strange_ids(examination: "Examination", operations: Sequence[Operation]) -> Iterator[tuple[Whole, str, Request]]:
    """Each operation with an id in its path that is none; the other ids are real, the body is as it should be."""
    for operation in operations:
        for name in PATH_PARAMETER.findall(operation.path)[-1:]:
            schema = next(
                (item.schema for item in operation.parameters if (item.name, item.location) == (name, "path")), {}
            )
            resolved = operation.document.resolve(dict(schema))
            kind = "uuid" if resolved.get("format") == "uuid" else str(resolved.get("type", "string"))
            for text in _STRANGE_IDS.get(kind, _STRANGE_IDS["string"]):
                whole = examination.whole(operation)
                shown = text if len(text) < 50 else f"{len(text)} characters"
                yield whole, kind, replace(whole.request, path=_moved(whole, name, text), note=f"{name} {shown}")


def _moved(whole: Whole, name: str, text: str) -> str:
    """The path with one segment replaced, byte for byte."""
    template, _, _ = whole.operation.path.partition("?")
    path, _, query = whole.request.path.partition("?")
    place = template.split("/").index(next(part for part in template.split("/") if f"{{{name}}}" in part))
    steps = path.split("/")
    steps[place] = template.split("/")[place].replace(f"{{{name}}}", text)
    return "/".join(steps) + (f"?{query}" if query else "")


def odd_requests(examination: "Examination", operations: Sequence[Operation], base_url: str) -> Iterator[Request]:
    """What is asked of the layers around the handlers, with a credential where an operation needs one."""
    root = urlsplit(base_url)._replace(path="").geturl()
    for path, note in (
        (_NOWHERE, "unknown path"),
        (f"{_NOWHERE}/%00", "unknown path with a NUL"),
        (f"{_NOWHERE}/%ff%fe", "unknown path that is no UTF-8"),
        (f"{_NOWHERE}/%2e%2e/%2e%2e/etc", "unknown path with dots"),
        (f"{_NOWHERE}?{'x' * _LONG}", "unknown path with a long query"),
        (f"{root}{_NOWHERE}", "outside the API"),
    ):
        yield Request("GET", path, operation=f"GET {_NOWHERE}", note=note)
    yield Request("POST", _NOWHERE, (("Content-Type", "application/json"),), b"{", f"POST {_NOWHERE}", "unknown path")
    reads = [item for item in operations if item.method == "GET" and not item.unsafe]
    for operation in reads[:_MOST_READS]:
        yield from _twisted(examination.whole(operation).request)
    for path in list(dict.fromkeys(item.path for item in operations if "{" not in item.path))[:_MOST_PATHS]:
        asked = examination.whole(next(item for item in operations if item.path == path)).request
        note = "a method that it does not have"
        yield replace(asked, method="PROPFIND", body=None, operation=f"PROPFIND {path}", note=note)


def _twisted(plain: Request) -> Iterator[Request]:
    """A read with one thing odd about it."""
    path, _, query = plain.path.partition("?")
    queries = {
        "%": "a lone percent sign",
        "%zz=1": "a broken escape",
        "a[b][c]=1&a[b]=2&a=3": "nested names",
        "&&==&": "empty names",
    }
    for text, note in queries.items():
        yield replace(plain, path=f"{path}?{query}&{text}" if query else f"{path}?{text}", note=f"query with {note}")
    yield replace(plain, path=f"{path}?%00=%00&%ff=%ff", note="query with a NUL and bytes that are no UTF-8")
    for name, value in (
        ("Accept", "application/x-chimera-compliance"),
        ("Accept-Language", "x" * _LONG),
        ("Range", "bytes=99999999999999999999-"),
        ("If-Modified-Since", "some day"),
        ("Content-Type", "application/json; charset=chimera-compliance"),
        ("X-Forwarded-For", "999.999.999.999, chimera"),
        ("Cookie", "=; ==;;a=b=c; \x80"),
    ):
        yield replace(plain, headers=(*plain.headers, (name, value)), note=f"{name}: {value[:40]}")
