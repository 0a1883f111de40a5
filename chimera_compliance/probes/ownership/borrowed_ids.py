"""What alice is answered when she asks for what is bob's, by every id that the API takes from its caller.

Each attempt is made three times: by bob, to whom the object belongs (so that a refusal means something), by alice
with bob's ids, and by alice with ids that nobody has. What she is shown is judged by content: data of bob's that
neither she nor the public sees elsewhere. An API that answers bob's id as it answers nobody's gives nothing away.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from chimera_compliance.probes.http.exchange import Exchange, Request
from chimera_compliance.probes.openapi.inventory import same
from chimera_compliance.probes.openapi.operations import Operation
from chimera_compliance.probes.ownership.estate import Claim, Estate, token_for
from chimera_compliance.probes.ownership.marks import Leaf, leaves, quoted, telling, values
from chimera_compliance.probes.principals.principal import Principal

if TYPE_CHECKING:
    from chimera_compliance.probes.http.api import Api

_MOST_NAMED = 3
_GENERIC = frozenset({"id", "_id", "uuid", "key", "value"})


@dataclass(frozen=True)
class Attempt:
    """alice at something of bob's. ``shown`` names what of it she was given; ``open`` says that anybody is."""

    claim: Claim
    own: Exchange
    foreign: Exchange
    unknown: Exchange
    shown: tuple[str, ...] = ()
    open: bool = False
    note: str = ""

    @property
    def subject(self) -> str:
        """The operation."""
        return self.claim.operation.id

    @property
    def actual(self) -> str:
        """The answer, and what of bob's was in it."""
        with_ids = f"{self.foreign.actual} for bob's {self.claim.names} in the {self.claim.where}"
        parts = [with_ids, f"with his {', '.join(self.shown[:_MOST_NAMED])}" if self.shown else "", self.note]
        return ", ".join(part for part in parts if part)

    @property
    def observation(self) -> str:
        """The exchange that shows it."""
        return self.foreign.observation

    @property
    def undecided(self) -> str:
        """Why nothing can be said; empty when something can."""
        if self.shown:
            return ""
        if not self.own.ok:
            return f"bob himself was answered {self.own.actual} for his {self.claim.names}"
        if not self.foreign.answered or (self.foreign.status or 0) >= 500 or self.foreign.status == 429:
            return f"alice was answered {self.foreign.actual} for bob's {self.claim.names}"
        return ""


