"""The sensitive operations, each made ready to be run in the ways that the target file names."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from chimera_compliance.probes.http.exchange import Headers, Request
from chimera_compliance.probes.openapi.operations import PATH_PARAMETER, Operation
from chimera_compliance.probes.openapi.resources import ids_in
from chimera_compliance.probes.ownership.estate import Claim, Estate, token_for
from chimera_compliance.probes.ownership.throwaway import Workshop
from chimera_compliance.probes.principals.principal import Principal
from chimera_compliance.target import SensitiveCase, Target

if TYPE_CHECKING:
    from chimera_compliance.probes.http.api import Api

USED_UP = (404, 409, 410)
_MOST_TRIED = 4


@dataclass(frozen=True)
class Case:
    """One way to run a sensitive operation."""

    operation: Operation
    settings: SensitiveCase
    alone: bool = True

    @property
    def subject(self) -> str:
        """The operation, with its action where it has several."""
        return self.operation.id if self.alone else f"{self.operation.id} ({self.settings.action})"

    @property
    def parameter(self) -> str | None:
        """The last parameter of the path: what the operation is done to."""
        return (PATH_PARAMETER.findall(self.operation.path) or [None])[-1]

    @property
    def repeatable(self) -> bool:
        """Whether it can be run again on the same object and leaves nothing more."""
        return self.operation.method in ("PUT", "PATCH") and not self.settings.resources

    def request(self, principal: Principal, *, headers: Headers = (), note: str = "", **ids: str) -> Request:
        """What the principal sends, with these ids in the path."""
        owner = replace(principal, resources={**principal.resources, **self._fixed, **ids})
        return self._bodied(owner).request(owner, headers=headers, note=note)

    @property
    def _fixed(self) -> dict[str, str]:
        return {name: value for name, value in self.settings.resources.items() if " " not in value}

    @property
    def lists(self) -> dict[str, str]:
        """The operations that list objects which are not used up, by path parameter."""
        return {name: value for name, value in self.settings.resources.items() if " " in value}

    def _bodied(self, owner: Principal) -> Operation:
        payload = self.operation.payload
        if payload is None or not self.settings.body:
            return self.operation
        base = payload.value(lambda name: self.operation.known(owner, name))
        members = {**(base if isinstance(base, dict) else {}), **self.settings.body}
        kept = {name: value for name, value in members.items() if value is not None}
        return replace(self.operation, payload=replace(payload, override=kept))


@dataclass(frozen=True)
class Population:
    """The cases of a target, and the operations that the API does not have."""

    cases: list[Case]
    missing: list[str]


def load_cases(target: Target, operations: Sequence[Operation]) -> Population:
    """Every declared case; one of Chimera's own that is not declared counts only where the API has it."""
    known = {operation.id: operation for operation in operations}
    cases, missing = [], []
    for name, ways in target.sensitive_cases.items():
        if operation := known.get(name):
            cases += [Case(operation, way, alone=len(ways) == 1) for way in ways]
        elif target.sensitive is not None:
            missing.append(name)
    return Population(cases, missing)


@dataclass
class Supply:
    """Objects that the cases are run on: those that a list offers, and new ones for what removes them."""

    api: "Api"
    operations: Mapping[str, Operation]
    alice: Principal
    bob: Principal | None
    _offered: dict[str, list[str]] = field(default_factory=dict)

    def choices(self, case: Case) -> Iterator[dict[str, str]]:
        """Ids for the path, one choice after the other, as long as those before were used up."""
        if case.operation.method == "DELETE" and case.parameter:
            yield from self._made(case)
        elif case.lists:
            name, source = next(iter(case.lists.items()))
            if source not in self._offered:
                self._offered[source] = self._listed(name, source)
            for _ in range(min(_MOST_TRIED, len(self._offered[source]))):
                yield {name: self._offered[source].pop(0)}
        else:
            yield {}

    def _listed(self, name: str, source: str) -> list[str]:
        operation = self.operations.get(source)
        if operation is None:
            return []
        headers = self.api.authorization(token_for(self.alice, operation) or "")
        [answer] = self.api.send([operation.request(self.alice, headers=headers, note="looking for ids")])
        return ids_in(answer.json(), name) if answer.ok else []

    def _made(self, case: Case) -> list[dict[str, str]]:
        workshop = Workshop(self.api, list(self.operations.values()))
        ids = [(name, "") for name in PATH_PARAMETER.findall(case.operation.path)]
        known = [(name, self.alice.resources.get(name, value)) for name, value in ids]
        claim = Claim(case.operation, "path", tuple(known))
        made = workshop.make(claim, self.alice, Estate(self.alice, self.bob or self.alice))
        return [dict(made.ids[-1:])] if made else []


def member(answer: Any, name: str) -> list[str]:
    """The values of every member of that name in a document, the outer first."""
    found, queue = [], [answer]
    while queue and len(found) < 50:
        node = queue.pop(0)
        if isinstance(node, dict):
            value = node.get(name)
            found += [str(value)] if isinstance(value, str | int) and not isinstance(value, bool) else []
            queue += node.values()
        elif isinstance(node, list):
            queue += node
    return found


def body_of(request: Request) -> Any:
    """The body as JSON; None where it is none."""
    try:
        return json.loads(request.body or b"null")
    except ValueError:
        return None
