"""Where a request says whose it is beside its token: whether the API believes it.

The tenant of a request is the token's (ADR-005 §3). A body, query, header or cookie that names another tenant is
to be refused or ignored; what alice then sees or creates tells which. Where a stack has no tenants, its users stand
in their place.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from chimera_compliance.probes.estate import Claim
from chimera_compliance.probes.exchange import Exchange, Request
from chimera_compliance.probes.marks import leaves, values
from chimera_compliance.probes.operations import PATH_PARAMETER, Operation
from chimera_compliance.probes.ownership import Attempt, Neighbours, seen_in
from chimera_compliance.probes.throwaway import Workshop, identifier_of
from chimera_compliance.probes.witness import read

_TENANT = ("tenant_id", "tenantId", "tenant", "org_id", "organization_id", "account_id")
_USER = ("user_id", "userId", "owner_id", "author_id", "username")


@dataclass(frozen=True)
class Identity:
    """The names under which an API may take an identity from a request, and bob's value for them."""

    names: tuple[str, ...]
    value: str
    hers: str

    @classmethod
    def of(
        cls, neighbours: Neighbours, tenant_names: tuple[str, ...], user_names: tuple[str, ...]
    ) -> "Identity | None":
        """bob's tenant, or bob himself where there are no tenants; None where the two do not differ."""
        alice, bob = neighbours.alice, neighbours.bob
        if bob.tenant and alice.tenant and bob.tenant != alice.tenant:
            return cls(tuple(dict.fromkeys((*tenant_names, *_TENANT))), bob.tenant, alice.tenant)
        if bob.subject and alice.subject and bob.subject != alice.subject:
            return cls(tuple(dict.fromkeys((*user_names, *_USER))), bob.subject, alice.subject)
        return None

    def in_query(self, request: Request) -> Request:
        """The request with the identity in its query, under every name."""
        joint = "&" if "?" in request.path else "?"
        added = urlencode([(name, self.value) for name in self.names])
        return replace(request, path=f"{request.path}{joint}{added}", note="bob's identity in the query")

    def in_headers(self, request: Request) -> Request:
        """The same in headers and a cookie."""
        words = dict.fromkeys(name.replace("_", "-").title() for name in self.names if name == name.lower())
        added = tuple((f"X-{word}", self.value) for word in words)
        cookie = ("Cookie", "; ".join(f"{name}={self.value}" for name in self.names))
        return replace(request, headers=(*request.headers, *added, cookie), note="bob's identity in headers")

    def in_body(self, request: Request) -> Request | None:
        """The same in the body, in place of hers and in a member more; None where the body is no object."""
        if not isinstance(document := read(request.body), dict):
            return None
        changed = {**self._exchanged(document), self.names[0]: self.value}
        return replace(request, body=json.dumps(changed).encode(), note="bob's identity in the body")

    def _exchanged(self, node: Any) -> Any:
        match node:
            case dict():
                return {key: self._exchanged(item) for key, item in node.items()}
            case list():
                return [self._exchanged(item) for item in node]
        return self.value if node == self.hers else node


@dataclass(frozen=True)
class Assumed(Attempt):
    """alice claiming to be of bob's tenant, in ``where``, beside what she is shown without that claim."""

    where: str = ""

    @property
    def actual(self) -> str:
        """The answer, and what of bob's was in it."""
        shown = f", with bob's {', '.join(self.shown[:3])}" if self.shown else ""
        return f"{self.foreign.actual} for bob's identity in the {self.where}{shown}"

    @property
    def undecided(self) -> str:
        """Why nothing can be said; empty when something can."""
        return "" if self.shown or self.own.ok else f"bob himself was answered {self.own.actual}"


def reading(neighbours: Neighbours, identity: Identity) -> list[Assumed]:
    """Every operation that reads, with bob's ids and alice's token, and bob's identity in query or headers."""
    found, operations = [], neighbours.safe
    claims = [Claim(operation, "path", _ids(neighbours, operation)) for operation in operations]
    asked = [request for claim in claims for request in _asked(neighbours, claim, identity)]
    answers = iter(neighbours.api.send(asked))
    for claim in claims:
        own, again, plain, query, headers = (next(answers) for _ in range(5))
        marks = neighbours.marks(leaves(own) & leaves(again) if own.ok else frozenset())
        for where, spoofed in (("query", query), ("headers", headers)):
            shown = seen_in(spoofed, plain, marks, frozenset(), claim.values | {identity.value})
            found.append(Assumed(claim, own, spoofed, plain, shown, where=where))
    return found


