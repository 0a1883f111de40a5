"""One look at how an API takes wrong input, on which all checks of the control are judged.

Requests are few, since each is taken from a tenant's rate limit, and sent together, so that a limiter is waited for
once. Nothing is written unless the scope allows it: what is wrong may be accepted, which is what there is to find out.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from chimera_compliance.outcomes import Inconclusive
from chimera_compliance.probes.http.exchange import Exchange, Request
from chimera_compliance.probes.openapi.inventory import same
from chimera_compliance.probes.openapi.operations import PATH_PARAMETER, Operation
from chimera_compliance.probes.openapi.thrift import Thrift
from chimera_compliance.probes.validation.assignment import Assigned, Assigner, Powers
from chimera_compliance.probes.validation.bodies import SIZE, Odd, OddBody, doubled, nonsense, wrong_bodies
from chimera_compliance.probes.validation.candidates import REFUSE
from chimera_compliance.probes.validation.demands import Demand, demands
from chimera_compliance.probes.validation.examination import Examination
from chimera_compliance.probes.validation.fields import has_model, is_declared, is_json
from chimera_compliance.probes.validation.oddities import odd_requests, strange_ids
from chimera_compliance.probes.validation.positives import Positive, right_requests
from chimera_compliance.probes.validation.residue import Bookkeeper, Residue
from chimera_compliance.probes.validation.tidying import put_away
from chimera_compliance.probes.validation.trials import CONFLICT, CRASHED, REFUSED, UNDECIDED, Seen, outcome

if TYPE_CHECKING:
    from chimera_compliance.probes.http.api import Api
    from chimera_compliance.probes.principals.principal import Principal
    from chimera_compliance.target import Target

_REQUESTS_EACH = 40
_SHARE_OF_BUDGET = 4
_FEWEST = 8
_TOO_LATE = "no complete answer within"
_NO_FAULT = (501, 502, 503, 504, 505)
"""Not implemented, or busy: no fault of what was sent, unless it is answered to that again and again."""
_CREDENTIAL = re.compile(r"passw|secret|credential|api_?key|private_?key|mnemonic", re.IGNORECASE)


@dataclass
class Inspection:
    """Everything that was tried, with what became of it."""

    target: "Target"
    api: "Api"
    operations: Sequence[Operation]
    named: "Mapping[str, Principal]"
    withheld: dict[str, str] = field(default_factory=dict)
    """Operations that were not tried, and why."""
    bodies: list[OddBody] = field(default_factory=list)
    ids: list[tuple[str, Exchange]] = field(default_factory=list)
    positives: list[Positive] = field(default_factory=list)
    assigned: list[Assigned] = field(default_factory=list)
    free_form: list[OddBody] = field(default_factory=list)
    demands: list[Demand] = field(default_factory=list)
    residues: list[Residue] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def run(self) -> "Inspection":
        """Try everything."""
        self.examination = Examination(self.api, self.principals, self.target.input.constraints)
        chosen = self._affordable([item for item in self.operations if self._may_try(item)])
        subjects = [subject for item in chosen if (subject := self.examination.subject(item)).worth_it]
        self.demands = demands(self.operations, self.examination, self.target.input.constraints)
        books = Bookkeeper.of(self.examination, chosen, self.operations)
        books.look()
        self._first(chosen)
        self.examination.run(subjects)
        books.look()
        self.positives = right_requests(self.examination, subjects)
        self.residues = books.close()
        self._assign()
        with suppress(Inconclusive):  # the server may no longer give out tokens: what is missing is named as undecided
            self.examination.run_without_bounds(subjects)
            self.examination.make_small_again()
            self.left = put_away(self.api, self.operations, self.principals, self.exchanges)
        return self

    @cached_property
    def seen(self) -> list[Seen]:
        """What became of each wrong value; what a right request's answer says of it is taken into account."""
        return [self._settled(item) for item in self.examination.seen]

    @property
    def exchanges(self) -> list[Exchange]:
        """Everything that was sent."""
        return self.examination.exchanges

    @property
    def broken(self) -> list[Exchange]:
        """The answers that tell of a failure of the server, those that say most exactly what of first."""
        repeated = {item.exchange.observation for item in self.examination.seen if item.outcome == CRASHED}
        failed = [
            exchange
            for exchange in self.exchanges
            if (exchange.status or 0) >= 500 and (exchange.status not in _NO_FAULT or exchange.observation in repeated)
        ]
        return sorted(failed, key=lambda exchange: len(exchange.request.note)) + self._hung()

    def _hung(self) -> list[Exchange]:
        """The first request that was never answered, where others had been: what follows it may be its consequence."""
        silent = [exchange for exchange in self.exchanges if not exchange.answered and _TOO_LATE in exchange.error]
        answered = any(exchange.answered for exchange in self.exchanges)
        return sorted(silent, key=lambda exchange: exchange.observation)[:1] if answered else []

    @property
    def rejections(self) -> list[Exchange]:
        """The answers that refuse input."""
        whole = [item.exchange for item in (*self.bodies, *self.free_form) if item.outcome == REFUSED]
        fields = [item.exchange for item in self.examination.seen if item.outcome == REFUSED]
        ids = [exchange for _, exchange in self.ids]
        found = {exchange.observation: exchange for exchange in (*whole, *fields, *ids)}
        return [exchange for exchange in found.values() if 400 <= (exchange.status or 0) < 500]

    def positive(self, operation: str) -> Positive | None:
        """The right requests of an operation."""
        return next((item for item in self.positives if item.subject == operation), None)

    # What may be tried

    @cached_property
    def principals(self) -> "list[Principal]":
        """alice, and bob to take turns with, if there is a token for him."""
        found = [who for name in ("alice", "bob") if (who := self.named.get(name)) is not None and who.has_token]
        if len(found) > 1:
            with suppress(Inconclusive):
                return found if found[1].token else found[:1]
        return found[:1]

    def _may_try(self, operation: Operation) -> bool:
        reason = self._objection(operation)
        if reason:
            self.withheld[operation.id] = reason
        return not reason

    def _objection(self, operation: Operation) -> str:
        if not operation.unsafe:
            return ""
        if not self.target.scope.writes:
            return "scope.writes is false, and wrong input may be accepted"
        if operation.method == "DELETE" and operation.payload is not None:
            return "deletes, and wrong input may be accepted"
        changes = operation.method in ("PUT", "PATCH") or bool(PATH_PARAMETER.search(operation.path))
        names = [place.name for place in self.examination.subject(operation).fields if place.location == "body"]
        if changes and not is_declared(operation) and any(map(_CREDENTIAL.search, names)):
            return "would change a credential: give its body under api.bodies"
        return ""

    def _affordable(self, operations: list[Operation]) -> list[Operation]:
        most = max(_FEWEST, self.target.scope.requests // _SHARE_OF_BUDGET // _REQUESTS_EACH)
        chosen = Thrift(self.target).some(operations, most)
        self.withheld |= {item.id: "scope.requests leaves no room" for item in operations if item not in chosen}
        return chosen

    # The first wave: what needs no adapting

    def _first(self, operations: Sequence[Operation]) -> None:
        odd = list(self._odd_bodies(operations))
        strange = list(strange_ids(self.examination, operations))
        others = list(odd_requests(self.examination, self.operations, self.target.api.base_url))
        free = list(self._free_form(operations))
        requests: list[Request] = [item.request for item in (*odd, *free)] + [item[2] for item in strange] + others
        answers = self.examination.send(requests)
        self.free_form = [
            OddBody(item, answer, outcome(answer)) for item, answer in zip(free, answers[len(odd) :], strict=False)
        ]
        del answers[len(odd) : len(odd) + len(free)]
        self.bodies = [
            OddBody(item, answer, self._became(item, answer)) for item, answer in zip(odd, answers, strict=False)
        ]
        self.ids = [(kind, answer) for (_, kind, _), answer in zip(strange, answers[len(odd) :], strict=False)]

    def _odd_bodies(self, operations: Sequence[Operation]) -> Iterator[Odd]:
        takers = [item for item in operations if is_json(item) and item.unsafe and item.method != "DELETE"]
        generous = Thrift(self.target).least_limited(takers)
        updates = [item for item in generous if item.method in ("PATCH", "PUT")]
        chosen = next(iter(updates or generous), None)
        for operation in takers:
            whole = self.examination.whole(operation)
            yield from wrong_bodies(whole, thorough=operation is chosen, largest=self.target.input.body_bytes)
            if operation is chosen and isinstance(whole.body, dict):
                yield from self._doubled(operation)

    def _free_form(self, operations: Sequence[Operation]) -> Iterator[Odd]:
        """Nonsense for the operations whose document does not say what they take."""
        meant = {same(name) for name in self.target.input.free_form}
        for operation in operations:
            if is_json(operation) and operation.unsafe and same(operation.id) not in meant and not has_model(operation):
                yield nonsense(self.examination.whole(operation))

    def _doubled(self, operation: Operation) -> list[Odd]:
        subject = self.examination.subject(operation)
        for place in subject.fields:
            for wrong in subject.wrong(place):
                plain = (
                    wrong.must == REFUSE and not wrong.unbounded and isinstance(wrong.value, str | int | float | list)
                )
                if plain and place.location == "body" and len(place.path) == 1:
                    return doubled(self.examination.whole(operation), place.name, place.valid, wrong.value)
        return []

    def _became(self, odd: Odd, answer: Exchange) -> str:
        """A server may hang up on a body that is too large, instead of answering."""
        if odd.kind == SIZE and not answer.answered and _TOO_LATE not in answer.error:
            return REFUSED
        return outcome(answer)

    # What a right request says of the wrong ones

    def _settled(self, item: Seen) -> Seen:
        """A firewall refuses with 403; and what is only told of a conflict had got through before."""
        if item.outcome != UNDECIDED or item.wrong.must != REFUSE:
            return item
        positive = self.positive(item.operation)
        if item.exchange.status == 403 and positive and positive.accepted:
            return item.became(REFUSED)
        others = [other for other in self.examination.seen if other.operation == item.operation]
        judged_first = any(other.outcome == REFUSED and other.wrong.must == REFUSE for other in others)
        if item.exchange.status == CONFLICT and judged_first and (positive is None or positive.conflict):
            return item.became("accepted", "which tells of a conflict, and not of the value")
        return item

    # Members that nobody asked for

    def _assign(self) -> None:
        if not self.target.scope.writes:
            return
        right = [
            next((whole, answer) for whole, answer in item.tried if answer.ok)
            for item in self.positives
            if item.accepted and item.operation.unsafe and is_json(item.operation)
        ]
        right = [(whole, answer) for whole, answer in right if isinstance(whole.body, dict)]
        assigner = Assigner(self.examination, self.operations, self._powers())
        self.assigned = assigner.run(right)

    def _powers(self) -> Powers:
        names, neighbour = self.target.tokens.claims, self.principals[1] if len(self.principals) > 1 else None
        return Powers(names.tenant, names.role, tuple(self.target.roles), neighbour.tenant if neighbour else None)
