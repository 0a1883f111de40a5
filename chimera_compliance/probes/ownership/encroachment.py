"""What happens to bob's objects when alice writes with his ids: judged by reading them again as bob.

Objects made for the purpose are used where the API can make and delete them; others are only changed in ways that
can be undone. Nothing of bob's that could not be made again is asked to be deleted.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from chimera_compliance.probes.http.exchange import Exchange, Request
from chimera_compliance.probes.ownership.borrowed_ids import Attempt, Neighbours, seen_in
from chimera_compliance.probes.ownership.estate import Claim, complete, token_for
from chimera_compliance.probes.ownership.throwaway import Workshop
from chimera_compliance.probes.ownership.witness import Sight, Witness, differing, members, replaced, scalars, undoing
from chimera_compliance.references import is_reference
from chimera_compliance.target import Target

_CREDENTIAL = re.compile(r"passw|secret|token|api_?key|credential|mfa|otp", re.IGNORECASE)

_REFUSALS = (401, 403, 404)


@dataclass(frozen=True)
class Encroachment(Attempt):
    """alice writing to something of bob's.

    ``changed`` says what of it is otherwise since; ``alters`` that the operation is one on the object itself rather
    than one beside it, such as a comment or a like; ``withheld`` why it was not sent.
    """

    changed: tuple[str, ...] = ()
    alters: bool = True
    withheld: str = ""

    @property
    def accepted(self) -> bool:
        """Whether alice's write was taken where one with nobody's id is not, and is none that everybody may do."""
        return self.reached or (self.foreign.ok and not self.unknown.ok and (self.alters or not self.open))

    @property
    def reached(self) -> bool:
        """Whether the state of his object stood in alice's way as it does in his own, where nobody's is not found."""
        met = self.own.status == self.foreign.status == 409 and self.unknown.status in _REFUSALS
        return met and self.claim.where == "path" and not self.open

    @property
    def actual(self) -> str:
        """The answer, and what came of it."""
        return super().actual + (f", after which his {' and '.join(self.changed)} changed" if self.changed else "")

    @property
    def undecided(self) -> str:
        """Why nothing can be said; empty when something can."""
        if self.withheld or self.changed or self.accepted:
            return self.withheld
        his_alone = self.own.status == 409 and self.foreign.status in _REFUSALS
        everybodys = self.open and not self.alters
        return "" if his_alone or everybodys else super().undecided


@dataclass
class Trespasser:
    """Writes as alice to what is bob's.

    ``declared`` are the operations whose bodies the target file gives. ``secrets`` are bob's own, by name: a body that
    sets a credential sets it to what it is.
    """

    neighbours: Neighbours
    declared: frozenset[str] = frozenset()
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    workshop: Workshop = field(init=False)

    def __post_init__(self) -> None:
        self.workshop = Workshop(self.neighbours.api, self.neighbours.guarded)

    @property
    def left(self) -> list[str]:
        """What could not be put back or put away."""
        return self.workshop.left

    def write(self) -> Iterator[Encroachment]:
        """Every operation that changes data, with each of bob's ids that it takes."""
        for operation in [item for item in self.neighbours.private if item.unsafe]:
            for claim in self.neighbours.estate.claims(operation):
                if claim.where != "path" or _is_his(claim):
                    yield self._attempt(claim)

    def _attempt(self, claim: Claim) -> Encroachment:
        bob = self.neighbours.bob
        if reason := self._forbidden(claim):
            return _withheld(claim, reason)
        made = self.workshop.make(claim, bob, self.neighbours.estate) if claim.where == "path" else None
        if made is None and _deletes(claim):
            return _withheld(claim, "would delete what the API offers no way to make for the purpose")
        seen = self._observed(made or claim)
        if made:
            self.workshop.discard(made, bob)
        elif seen.changed and not seen.own.ok:
            self.left.append(f"{' and '.join(seen.changed)} of bob's {claim.names} {', '.join(sorted(claim.values))}")
        return seen

    def _forbidden(self, claim: Claim) -> str:
        if self._token(claim) is None:
            return "admits no role that alice has a token of"
        unknown = [name for name in self._credentials(claim) if name not in self.secrets]
        return f"would change a credential ({unknown[0]}): give its body under api.bodies" if unknown else ""

    def _token(self, claim: Claim) -> str | None:
        return token_for(self.neighbours.alice, claim.operation)

    def _credentials(self, claim: Claim) -> list[str]:
        """The members of the body that would set a credential of bob's."""
        if claim.where != "path" or claim.operation.id in self.declared:
            return []
        return [name for name in members(claim.request(self.neighbours.bob).body) if _CREDENTIAL.search(name)]

    def _observed(self, claim: Claim) -> Encroachment:
        near = self.neighbours
        witness, hers_own = Witness.of(near, claim, near.bob), Witness.of(near, claim, near.alice)
        before, hers_before = witness.look(), hers_own.look()
        hers = near.credential(near.alice, claim.operation)
        attack = differing(claim.request(near.alice, hers, f"alice with bob's {claim.names}"), before)
        attack = replaced(attack, {name: self.secrets[name] for name in self._credentials(claim)})
        nobodys = claim.unknown().request(near.alice, hers, f"alice with nobody's {claim.names}")
        unknown, foreign = (near.api.send([item])[0] for item in (_with_body(nobodys, attack, claim), attack))
        after = witness.look()
        alters = _alters(claim, attack)
        taken = foreign.ok and not unknown.ok and (alters or not before.open)
        changed = after.since(before, attack, accepted=taken)
        own = near.api.send([self._own(claim, before)])[0]
        self._clean(claim, foreign, own)
        if foreign.ok and not changed and hers_own.look().differs(hers_before):
            near.api.send([undoing(self._again(claim), hers_before)])
        return Encroachment(
            claim,
            own,
            foreign,
            unknown,
            self._shown(claim, foreign, unknown, before),
            before.open,
            changed=changed,
            alters=alters,
        )

    def _shown(self, claim: Claim, foreign: Exchange, unknown: Exchange, before: Sight) -> tuple[str, ...]:
        marks = self.neighbours.marks(before.stable)
        return () if before.open else seen_in(foreign, unknown, marks, frozenset(), claim.values)

    def _own(self, claim: Claim, before: Sight) -> Request:
        """The positive control: bob himself, putting back what there was; for an id in the body, alice with her own."""
        near, operation = self.neighbours, claim.operation
        if claim.where == "body":
            return operation.request(near.alice, headers=near.credential(near.alice, operation), note="her own id")
        his = claim.request(near.bob, near.credential(near.bob, operation), "bob's own id")
        return replaced(undoing(his, before), {name: self.secrets[name] for name in self._credentials(claim)})

    def _again(self, claim: Claim) -> Request:
        """alice's own request, for what she has changed of her own where an id of bob's is not looked at."""
        near, operation = self.neighbours, claim.operation
        asked = operation.request(near.alice, headers=near.credential(near.alice, operation), note="put back")
        return complete(operation, near.alice, asked)

    def _clean(self, claim: Claim, foreign: Exchange, own: Exchange) -> None:
        near = self.neighbours
        self.workshop.discard_created(claim.operation, foreign, near.alice, claim.values)
        who = near.alice if claim.where == "body" else near.bob
        self.workshop.discard_created(claim.operation, own, who, claim.values)


