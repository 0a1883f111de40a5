"""Objects made to be attacked, and put away afterwards: so that nothing is lost where an attack succeeds."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from chimera_compliance.probes.http.exchange import Exchange, Request
from chimera_compliance.probes.openapi.operations import PATH_PARAMETER, Operation
from chimera_compliance.probes.ownership.estate import Claim, Estate, token_for, upto
from chimera_compliance.probes.principals.principal import Principal

if TYPE_CHECKING:
    from chimera_compliance.probes.http.api import Api

_MOST_OBJECTS = 200


@dataclass
class Workshop:
    """Makes objects as a principal and deletes them; ``left`` names what could not be deleted."""

    api: "Api"
    operations: Sequence[Operation]
    left: list[str] = field(default_factory=list)

    def make(self, claim: Claim, owner: Principal, estate: Estate) -> Claim | None:
        """The claim with a new object's id in the last place of its path; None where the API offers no way."""
        name = claim.ids[-1][0]
        item = upto(claim.operation.path, name)
        collection = item[: -len(f"/{{{name}}}")]
        maker, remover = self._maker(collection), self._at("DELETE", item)
        if maker is None or remover is None:
            return None
        made = self._send(estate.making(maker, owner, self._credential(owner, maker), "an object to be attacked"))
        identifier = identifier_of(made, name) if made.ok else None
        return replace(claim, ids=(*claim.ids[:-1], (name, identifier))) if identifier else None

    def discard(self, claim: Claim, owner: Principal) -> None:
        """Delete what was made, if it is still there."""
        name = claim.ids[-1][0]
        item = upto(claim.operation.path, name)
        self._delete(item, name, claim.ids[-1][1], owner)

    def discard_created(self, operation: Operation, answer: Exchange, owner: Principal, known: frozenset[str]) -> None:
        """Delete what a POST of ours has created, where it tells an id that is not one of the `known`."""
        identifier = identifier_of(answer, "id") if answer.ok and operation.method == "POST" else None
        if identifier is not None and identifier not in known:
            self.discard_new(operation, answer, owner)

    def discard_new(self, operation: Operation, answer: Exchange, owner: Principal) -> None:
        """Delete what an operation has just made, or name it as left where the API offers no way."""
        if not answer.ok:
            return
        path, identifier = answer.request.path.partition("?")[0], identifier_of(answer, "id")
        removers = [remover for remover in self.operations if _removes(remover, operation)]
        if removers and identifier:
            self._delete_at(removers[0], f"{path}/{quote(identifier, safe='')}", owner)
        else:
            self.left.append(f"{identifier or 'something'}, which {operation.id} made as {owner.name}")

    def _at(self, method: str, path: str) -> Operation | None:
        return next((item for item in self.operations if (item.method, item.path.rstrip("/")) == (method, path)), None)

    def _maker(self, collection: str) -> Operation | None:
        """What creates members of a collection: there, or below a parent (`/tickets/{ticket}/comments`)."""
        nested = f"}}/{collection.rpartition('/')[2]}"
        below = (item for item in self.operations if item.method == "POST" and item.path.rstrip("/").endswith(nested))
        return self._at("POST", collection) or next(below, None)

    def _send(self, request: Request) -> Exchange:
        return self.api.send([request])[0]

    def _credential(self, owner: Principal, operation: Operation):
        return self.api.authorization(token_for(owner, operation) or "")

    def _delete(self, item: str, name: str, identifier: str, owner: Principal) -> None:
        remover = self._at("DELETE", item)
        holder = replace(owner, resources=owner.resources | {item: identifier})
        if remover is not None:
            self._delete_at(remover, remover.request(holder).path, owner)

    def _delete_at(self, remover: Operation, path: str, owner: Principal) -> None:
        request = remover.request(owner, headers=self._credential(owner, remover), note="put away")
        answer = self._send(replace(request, path=path))
        if not answer.ok and answer.status not in (404, 410):
            self.left.append(f"{path} of {owner.name}")


def identifier_of(answer: Exchange, name: str) -> str | None:
    """The id of what an answer says was created: a member of that name or of a customary one, or the Location."""
    for node in _objects(answer.json()):
        for key in (name, "id", "uuid", "slug", "_id"):
            if isinstance(value := node.get(key), str | int) and not isinstance(value, bool) and value != "":
                return str(value)
    location = (answer.header("Location") or "").partition("?")[0].rstrip("/")
    return location.rpartition("/")[2] or None


def _removes(remover: Operation, maker: Operation) -> bool:
    parent, _, last = remover.path.rpartition("/")
    return remover.method == "DELETE" and parent == maker.path and bool(PATH_PARAMETER.fullmatch(last))


def _objects(document: Any):
    """The objects of a document, the outer before the inner."""
    queue = [document]
    for _ in range(_MOST_OBJECTS):
        if not queue:
            return
        node = queue.pop(0)
        if isinstance(node, dict):
            yield node
            queue += node.values()
        elif isinstance(node, list):
            queue += node