def _ids(neighbours: Neighbours, operation: Operation) -> tuple[tuple[str, str], ...]:
    ways = [claim for claim in neighbours.estate.claims(operation) if claim.where == "path"]
    return ways[0].ids if ways else ()


def _asked(neighbours: Neighbours, claim: Claim, identity: Identity) -> list[Request]:
    near, operation = neighbours, claim.operation
    own = operation.request(near.bob, headers=near.credential(near.bob, operation), note="bob, own ids")
    plain = claim.request(near.alice, near.credential(near.alice, operation), "alice with bob's ids")
    return [own, own, plain, identity.in_query(plain), identity.in_headers(plain)]


@dataclass(frozen=True)
class Created:
    """What came of alice creating something for bob's tenant. ``his`` and ``hers``: who can see it, None if unknown."""

    operation: Operation
    where: str
    answer: Exchange
    named: bool = False
    his: bool | None = None
    hers: bool | None = None
    plain: Exchange | None = None
    """Without the claim, where the claim was refused: the positive control."""

    @property
    def subject(self) -> str:
        """The operation."""
        return self.operation.id

    @property
    def actual(self) -> str:
        """The answer, and whose it became."""
        whose = "which bob now has" if self.his else "which names bob as its owner" if self.named else ""
        return f"{self.answer.actual} for bob's identity in the {self.where}" + (f", {whose}" if whose else "")

    @property
    def observation(self) -> str:
        """The exchange that shows it."""
        return self.answer.observation

    @property
    def became_bobs(self) -> bool:
        """Whether what alice created is bob's: he sees it, and it names him or is hidden from her."""
        return self.answer.ok and bool(self.his) and (self.named or self.hers is False)

    @property
    def undecided(self) -> str:
        """Why nothing can be said; empty when something can."""
        if self.answer.ok:
            unclear = self.named and self.his is None
            return "the answer names bob, and no operation shows whose the object is" if unclear else ""
        if not self.answer.answered or (self.answer.status or 0) >= 500:
            return f"alice was answered {self.answer.actual}"
        if self.plain is not None and not self.plain.ok:
            return f"alice was answered {self.plain.actual} without any claim as well"
        return ""


def creating(near: Neighbours, identity: Identity, workshop: Workshop) -> Iterator[Created]:
    """Every operation that creates, with bob's identity in body, query and headers, then without it in the body."""
    for operation in [item for item in near.private if item.method == "POST"]:
        honest = near.estate.making(operation, near.alice, near.credential(near.alice, operation), "alice")
        beside = identity.in_headers(identity.in_query(honest))
        if (claiming := identity.in_body(beside)) is None:
            continue
        answer = near.api.send([claiming])[0]
        if answer.ok:
            yield _whose(near, operation, answer, "body, query and headers", identity)
        else:
            second = near.api.send([beside])[0]
            plain = second if second.ok else near.api.send([honest])[0]
            yield Created(operation, "body, query and headers", answer, plain=plain)
            if second.ok:
                yield _whose(near, operation, second, "query and headers", identity)
            answer = plain
        workshop.discard_new(operation, answer, near.alice)


def _whose(near: Neighbours, operation: Operation, answer: Exchange, where: str, identity: Identity) -> Created:
    named = identity.value in values([leaves(answer)])
    identifier = identifier_of(answer, "id")
    readers = [reader for reader in near.safe if _reads(reader, operation)] if identifier else []
    his, hers = (_sees(near, principal, readers, identifier or "") for principal in (near.bob, near.alice))
    return Created(operation, where, answer, named, his, hers)


def _reads(reader: Operation, creator: Operation) -> bool:
    parent, _, last = reader.path.rpartition("/")
    return reader.path == creator.path or (parent == creator.path and bool(PATH_PARAMETER.fullmatch(last)))


def _sees(near: Neighbours, principal, readers: list[Operation], identifier: str) -> bool | None:
    """Whether an object is among what a principal is shown; None where nothing shows such objects."""
    if not readers:
        return None
    asked = [_reading(near, principal, reader, identifier) for reader in readers]
    return any(answer.ok and identifier in values([leaves(answer)]) for answer in near.api.send(asked))


def _reading(near: Neighbours, principal, reader: Operation, identifier: str) -> Request:
    holder = replace(
        principal, resources=principal.resources | ({reader.path: identifier} if "{" in reader.path else {})
    )
    return reader.request(holder, headers=near.credential(principal, reader), note=f"{principal.name} looks for it")
