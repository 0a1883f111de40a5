"""What the survey has made is deleted again; what cannot be is put to rest, for quotas count what is active."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from chimera_compliance.probes.http.exchange import Exchange
from chimera_compliance.probes.injection.visits import Visit, at_rest
from chimera_compliance.probes.openapi.operations import PATH_PARAMETER
from chimera_compliance.probes.ownership.throwaway import Workshop, identifier_of

if TYPE_CHECKING:
    from chimera_compliance.probes.http.api import Api
    from chimera_compliance.probes.openapi.operations import Operation


class Tidier:
    """Knows the operations that undo what others have made; what it could not undo is named in `left`."""

    def __init__(self, api: "Api", operations: Sequence["Operation"], left: list[str]) -> None:
        self._api, self._operations = api, operations
        self._workshop = Workshop(api, operations, left)

    def discard(self, visit: Visit, answer: Exchange) -> None:
        """Undo what an answer says was made, unless the principal had it before."""
        told = identifier_of(answer, "id") if answer.ok else None
        if visit.operation.method == "POST" and visit.principal and told and told not in answer.request.path:
            known = frozenset(visit.principal.resources.values())
            self._workshop.discard_created(visit.operation, answer, visit.principal, known)
            if told not in known:
                self._retire(visit, told)

    def _retire(self, visit: Visit, identifier: str) -> None:
        """What cannot be deleted is paused or closed, where an update can do that: quotas count what is active."""
        for operation in self._operations:
            parent, _, last = operation.path.rpartition("/")
            if operation.method != "PATCH" or parent != visit.operation.path or not PATH_PARAMETER.fullmatch(last):
                continue
            resting = at_rest(operation)
            if resting is not None:
                update = Visit(self._api, operation, visit.principal, own=identifier)
                name, state = resting
                body = operation.payload.encoded({name: state})[1]
                self._api.send([replace(update.request("put to rest"), body=body)])
                return