@dataclass
class Neighbours:
    """alice and bob at one API; ``shared`` are operations whose objects are meant for both."""

    api: "Api"
    guarded: Sequence[Operation]
    alice: Principal
    bob: Principal
    shared: frozenset[str] = frozenset()
    common: set[str] = field(default_factory=set)
    """Values that alice sees of her own, or anybody sees: they are nobody's secret."""

    @cached_property
    def private(self) -> list[Operation]:
        """The operations on what belongs to one of them only."""
        shared = {same(name) for name in self.shared}
        return [operation for operation in self.guarded if same(operation.id) not in shared]

    @cached_property
    def safe(self) -> list[Operation]:
        """Those of them that read."""
        return [operation for operation in self.private if operation.method == "GET" and not operation.unsafe]

    @cached_property
    def anybody(self) -> frozenset[str]:
        """The values that these operations show without a token, asked for with bob's ids and with alice's.

        Asked once both have logged in, for that may be what makes their objects.
        """
        asked = []
        for principal in (self.alice, self.bob):
            if principal.token:
                asked += self.requests(self.safe, principal, None, "no token")
        return values(map(leaves, self.api.send(asked)))

    @cached_property
    def hers(self) -> list[frozenset[Leaf]]:
        """What alice sees of her own, asked for once."""
        return [leaves(answer) for answer in self.api.send(self.requests(self.safe, self.alice, self.alice, "her own"))]

    def called(self, value: str) -> tuple[str, ...]:
        """The members that hold a value in what alice sees of her own, such as ``tenantId`` for her tenant.

        Not a plain ``id``: that names whatever object it stands in.
        """
        names = {path.rpartition(".")[2] for answer in self.hers for path, found in answer if found == value}
        return tuple(sorted(name for name in names - _GENERIC if name.isidentifier()))

    @cached_property
    def estate(self) -> Estate:
        """What is bob's alone."""
        hers = self.hers
        clean = [answer for answer in hers if not self.signs(self.bob).keys() & values([answer])]
        self.common |= self.anybody | values(clean)
        items = {operation.path.rpartition("/")[::2] for operation in self.guarded if operation.path.endswith("}")}
        return Estate(self.bob, self.alice, values(hers), frozenset(items))

    def signs(self, of: Principal) -> dict[str, str]:
        """What names one of the two and is not shown to anybody: value to name."""
        other = self.alice if of is self.bob else self.bob
        return {value: name for value, name in Estate(of, other).signs.items() if value not in self.anybody}

    def requests(
        self, operations: Iterable[Operation], of: Principal, by: Principal | None, note: str
    ) -> list[Request]:
        """One request to each operation with the ids of one and the token of another."""
        return [operation.request(of, headers=self.credential(by, operation), note=note) for operation in operations]

    def credential(self, principal: Principal | None, operation: Operation):
        """The header with a token of a role that the operation admits."""
        token = token_for(principal, operation) if principal else None
        return self.api.authorization(token) if token else ()

    def read(self) -> list[Attempt]:
        """alice reads with bob's ids, wherever an operation that reads takes an id."""
        claims = [claim for operation in self.safe for claim in self.estate.claims(operation) if claim.where != "body"]
        asked = [request for claim in claims for request in self._reading(claim)]
        answers = self.api.send(asked)
        step = len(asked) // len(claims) if claims else 1
        return [self._attempt(claim, *answers[place * step : (place + 1) * step]) for place, claim in enumerate(claims)]

    def _reading(self, claim: Claim) -> list[Request]:
        bobs, hers = self.credential(self.bob, claim.operation), self.credential(self.alice, claim.operation)
        own = claim.request(self.bob, bobs, "bob's own id")
        return [
            own,
            claim.request(self.alice, hers, f"alice with bob's {claim.names}"),
            claim.unknown().request(self.alice, hers, f"alice with nobody's {claim.names}"),
            own,
        ]

    def _attempt(self, claim: Claim, own: Exchange, foreign: Exchange, unknown: Exchange, again: Exchange) -> Attempt:
        stable = leaves(own) & leaves(again) if own.ok else frozenset()
        marks = self.marks(stable)
        shown = seen_in(foreign, unknown, marks, stable if marks else frozenset(), claim.values)
        return Attempt(claim, own, foreign, unknown, shown)

    def marks(self, stable: frozenset[Leaf]) -> frozenset[Leaf]:
        """What of bob's answer is his alone."""
        return frozenset(leaf for leaf in stable if leaf[1] not in self.common)


def seen_in(
    foreign: Exchange, unknown: Exchange, marks: frozenset[Leaf], whole: frozenset[Leaf], sent: frozenset[str]
) -> tuple[str, ...]:
    """The names of bob's leaves in an answer to alice.

    What she sent herself counts only where the id made a difference: a success that an unknown id does not have.
    """
    found = leaves(foreign)
    reached = foreign.ok and not unknown.ok
    theirs = (marks & found) | quoted(marks, found)
    theirs -= leaves(unknown) | quoted(marks, leaves(unknown))
    theirs = {leaf for leaf in theirs if reached or not any(value in leaf[1] for value in sent)}
    identical = reached and bool(whole) and whole <= found
    if not identical and not any(telling(value) for _, value in theirs):
        return ()
    return tuple(sorted({path.rpartition(".")[2] or "text" for path, _ in theirs}))
