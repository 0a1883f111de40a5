"""Members that nobody asked for: ids, tenants, roles and states that a client has no business to set (CWE-915).

They are sent beside a right body, all at once, and looked for in what was then created or changed. A stack may refuse
them or pass them over; what it must not do is keep them. A comparison with an object that was made without them tells
what is merely the default.
"""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from chimera_compliance.probes.http.exchange import Exchange
from chimera_compliance.probes.openapi.operations import PATH_PARAMETER, Operation
from chimera_compliance.probes.ownership.throwaway import identifier_of
from chimera_compliance.probes.validation.forging import Whole
from chimera_compliance.probes.validation.naming import named
from chimera_compliance.probes.validation.objects import (
    PAST,
    another,
    has_value,
    inner,
    is_it,
    object_about,
    objects,
    offered,
    with_members,
)
from chimera_compliance.probes.validation.trials import ACCEPTED, CRASHED, REFUSED, outcome

if TYPE_CHECKING:
    from chimera_compliance.probes.validation.examination import Examination

UNKNOWN = "chimera_compliance_unknown"
_MOST = 24
_MOST_ALONE = 8
_MOST_LISTS = 4
Tried = tuple[Whole, Exchange]


@dataclass(frozen=True)
class Powers:
    """The values that a stranger would like to set, by the stack's own names."""

    tenant: str | None = "tenant_id"
    role: str | None = "role"
    roles: tuple[str, ...] = ()
    neighbour: str | None = None

    def wishes(self) -> dict[str, Any]:
        """Members that stacks are known to keep, with values that nobody sets by chance."""
        found: dict[str, Any] = {"id": str(uuid.uuid4()), "admin": True, "is_admin": True, "created_at": PAST}
        found |= {"status": "completed", "owner_id": str(uuid.uuid4()), "verified": True}
        if self.tenant:
            found[self.tenant] = self.neighbour or str(uuid.uuid4())
        found[self.role or "role"] = self.roles[-1] if self.roles else "admin"
        return found


@dataclass
class Assigned:
    """One operation's answer to extra members; ``kept`` are those that the object was found to have afterwards."""

    operation: Operation
    kept: dict[str, Exchange] = field(default_factory=dict)
    decided: set[str] = field(default_factory=set)
    undecided: str = ""

    @property
    def subject(self) -> str:
        """The operation."""
        return self.operation.id


