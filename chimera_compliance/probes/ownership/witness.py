"""What an owner sees of an object before and after somebody else's write, and bodies that make a difference to it."""

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from chimera_compliance.probes.http.exchange import Exchange, Request
from chimera_compliance.probes.openapi.operations import PATH_PARAMETER, Operation
from chimera_compliance.probes.ownership.estate import Claim, upto
from chimera_compliance.probes.ownership.marks import Leaf, leaves
from chimera_compliance.probes.principals.principal import Principal

if TYPE_CHECKING:
    from chimera_compliance.probes.ownership.borrowed_ids import Neighbours

_MOST_WITNESSES = 4
_GONE = (404, 410)
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz ")


@dataclass(frozen=True)
class Sight:
    """The object as bob was shown it, by each operation that shows it. ``stable`` stood in two answers in a row."""

    answers: tuple[Exchange, ...]
    stable: frozenset[Leaf] = frozenset()
    ever: frozenset[Leaf] = frozenset()
    open: bool = False

    @property
    def documents(self) -> list[Any]:
        """What the answers hold, where they succeeded."""
        return [document for answer in self.answers if answer.ok and (document := answer.json()) is not None]

    def current(self, name: str) -> Any:
        """The value of the first member of that name; None when there is none."""
        return next((value for document in self.documents for key, value in scalars(document) if key == name), None)

    def differs(self, before: "Sight") -> bool:
        """Whether something that stood before is shown no longer."""
        return bool(before.stable - self.ever)

    def since(self, before: "Sight", attack: Request, *, accepted: bool) -> tuple[str, ...]:
        """What is otherwise than before: gone, set to what was sent, or, after a write that was accepted, anything.

        Others use the stack at the same time, so that a change alone is no proof.
        """
        if any(was.ok and now.status in _GONE for was, now in zip(before.answers, self.answers, strict=True)):
            return ("existence",)
        replaced = {path for path, _ in before.stable - self.ever}
        new = {(path.rpartition(".")[2], value) for path, value in self.stable - before.ever if path in replaced}
        sent = list(scalars(read(attack.body)))
        ours = {leaf for leaf in new if any(leaf[0] == name and same(leaf[1], value) for name, value in sent)}
        return tuple(sorted({name for name, _ in (new if accepted else ours)}))


@dataclass(frozen=True)
class Witness:
    """Reads an object as its owner: bob's by the claim's ids, or alice's own of the same kind."""

    neighbours: "Neighbours"
    operations: tuple[Operation, ...]
    claim: Claim
    owner: Principal

    @classmethod
    def of(cls, neighbours: "Neighbours", claim: Claim, owner: Principal) -> "Witness":
        """The operations that show what the claim's last id names."""
        shows = [operation for operation in neighbours.safe if _shows(operation, claim)]
        return cls(neighbours, tuple(shows[:_MOST_WITNESSES]), claim, owner)

    def look(self) -> Sight:
        """Ask twice as the owner, and once as nobody."""
        near = self.neighbours
        ids = dict(self.claim.ids) if self.owner is near.bob else {}
        asked = [self._request(operation, ids, near.credential(self.owner, operation)) for operation in self.operations]
        anonymous = [self._request(operation, ids, ()) for operation in self.operations]
        answers = near.api.send([*asked, *asked, *anonymous])
        count = len(asked)
        first, second, anybody = answers[:count], answers[count : 2 * count], answers[2 * count :]
        pairs = [(leaves(one), leaves(two)) for one, two in zip(first, second, strict=True) if one.ok and two.ok]
        return Sight(
            tuple(second),
            frozenset().union(*(one & two for one, two in pairs)),
            frozenset().union(*(one | two for one, two in pairs)),
            any(answer.ok for answer in anybody),
        )

    def _request(self, operation: Operation, ids: dict[str, str], headers) -> Request:
        places = {
            upto(operation.path, name): ids[name] for name in PATH_PARAMETER.findall(operation.path) if name in ids
        }
        owner = replace(self.owner, resources=self.owner.resources | places)
        note = f"{owner.name} looks at it" if headers else "no token"
        return operation.request(owner, headers=headers, note=note)


def _shows(operation: Operation, claim: Claim) -> bool:
    name = claim.ids[-1][0]
    if not (found := PATH_PARAMETER.findall(operation.path)) or found[-1] != name:
        return False
    return claim.where != "path" or upto(operation.path, name) == upto(claim.operation.path, name)


def scalars(node: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """(name, value) of every value in a document, under the name of the member that holds it."""
    match node:
        case dict():
            for key, item in node.items():
                yield from scalars(item, str(key))
        case list():
            for item in node:
                yield from scalars(item, name)
        case _ if node is not None:
            yield name, node


def members(body: bytes | None) -> list[str]:
    """The names of the members of a body."""
    return [name for name, _ in scalars(read(body))]


def read(body: bytes | None) -> Any:
    """A body as JSON; None where it is none."""
    try:
        return json.loads(body or b"null")
    except ValueError:
        return None


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same however they are written: `20`, `20.0` and `"20.000000"` are."""
    if one is None or other is None:
        return False
    try:
        return float(one) == float(other)
    except (TypeError, ValueError, OverflowError):
        return str(one) == str(other)


def differing(request: Request, before: Sight) -> Request:
    """The request with a body that would make a difference to the object, as far as what it holds now is known."""
    return _rewritten(request, lambda name, value: _other(value) if same(value, before.current(name)) else value)


def undoing(request: Request, before: Sight) -> Request:
    """The request with a body that sets the object to what it was."""
    current = before.current
    return _rewritten(request, lambda name, value: value if (was := current(name)) is None else was)


def replaced(request: Request, values: Mapping[str, Any]) -> Request:
    """The request with other values for some members of its body."""
    return _rewritten(request, lambda name, value: values.get(name, value)) if values else request


def _rewritten(request: Request, change) -> Request:
    if not isinstance(document := read(request.body), dict):
        return request

    def of(node: Any, name: str) -> Any:
        match node:
            case dict():
                return {key: of(item, str(key)) for key, item in node.items()}
            case list() | None:
                return node
        return change(name, node)

    return replace(request, body=json.dumps(of(document, "")).encode())


def _other(value: Any) -> Any:
    """Another value of the same kind; the same where the kind has a form that we cannot tell."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str() if " " in value and set(value.lower()) <= _PLAIN:
            return f"{value} {uuid.uuid4().hex[:6]}"
    return value
