"""Requests that bring out every kind of answer a stack has, and none that does harm.

Successes alone say little about headers: errors come from other layers (the router, the body parser, the limiter, a
proxy), and each layer may forget them. Data is changed only by creating something, and only where the scope allows.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chimera_compliance.errors import ConfigurationError
from chimera_compliance.outcomes import Inconclusive
from chimera_compliance.probes.http.exchange import Headers, Request
from chimera_compliance.probes.openapi.pages import page_length, page_of, shortest
from chimera_compliance.target import Target

if TYPE_CHECKING:
    from chimera_compliance.probes.openapi.operations import Operation
    from chimera_compliance.probes.principals.principal import Principal

FOREIGN_ORIGIN = "https://attacker.example"
OVER_THE_LIMIT = "over the limit"
MAY_GO_UNANSWERED = {"long URL", "large body", "NUL in the path", "wrong method", OVER_THE_LIMIT}
_NOWHERE = "/chimera-compliance-no-such-path"
_LONG_QUERY = 8_500  # over the 8 KiB at which common proxies refuse a request line
_BIG_BODY = 2 * 1024 * 1024
_LARGEST_BURST = 30


@dataclass(frozen=True)
class Planned:
    """A request, and whether it asks what needs a credential with a good one; `request.note` says what is special."""

    request: Request
    authenticated: bool = False


@dataclass
class Provocations:
    """The requests for one target. Principals take turns, so that no tenant's limit is used up."""

    target: Target
    authorization: Callable[[str], Headers]
    operations: "list[Operation]"
    principals: "list[Principal]"

    def all(self) -> list[Planned]:
        """Everything but the burst."""
        anonymous = [Planned(request) for request in (*self._anonymous(), *self._outside_handlers())]
        guarded = {operation.id for operation in self.operations if not operation.public}
        return anonymous + [Planned(request, request.operation in guarded) for request in self._authenticated()]

    def burst(self) -> list[Planned]:
        """Reads of one operation beyond the smallest declared limit, if that takes few requests: for a 429."""
        for limit in sorted(self.target.rate_limits, key=lambda item: item.limit):
            for operation in self.operations:
                limited = any(fnmatchcase(operation.path, pattern) for pattern in limit.paths)
                if limited and operation.method == "GET" and self.principals and limit.limit <= _LARGEST_BURST:
                    request = self._permitted(operation, self.principals[-1], OVER_THE_LIMIT)
                    return [Planned(request, authenticated=True)] * (limit.limit + 2)
        return []

    # Without a credential

    def _anonymous(self) -> Iterator[Request]:
        for operation in self.operations:
            if not operation.unsafe or operation.can_be_harmless:
                note = "public" if operation.public else "no token"
                yield operation.request(self._known, harmless=operation.unsafe, note=note)

    @property
    def _known(self) -> "Principal | None":
        return self.principals[0] if self.principals else None

    def _outside_handlers(self) -> Iterator[Request]:
        """What the layers before the handlers answer."""
        paths = {operation.path: self._path(operation) for operation in self.operations}
        for template, path in paths.items():
            yield Request("OPTIONS", path, self._preflight(), operation=f"OPTIONS {template}", note="preflight")
            yield Request("PROPFIND", path, operation=f"PROPFIND {template}", note="wrong method")
        for operation in [operation for operation in self.operations if operation.method == "GET"][:3]:
            path, name = paths[operation.path], operation.id
            yield Request("HEAD", path, operation=f"HEAD {operation.path}", note="HEAD")
            yield Request("GET", f"{path.rstrip('/')}/", operation=name, note="trailing slash")
            yield Request("GET", path, (("Origin", FOREIGN_ORIGIN),), operation=name, note="foreign origin")
        yield from self._nowhere()

    def _path(self, operation: "Operation") -> str:
        return operation.request(self._known, harmless=operation.unsafe).path.partition("?")[0]

    def _preflight(self) -> Headers:
        origin = next(iter(self.target.cors.allowed_origins), FOREIGN_ORIGIN)
        return ("Origin", origin), ("Access-Control-Request-Method", "GET")

    def _nowhere(self) -> Iterator[Request]:
        root = urlsplit(self.target.api.base_url)._replace(path="").geturl()
        yield Request("GET", _NOWHERE, note="unknown path")
        yield Request("POST", _NOWHERE, note="unknown path")
        yield Request("GET", f"{root}{_NOWHERE}", operation=f"GET {_NOWHERE}", note="outside the API")
        yield Request("GET", f"{root}/", operation="GET /", note="outside the API")
        yield Request("GET", f"{_NOWHERE}?{'x' * _LONG_QUERY}", operation=f"GET {_NOWHERE}", note="long URL")

    # With one

    def _authenticated(self) -> Iterator[Request]:
        if not self.principals:
            return
        yield Request("GET", _NOWHERE, self.authorization(self.principals[0].token), note="unknown path, valid token")
        for turn, operation in enumerate(self.operations):
            principal = self.principals[turn % len(self.principals)]
            if operation.method == "GET":
                yield from self._reads(operation, principal)
            elif operation.method == "POST" and "{" not in operation.path and self.target.scope.writes:
                yield self._permitted(operation, principal, "valid token")
            if operation.can_be_harmless:
                yield from self._harmless(operation, principal)
        yield from self._large_body()

    def _permitted(self, operation: "Operation", principal: "Principal", note: str, **settings) -> Request:
        """The operation in a role that it admits."""
        return operation.request(principal, headers=self._as_admitted(operation, principal), note=note, **settings)

    def _as_admitted(self, operation: "Operation", principal: "Principal") -> Headers:
        if operation.roles is None or principal.role in operation.roles:
            return self.authorization(principal.token)
        tokens = (_token_as(principal, role) for role in sorted(operation.roles))
        return self.authorization(next((token for token in tokens if token), principal.token))

    def _reads(self, operation: "Operation", principal: "Principal") -> Iterator[Request]:
        good = self._permitted(operation, principal, "valid token")
        path = good.path.partition("?")[0]
        yield good
        if (length := page_length(operation)) is not None:
            yield replace(page_of(good, length, shortest(length)), note="short page")
        yield replace(good, path=f"{path}?limit=%00&page=not-a-number", note="malformed parameter")
        if "{" in operation.path:
            yield replace(good, path=operation.path.partition("{")[0] + "%00", note="NUL in the path")
        else:
            yield replace(good, method="HEAD", note="HEAD, valid token")

    def _harmless(self, operation: "Operation", principal: "Principal") -> Iterator[Request]:
        if not operation.unsafe and "{" in operation.path:
            yield self._permitted(operation, principal, "unknown id", harmless=True)
        if operation.unsafe:
            bad = self._permitted(operation, principal, "invalid body", harmless=True)
            yield bad
            yield replace(bad, headers=_as_json(bad.headers), body=b'{"', note="malformed body")
        for role in self._excluded(operation):
            if token := _token_as(principal, role):
                headers = self.authorization(token)
                yield operation.request(principal, harmless=operation.unsafe, headers=headers, note="wrong role")
                return

    def _excluded(self, operation: "Operation") -> list[str]:
        return [role for role in self.target.roles if operation.roles is not None and role not in operation.roles]

    def _large_body(self) -> Iterator[Request]:
        """2 MiB for the first operation that takes a body."""
        for operation in self.operations:
            if operation.body_schema is not None and operation.can_be_harmless:
                small = self._permitted(operation, self.principals[-1], "large body", harmless=True)
                body = b'{"chimera-compliance": "' + b"x" * _BIG_BODY + b'"}'
                yield replace(small, headers=_as_json(small.headers), body=body)
                return


def _token_as(principal: "Principal", role: str) -> str | None:
    try:
        return principal.token_as(role)
    except (ConfigurationError, Inconclusive):
        return None


def _as_json(headers: Headers) -> Headers:
    others = tuple(pair for pair in headers if pair[0].lower() != "content-type")
    return (*others, ("Content-Type", "application/json"))
