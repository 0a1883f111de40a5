"""The places of a request at which text enters: path, query, body, headers, cookies; each knows how to be filled.

A name that the document does not tell is tried all the same where an API customarily takes it (`sort`, `filter`,
`offset`), for what a handler reads is not always what it documents.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode

from chimera_compliance.probes.http.exchange import Request
from chimera_compliance.probes.injection.members import insert, members
from chimera_compliance.probes.openapi.body import Generator
from chimera_compliance.probes.openapi.operations import PATH_PARAMETER, Operation
from chimera_compliance.probes.ownership.estate import upto

if TYPE_CHECKING:
    from chimera_compliance.probes.principals.principal import Principal

SORTING = re.compile(r"sorts?|(sort|order)(ing|_?by|_?col(umn)?|_?field|_?key)s?", re.IGNORECASE)
DIRECTION = re.compile(r"(sort_?|order_?)?(dir|direction|order)|(sort|order)_?(dir|direction|order)|asc|desc", re.I)
COLUMNS = re.compile(r"(fields?|columns?|select|group_?by|include|expand)", re.IGNORECASE)
CONDITION = re.compile(r"(where|filter|condition|expr(ession)?)", re.IGNORECASE)
PAGING = re.compile(r"(page_?|per_?)?(limit|size|page|count)|offset|skip|top|start|take|first", re.IGNORECASE)

CUSTOMARY = (
    *("sort", "sort_by", "sortBy", "order", "order_by", "orderBy", "ordering", "sort_dir", "direction"),
    *("limit", "offset", "page_size", "per_page", "skip"),
    *("filter", "where", "fields", "columns", "group_by"),
    *("q", "query", "search", "name", "status", "type", "id", "ids", "tenant_id", "user_id", "since", "tag"),
)
"""Names of query parameters that many APIs take, documented or not."""

HEADERS = ("User-Agent", "X-Forwarded-For", "X-Real-IP", "Referer", "X-Request-ID", "X-Correlation-ID")
HEADERS += ("X-Tenant-ID", "X-User-ID", "Accept-Language", "X-Client-Version")
COOKIES = ("session", "tenant", "lang")


@dataclass(frozen=True)
class Point:
    """One place of one operation. `value` is one that is right there; `free` says that any text is."""

    operation: Operation
    where: str
    name: str
    value: str
    kind: str = "text"
    free: bool = True
    documented: bool = True
    keys: tuple = ()
    beside: tuple = ()

    @property
    def label(self) -> str:
        """``query status``, ``body topic``."""
        return f"{self.where} {self.name}"

    @property
    def ordering(self) -> bool:
        """Whether it says how a list is sorted, cut or made up, rather than what is in it."""
        patterns = (SORTING, DIRECTION, COLUMNS, CONDITION, PAGING)
        return self.where == "query" and any(pattern.fullmatch(self.name) for pattern in patterns)

    @property
    def entry(self) -> str:
        """The kind of place that a sighting there is told by."""
        return "ordering" if self.ordering else "header" if self.where == "cookie" else self.where

    def put(self, request: Request, text: str, principal: "Principal | None") -> Request:
        """The request with this text in this place."""
        match self.where:
            case "path":
                return replace(request, path=self._path(text, principal) + _query_of(request))
            case "query":
                path, _, query = request.path.partition("?")
                pairs = [pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] != self.name]
                return replace(request, path=f"{path}?{urlencode([*pairs, (self.name, text)], quote_via=quote)}")
            case "header":
                others = tuple(pair for pair in request.headers if pair[0].lower() != self.name.lower())
                return replace(request, headers=(*others, (self.name, _one_line(text))))
            case "cookie":
                return replace(request, headers=_with_cookie(request.headers, self.name, text))
        return insert(self.operation, request, self.keys, text, self.beside)

    def _path(self, text: str, principal: "Principal | None") -> str:
        """Two dots and a slash would be another path, so they stay encoded."""
        owner = self.operation.resources.owner(principal) if self.operation.resources else principal
        place = upto(self.operation.path, self.name)
        if owner is None:
            return self.operation.path.replace(f"{{{self.name}}}", quote(text, safe=""))
        holder = replace(owner, resources=owner.resources | {place: text})
        return self.operation.request(holder).path.partition("?")[0]


def _query_of(request: Request) -> str:
    _, mark, query = request.path.partition("?")
    return mark + query


def _one_line(text: str) -> str:
    return text.encode("ascii", "ignore").decode()


def _with_cookie(headers, name: str, text: str):
    held = "; ".join(value for key, value in headers if key.lower() == "cookie")
    others = tuple(pair for pair in headers if pair[0].lower() != "cookie")
    pairs = [pair for pair in held.split("; ") if pair and not pair.startswith(f"{name}=")]
    return (*others, ("Cookie", "; ".join([*pairs, f"{name}={_one_line(text).replace(';', '%3B')}"])))


def points(operation: Operation, principal: "Principal | None", request: Request) -> list[Point]:
    """Every documented place, and the customary names that are not documented."""
    found = [*_parameters(operation, principal), *_body(operation, principal, request)]
    return [*found, *_customary(operation, found)]


def _parameters(operation: Operation, principal: "Principal | None") -> Iterator[Point]:
    documented = {(item.name, item.location): item for item in operation.parameters}
    for name in PATH_PARAMETER.findall(operation.path):
        schema = dict(documented[name, "path"].schema) if (name, "path") in documented else {}
        value = operation.resources.in_path(principal, operation.path, name) if operation.resources else None
        yield _typed(operation, "path", name, schema, value)
    for (name, location), item in documented.items():
        if location != "path":
            known = operation.constants.get(name) or operation.known(principal, name)
            yield _typed(operation, location, name, dict(item.schema), known)


def _typed(operation: Operation, where: str, name: str, schema: dict, value: Any = None) -> Point:
    merged = Generator(operation.document).merged(operation.document.resolve(schema))
    if value is None:
        value = Generator(operation.document).instance(schema, name)
    value = value[0] if isinstance(value, list) and value else value
    kind, free = kind_of(operation, merged)
    return Point(operation, where, name, _text(value), kind, free)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def kind_of(operation: Operation, schema: dict) -> tuple[str, bool]:
    """What a value is written like in SQL, and whether the schema leaves the text to its writer."""
    if schema.get("type") == "array" or "items" in schema:
        generator = Generator(operation.document)
        return kind_of(operation, generator.merged(operation.document.resolve(schema.get("items"))))
    kinds = schema.get("type") if isinstance(schema.get("type"), list) else [schema.get("type")]
    named = next((kind for kind in kinds if kind in ("integer", "number", "boolean")), None)
    if named and "string" not in kinds:
        return ("boolean" if named == "boolean" else "number"), False
    form = str(schema.get("format", ""))
    if form in ("date", "ipv4", "ipv6"):
        return ("date" if form == "date" else "address"), False
    bound = form in ("uuid", "date-time", "time", "email", "uri") or "pattern" in schema
    return ("uuid" if form == "uuid" else "text"), not (bound or {"enum", "const"} & schema.keys())


def _body(operation: Operation, principal: "Principal | None", request: Request) -> Iterator[Point]:
    for member in members(operation, principal, request):
        kind, free = kind_of(operation, member.schema)
        yield Point(operation, "body", member.name, _text(member.value), kind, free, True, member.keys, member.beside)


def _customary(operation: Operation, found: list[Point]) -> Iterator[Point]:
    taken = {(point.where, point.name.lower()) for point in found}
    names = [("query", name, "1") for name in CUSTOMARY] if operation.method == "GET" else []
    names += [("header", name, "192.0.2.1" if name.startswith(("X-Fo", "X-Re")) else "probe") for name in HEADERS]
    names += [("cookie", name, "probe") for name in COOKIES]
    for where, name, value in names:
        if (where, name.lower()) not in taken:
            yield Point(operation, where, name, value, documented=False)