def _with_body(request: Request, attack: Request, claim: Claim) -> Request:
    """The same body, but for an id that stands in it."""
    return request if claim.where == "body" else replace(request, body=attack.body)


def _withheld(claim: Claim, reason: str) -> Encroachment:
    nothing = Exchange(Request(claim.operation.method, claim.operation.path, operation=claim.operation.id))
    return Encroachment(claim, nothing, nothing, nothing, withheld=f"not sent with bob's {claim.names}: it {reason}")


def _is_his(claim: Claim) -> bool:
    """Whether the last object that the path names is bob's, rather than alice's own under a parent of bob's."""
    return claim.operation.path.rpartition("{")[2].partition("}")[0] == claim.ids[-1][0]


def _deletes(claim: Claim) -> bool:
    """Whether the operation deletes the object that its path names last."""
    return claim.operation.method == "DELETE" and claim.where == "path" and claim.operation.path.endswith("}")


def _alters(claim: Claim, attack: Request) -> bool:
    """PUT and PATCH with content, and DELETE of the object itself; a PUT without content is a like or a follow."""
    return claim.where == "path" and (_deletes(claim) or (attack.method in ("PUT", "PATCH") and bool(attack.body)))


def own_secrets(target: Target, name: str) -> dict[str, str]:
    """The credentials that a principal logs in with, by the member of the body that carries them."""
    settings = target.principals.get(name)
    steps = settings.token.steps if settings and settings.token else None
    found = {
        member: value
        for step in steps or []
        for member, value in scalars([step.body_json, step.form])
        if _CREDENTIAL.search(member) and isinstance(value, str) and is_reference(value)
    }
    return {member: target.secret(reference) for member, reference in found.items()}
