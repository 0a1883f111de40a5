"""Where a request says whose it is beside its token: whether the API believes it.

The tenant of a request is the token's (ADR-005 §3). A body, query, header or cookie that names another tenant is
to be refused or ignored; what alice then sees or creates tells which. Where a stack has no tenants, its users stand
in their place.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from chimera_compliance.probes.http.exchange import Exchange, Request
from chimera_compliance.probes.openapi.operations import PATH_PARAMETER, Operation
from chimera_compliance.probes.ownership.borrowed_ids import Attempt, Neighbours, seen_in
from chimera_compliance.probes.ownership.claimed_identity import Identity
from chimera_compliance.probes.ownership.estate import Claim, complete
from chimera_compliance.probes.ownership.marks import leaves, values
from chimera_compliance.probes.ownership.throwaway import Workshop, identifier_of

_ALL, _BESIDE = "body, query and headers", "query and headers"
_PLACES = {_ALL: (), "body": (_ALL,), _BESIDE: (_ALL,), "headers": (_ALL, _BESIDE)}
"""Where the identity stands; one that was accepted in wider places need not be tried here."""


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
    """What came of alice creating something for bob's tenant, or giving it what is hers.

    ``his`` and ``hers``: who can see it, None if unknown.
    """

    operation: Operation
    where: str
    answer: Exchange
    plain: Exchange | None = None
    """With less of the claim or none, where the claim was refused: the positive control."""
    named: bool = False
    his: bool | None = None
    hers: bool | None = None

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
    """Every operation that creates, with bob's identity in body, query and headers.

    What was created is then written over with bob's identity, by the operations that change it.
    """
    for operation in [item for item in near.private if item.method == "POST"]:
        honest = near.estate.making(operation, near.alice, near.credential(near.alice, operation), "alice")
        if identity.in_body(honest) is None:
            continue
        answers = _claiming(near, identity, honest)
        made = [answer for answer in answers.values() if answer.ok] or near.api.send([honest])
        if made[0].status == 409 and _only_acts(near, operation):
            continue
        judged = [
            _whose(near, operation, answer, where, identity)
            if answer.ok
            else Created(operation, where, answer, made[0])
            for where, answer in answers.items()
        ]
        yield from judged
        if _is_new(operation, honest, made[-1]):
            if not any(item.became_bobs for item in judged):
                yield from _moving(near, identity, operation, made[-1])
            for answer in made:
                workshop.discard_new(operation, answer, near.alice)


def _claiming(near: Neighbours, identity: Identity, honest: Request) -> dict[str, Exchange]:
    """The answers to bob's identity in all places, and in fewer where they are refused: for their form, perhaps."""
    answers: dict[str, Exchange] = {}
    for where, tried in _PLACES.items():
        if not any(wider in answers and answers[wider].ok for wider in tried):
            answers[where] = near.api.send([identity.placed(honest, where)])[0]
    return answers


def _is_new(operation: Operation, request: Request, answer: Exchange) -> bool:
    """Whether an answer tells of a new object, and not of one that the path names: POST /orders/7/cancel makes none."""
    above = request.path.partition("?")[0].split("/")
    acted_on = "{" in operation.path and identifier_of(answer, "id") in above
    return answer.ok and (answer.status == 201 or not acted_on)


def _only_acts(near: Neighbours, operation: Operation) -> bool:
    """Whether an operation on an object makes nothing that could be read, such as POST /orders/7/cancel.

    That the object is no longer in the state for it is then all that there is to say.
    """
    return "{" in operation.path and not any(_reads(reader, operation) for reader in near.safe)


def _moving(near: Neighbours, identity: Identity, maker: Operation, made: Exchange) -> Iterator[Created]:
    """alice's new object written over with bob's identity in the body, as where a handler assigns all members."""
    identifier = identifier_of(made, "id")
    for operation in [item for item in near.private if item.method in ("PUT", "PATCH") and _is_item_of(item, maker)]:
        if identifier is None:
            return
        holder = replace(near.alice, resources=near.alice.resources | {operation.path: identifier})
        asked = operation.request(holder, headers=near.credential(near.alice, operation), note="alice")
        honest = complete(operation, holder, asked)
        if (claiming := identity.in_body(honest)) is None:
            continue
        answer = near.api.send([claiming])[0]
        if answer.ok:
            yield _whose(near, operation, answer, "body", identity, identifier)
        else:
            yield Created(operation, "body", answer, near.api.send([honest])[0])


def _is_item_of(item: Operation, maker: Operation) -> bool:
    parent, _, last = item.path.rpartition("/")
    return parent == maker.path.rstrip("/") and bool(PATH_PARAMETER.fullmatch(last))


def _whose(
    near: Neighbours, operation: Operation, answer: Exchange, where: str, identity: Identity, known: str | None = None
) -> Created:
    """Whose the object is that an answer tells of, or that is `known` to be meant."""
    named = identity.value in values([leaves(answer)])
    identifier = known or identifier_of(answer, "id")
    readers = [reader for reader in near.safe if _reads(reader, operation)] if identifier else []
    his, hers = (_sees(near, principal, readers, identifier or "") for principal in (near.bob, near.alice))
    return Created(operation, where, answer, None, named, his, hers)


def _reads(reader: Operation, creator: Operation) -> bool:
    return reader.path == creator.path or _is_item_of(reader, creator)


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
