"""Objects made to be attacked, and put away afterwards: so that nothing is lost where an attack succeeds."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from chimera_compliance.probes.estate import Claim, token_for, upto
from chimera_compliance.probes.exchange import Exchange
from chimera_compliance.probes.operations import PATH_PARAMETER, Operation
from chimera_compliance.probes.principals import Principal

if TYPE_CHECKING:
    from chimera_compliance.probes.http import Api

_MOST_OBJECTS = 200


@dataclass
class Workshop:
    """Makes objects as a principal and deletes them; ``left`` names what could not be deleted."""

    api: "Api"
    operations: Mapping[str, Operation]
    left: list[str] = field(default_factory=list)

    def make(self, claim: Claim, owner: Principal) -> Claim | None:
        """The claim with a new object's id in the last place of its path; None where the API offers no way."""
        name = claim.ids[-1][0]
        item = upto(claim.operation.path, name)
        collection = item[: -len(f"/{{{name}}}")]
        maker, remover = self._at("POST", collection), self._at("DELETE", item)
        if maker is None or remover is None:
            return None
        made = self._send(maker, owner, "an object to be attacked")
        identifier = identifier_of(made, name) if made.ok else None
        return replace(claim, ids=(*claim.ids[:-1], (name, identifier))) if identifier else None

    def discard(self, claim: Claim, owner: Principal) -> None:
        """Delete what was made, if it is still there."""
        name = claim.ids[-1][0]
        item = upto(claim.operation.path, name)
        self._delete(item, name, claim.ids[-1][1], owner)

    def discard_created(self, claim: Claim, answer: Exchange, owner: Principal) -> None:
        """Delete what a write of ours has created beside the claim's own object, where the API can."""
        identifier = _created(answer, claim)
        if identifier is None:
            return
        operation, path = claim.operation, answer.request.path.partition("?")[0]
        for candidate in self.operations.values():
            parent, _, last = candidate.path.rpartition("/")
            if candidate.method == "DELETE" and parent == operation.path and PATH_PARAMETER.fullmatch(last):
                return self._delete_at(candidate, f"{path}/{quote(identifier, safe='')}", owner)
        self.left.append(f"{identifier}, which {operation.id} created as {owner.name}")

    def _at(self, method: str, path: str) -> Operation | None:
        return next(
            (item for item in self.operations.values() if (item.method, item.path.rstrip("/")) == (method, path)), None
        )

    def _send(self, operation: Operation, owner: Principal, note: str) -> Exchange:
        headers = self.api.authorization(token_for(owner, operation) or "")
        return self.api.send([operation.request(owner, headers=headers, note=note)])[0]

    def _delete(self, item: str, name: str, identifier: str, owner: Principal) -> None:
        remover = self._at("DELETE", item)
        holder = replace(owner, resources=owner.resources | {item: identifier})
        if remover is not None:
            self._delete_at(remover, remover.request(holder).path, owner)

    def _delete_at(self, remover: Operation, path: str, owner: Principal) -> None:
        headers = self.api.authorization(token_for(owner, remover) or "")
        request = replace(remover.request(owner, headers=headers, note="put away"), path=path)
        answer = self.api.send([request])[0]
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


def _created(answer: Exchange, claim: Claim) -> str | None:
    """The id of a new object, if the answer to a POST names one."""
    if answer.request.method != "POST" or not answer.ok:
        return None
    identifier = identifier_of(answer, "id")
    return identifier if identifier not in claim.values else None


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
