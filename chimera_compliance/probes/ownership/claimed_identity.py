"""The names under which an API may believe what a request says of its tenant or user, beside the token."""

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from chimera_compliance.probes.http.exchange import Request
from chimera_compliance.probes.ownership.witness import read

if TYPE_CHECKING:
    from chimera_compliance.probes.ownership.borrowed_ids import Neighbours

_TENANT = ("tenant_id", "tenantId", "tenant", "org_id", "organization_id", "account_id")
_USER = ("user_id", "userId", "owner_id", "author_id", "username")
_LAST_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_-]*$")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def plain_name(claim: str) -> str:
    """The last word of a claim's name, for ``https://clinic.example/tenant`` names no header, cookie or member.

    Namespaces of claims: RFC 7519, 4.2. Empty where there is no word.
    """
    found = _LAST_WORD.search(claim)
    return found[0] if found else ""


@dataclass(frozen=True)
class Identity:
    """The names under which an API may take an identity from a request, and bob's value for them."""

    names: tuple[str, ...]
    value: str
    hers: str
    members: tuple[str, ...] = ()
    """Under which of them a body names it; the first name where nothing tells."""

    @classmethod
    def of(
        cls, neighbours: "Neighbours", tenant_names: tuple[str, ...], user_names: tuple[str, ...]
    ) -> "Identity | None":
        """bob's tenant, or bob himself where there are no tenants; None where the two do not differ."""
        alice, bob = neighbours.alice, neighbours.bob
        if bob.tenant and alice.tenant and bob.tenant != alice.tenant:
            return cls._named(neighbours, (*tenant_names, *_TENANT), bob.tenant, alice.tenant)
        if bob.subject and alice.subject and bob.subject != alice.subject:
            return cls._named(neighbours, (*user_names, *_USER), bob.subject, alice.subject)
        return None

    @classmethod
    def _named(cls, neighbours: "Neighbours", declared: tuple[str, ...], value: str, hers: str) -> "Identity":
        """As the API's own answers call it, then as the target file does."""
        shown = neighbours.called(hers)
        names = dict.fromkeys((*shown, *filter(None, map(plain_name, declared))))
        return cls(tuple(names), value, hers, shown)

    def in_query(self, request: Request) -> Request:
        """The request with the identity in its query, under every name."""
        joint = "&" if "?" in request.path else "?"
        added = urlencode([(name, self.value) for name in self.names])
        return replace(request, path=f"{request.path}{joint}{added}", note="bob's identity in the query")

    def in_headers(self, request: Request) -> Request:
        """The same in headers and a cookie."""
        words = dict.fromkeys(_HUMP.sub("-", name).replace("_", "-").title() for name in self.names)
        added = tuple((f"X-{word}", self.value) for word in words)
        cookie = ("Cookie", "; ".join(f"{name}={self.value}" for name in self.names))
        return replace(request, headers=(*request.headers, *added, cookie), note="bob's identity in headers")

    def in_body(self, request: Request) -> Request | None:
        """The same in the body, in place of hers and in a member more; None where the body is no object."""
        if not isinstance(document := read(request.body), dict):
            return None
        changed = {**self._exchanged(document), **dict.fromkeys(self.members or self.names[:1], self.value)}
        return replace(request, body=json.dumps(changed).encode(), note="bob's identity in the body")

    def placed(self, request: Request, where: str) -> Request:
        """The same in several places: ``query and headers``."""
        placed = self.in_query(request) if "query" in where else request
        placed = self.in_headers(placed) if "headers" in where else placed
        return (self.in_body(placed) or placed) if "body" in where else placed

    def _exchanged(self, node: Any) -> Any:
        match node:
            case dict():
                return {key: self._exchanged(item) for key, item in node.items()}
            case list():
                return [self._exchanged(item) for item in node]
        return self.value if node == self.hers else node
