"""Real ids for paths and bodies: many services answer 404 before they look at a credential.

The target file's ids come first; others are looked for in what the principal itself can list.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chimera_compliance.outcomes import Inconclusive
from chimera_compliance.probes.http.exchange import Headers
from chimera_compliance.target import Target

if TYPE_CHECKING:
    from chimera_compliance.probes.http.api import Api
    from chimera_compliance.probes.openapi.operations import Operation
    from chimera_compliance.probes.principals.principal import Principal

_MOST_LISTS = 30
_MOST_OBJECTS = 2000
_UNSPECIFIC = frozenset({"id", "uuid", "slug", "name", "key", "code", "type", "status", "date"})
_KEYS = ("id", "uuid", "slug", "_id", "name", "key")


class Resources:
    """The ids that belong to a principal; alice's where nobody is named."""

    def __init__(self, target: Target, api: "Api", principals: Mapping[str, "Principal"]) -> None:
        self._target, self._api, self._principals = target, api, principals
        self._operations: Sequence[Operation] = ()
        self._found: dict[tuple[str, str], str | None] = {}
        self._answers: dict[tuple[str, str], Any] = {}

    def know(self, operations: Sequence["Operation"]) -> None:
        """Tell which operations there are to look for ids with."""
        self._operations = operations

    def owner(self, principal: "Principal | None") -> "Principal | None":
        """Whose ids to use: the principal's, or those of alice, or of the first there is."""
        if principal is not None or not self._principals:
            return principal
        return self._principals.get("alice") or next(iter(self._principals.values()))

    def named(self, principal: "Principal | None", name: str) -> str | None:
        """What the target file says about a name: an own object, the tenant or the subject."""
        owner = self.owner(principal)
        if owner is None or not name:
            return None
        identity = {"tenant": owner.tenant, "subject": owner.subject, "role": owner.role}
        return owner.resources.get(name) or self._claim(owner, name) or (identity.get(name) if name else None)

    def _claim(self, owner: "Principal", name: str) -> str | None:
        names = self._target.tokens.claims
        return {names.tenant: owner.tenant, names.subject: owner.subject}.get(name)

    def in_path(self, principal: "Principal | None", template: str, name: str) -> str | None:
        """The value of a path parameter: named in the target file, or found in a list; None when there is none."""
        owner = self.owner(principal)
        upto = template[: template.index(f"{{{name}}}")] + f"{{{name}}}"
        if owner and (value := owner.resources.get(upto) or owner.resources.get(name)):
            return value
        if value := self._target.api.parameters.get(name) if self._target.api else None:
            return value
        if owner is None or (claim := self._claim(owner, name)):
            return claim if owner else None
        place = (owner.name, upto)
        if place not in self._found:
            self._found[place] = None  # a list that needs the very id it would give ends here
            self._found[place] = self._discover(owner, upto, name)
        return self._found[place]

    def _discover(self, owner: "Principal", upto: str, name: str) -> str | None:
        collection = upto.removesuffix(f"{{{name}}}").rstrip("/")
        for operation in [item for item in self._lists() if item.path.rstrip("/") == collection]:
            if (value := _first_id(self._answer(owner, operation), name, owner)) is not None:
                return value
        nouns = _nouns(name, collection)
        for operation in [item for item in self._lists() if "{" not in item.path][:_MOST_LISTS]:
            if (value := _mentioned(self._answer(owner, operation), name, nouns, owner)) is not None:
                return value
        return None

    def _lists(self) -> list["Operation"]:
        return [operation for operation in self._operations if operation.method == "GET" and not operation.unsafe]

    def _answer(self, owner: "Principal", operation: "Operation") -> Any:
        place = (owner.name, operation.id)
        if place not in self._answers:
            self._answers[place] = self._ask(owner, operation)
        return self._answers[place]

    def _ask(self, owner: "Principal", operation: "Operation") -> Any:
        """What an operation lists to the principal: in its own role, then in the roles that the operation admits."""
        for role in (None, *sorted(operation.roles or ())):
            try:
                headers = self._credential(owner, role)
                if headers is None:
                    continue
                [exchange] = self._api.send([operation.request(owner, headers=headers, note="looking for ids")])
            except Inconclusive:
                return None
            if not exchange.refused:
                return exchange.json() if exchange.ok else None
        return None

    def _credential(self, owner: "Principal", role: str | None) -> Headers | None:
        """Nothing for somebody without a token at all; None where there is none in that role."""
        if not owner.has_token:
            return ()
        token = owner.token if role is None else owner.token_as(role)
        return None if token is None else self._api.authorization(token)


def _items(answer: Any) -> list[dict[str, Any]]:
    """The objects that a list answer holds: at the top, or under the first key that holds any."""
    if isinstance(answer, dict):
        lists = [value for value in answer.values() if isinstance(value, list)]
        nested = [_items(value) for value in answer.values() if isinstance(value, dict)]
        return next((found for found in [*map(_items, lists), *nested] if found), [])
    return [item for item in answer if isinstance(item, dict)] if isinstance(answer, list) else []


def ids_in(answer: Any, name: str) -> list[str]:
    """The id of every item of a list answer, in its order."""
    return [value for item in _items(answer) if (value := _id_of(item, name)) is not None]


def _first_id(answer: Any, name: str, owner: "Principal") -> str | None:
    """The id of the first item; of one that names the owner or its tenant, where items tell."""
    items = _items(answer)
    marks = {mark for mark in (owner.subject, owner.tenant) if mark}
    own = [item for item in items if marks & set(map(str, item.values()))]
    return next((value for item in own or items if (value := _id_of(item, name)) is not None), None)


def _id_of(item: dict[str, Any], name: str) -> str | None:
    plain = {_plain(key): value for key, value in item.items()}
    own_id = (f"{key}_id" for key in [name.removesuffix("_id").removesuffix("Id")])
    for key in (name, *own_id, *_KEYS):
        value = plain.get(_plain(key))
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return str(value)
    return None


def _mentioned(answer: Any, name: str, nouns: set[str], owner: "Principal") -> str | None:
    """An id mentioned anywhere: a member of that very name, or the id of an item in a list of that noun."""
    for found in _objects(answer):
        plain = {_plain(key): value for key, value in found.items()}
        value = plain.get(_plain(name))
        if name.lower() not in _UNSPECIFIC and isinstance(value, str | int) and not isinstance(value, bool):
            return str(value)
        for noun in nouns & plain.keys():
            if isinstance(plain[noun], list) and (value := _first_id(plain[noun], name, owner)) is not None:
                return value
    return None


def _objects(answer: Any) -> Iterator[dict[str, Any]]:
    """Every object of an answer, the outer before the inner, up to a bound."""
    queue, seen = [answer], 0
    while queue and seen < _MOST_OBJECTS:
        node = queue.pop(0)
        seen += 1
        if isinstance(node, dict):
            yield node
            queue += node.values()
        elif isinstance(node, list):
            queue += node


def _nouns(name: str, collection: str) -> set[str]:
    """The words under which a list of such objects may stand: ``agents`` for ``/agents/{agent_id}``."""
    noun = _plain(re.sub(r"_?(id|uuid|slug|name)$", "", name, flags=re.IGNORECASE))
    return {word for word in (f"{noun}s" if noun else "", _plain(collection.rsplit("/", 1)[-1])) if word}


def _plain(key: str) -> str:
    return str(key).replace("_", "").replace("-", "").lower()