@dataclass
class Assigner:
    """Sends extra members beside bodies that got through without them."""

    examination: "Examination"
    operations: Sequence[Operation]
    powers: Powers

    def run(self, right: Sequence[Tried]) -> list[Assigned]:
        """Each operation whose right request got through, with its extra members."""
        asked = [(self._again(whole, right), self._extras(whole, answer)) for whole, answer in right]
        answers = self._send([(whole, {**extras, UNKNOWN: "x"}) for whole, extras in asked])
        found = []
        for before, (whole, extras), answer in zip(right, asked, answers, strict=True):
            found.append(Assigned(whole.operation))
            self._judge(found[-1], before, whole, extras, answer)
        return found

    def _again(self, whole: Whole, right: Sequence[Tried]) -> Whole:
        """A second right request, on an object of our own making where there is one: what is lost was ours."""
        again = self.examination.whole(whole.operation, self.examination.first)
        if whole.operation.method not in ("PUT", "PATCH"):
            return again
        for maker, answer in right:
            last = whole.operation.path.removeprefix(maker.operation.path.rstrip("/") + "/")
            identifier = identifier_of(answer, "id")
            if maker.operation.method == "POST" and PATH_PARAMETER.fullmatch(last) and identifier:
                path = f"{answer.request.path.partition('?')[0]}/{identifier}"
                return replace(again, request=replace(again.request, path=path, headers=answer.request.headers))
        return again

    def _extras(self, whole: Whole, answer: Exchange) -> dict[str, Any]:
        """What the object has beside what may be said of it, and what stacks are known to keep."""
        about = inner(whole.body)
        said = set(about) | offered(whole)
        shown = object_about(answer.json(), about) or {}
        wishes = self.powers.wishes()
        found = {name: another(name, value, wishes) for name, value in shown.items()}
        found |= {name: value for name, value in wishes.items() if name not in found}
        useful = {name: value for name, value in found.items() if value is not None and name not in said}
        return dict(list(useful.items())[:_MOST])

    def _send(self, asked: list[tuple[Whole, dict[str, Any]]]) -> list[Exchange]:
        requests = []
        for whole, extras in asked:
            note = f"with {', '.join(name for name in extras if name != UNKNOWN)}"
            requests.append(replace(whole.with_body(with_members(whole.body, extras)), note=note[:200]))
        return self.examination.send(requests)

    def _judge(self, item: Assigned, before: Tried, whole: Whole, extras: dict[str, Any], answer: Exchange) -> None:
        """Together, then what no error has named, then one by one."""
        left = self._taken(item, before, whole, extras, answer)
        if left and outcome(answer) in (REFUSED, CRASHED):
            answer = self._send([(whole, left)])[0]
            left = self._taken(item, before, whole, left, answer)
        for name in list(left)[:_MOST_ALONE] if outcome(answer) in (REFUSED, CRASHED) else ():
            one = {name: left[name]}
            alone = self._send([(whole, one)])[0]
            self._taken(item, before, whole, one, alone)
            item.decided |= one.keys() if outcome(alone) in (REFUSED, CRASHED) else set()
        if not item.decided:
            item.undecided = f"the request with extra members was answered {answer.actual}"

    def _taken(
        self, item: Assigned, before: Tried, whole: Whole, extras: dict[str, Any], answer: Exchange
    ) -> dict[str, Any]:
        """Note which members were kept or refused; those of which nothing is known yet."""
        if outcome(answer) == ACCEPTED:
            item.decided |= extras.keys()
            shown, witness = self._afterwards(whole, answer, extras)
            plain = self._afterwards(*before, extras)[0] if shown else []
            kept = [
                name
                for name, value in extras.items()
                if has_value(shown, name, value) and not has_value(plain, name, value)
            ]
            item.kept |= dict.fromkeys(kept, witness)
            return {}
        told = named(answer) if outcome(answer) == REFUSED else set()
        refused = {name for name in extras if any(steps[-1] == name for steps in told)}
        item.decided |= refused
        return {name: value for name, value in extras.items() if name not in refused}

    def _afterwards(self, whole: Whole, answer: Exchange, extras: dict[str, Any]) -> tuple[list[dict], Exchange]:
        """The object as it is then shown, by whatever shows it; the answer itself where nothing else does."""
        for exchange in self._readings(whole, answer):
            found = [item for item in objects(exchange.json()) if extras.keys() & item.keys()]
            its = [item for item in found if is_it(item, inner(whole.body), answer)]
            if exchange.ok and its:
                return its, exchange
        return [item for item in objects(answer.json()) if extras.keys() & item.keys()], answer

    def _readings(self, whole: Whole, answer: Exchange) -> Iterator[Exchange]:
        """What may show the object: where it lies, and the lists that begin with the same word."""
        path, identifier = answer.request.path.partition("?")[0], identifier_of(answer, "id")
        made = whole.operation.method == "POST"
        item, own = (f"{whole.operation.path.rstrip('/')}/{{}}", f"{path}/{identifier}") if made else (None, path)
        item = PATH_PARAMETER.sub("{}", item or whole.operation.path)
        stem = whole.operation.path.strip("/").partition("/")[0]
        reads = [reader for reader in self.operations if reader.method == "GET" and not reader.unsafe]
        lists = [reader for reader in reads if "{" not in reader.path and _stem(reader) == stem]
        here = [reader for reader in reads if PATH_PARAMETER.sub("{}", reader.path) == item]
        for reader, place in [*((reader, own) for reader in here), *((reader, None) for reader in lists[:_MOST_LISTS])]:
            request = self.examination.whole(reader, self.examination.first).request
            if not whole.operation.public:
                kept = tuple(pair for pair in answer.request.headers if pair[0].lower() != "content-type")
                request = replace(request, headers=kept)
            yield self.examination.send([replace(request, path=place or request.path, note="what was kept")])[0]


def _stem(operation: Operation) -> str:
    return operation.path.strip("/").partition("/")[0]
