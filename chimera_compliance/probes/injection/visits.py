"""One operation as it is visited: by whom, with which plain request, and at which places something can be said."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from chimera_compliance.probes.http.exchange import Exchange, Request
from chimera_compliance.probes.injection.members import present, read
from chimera_compliance.probes.injection.payloads import Form
from chimera_compliance.probes.injection.points import Point, points
from chimera_compliance.probes.openapi.operations import PATH_PARAMETER, SAFE_METHODS, Operation
from chimera_compliance.probes.ownership.estate import complete, nobodys, token_for, upto
from chimera_compliance.probes.principals.principal import Principal

if TYPE_CHECKING:
    from chimera_compliance.probes.http.api import Api

_OF_ACCOUNTS = re.compile(
    r"(id|name|mail|login|phone)$|passw|token|secret|role|admin|scope|permission|active|owner", re.I
)
"""Members that an update may leave out, and that would lock the principal out or make it somebody else."""
_RESTING = re.compile(r"paused?|archived?|inactive|disabled|closed?|cancell?ed|deleted|ended|completed", re.IGNORECASE)
_CREDENTIAL = ("passw", "secret", "credential")


@dataclass
class Visit:
    """An operation and its visitor.

    `spares` are ids of further objects, for what can be done to each only once; `own` is the id of one made here.
    """

    api: "Api"
    operation: Operation
    principal: Principal | None
    spares: list[str] = field(default_factory=list)
    base: Exchange | None = None
    own: str | None = None

    def become(self, principal: Principal, base: Exchange) -> None:
        """Let somebody else visit from now on."""
        self.principal, self.base = principal, base
        for name in ("headers", "points"):
            self.__dict__.pop(name, None)

    @cached_property
    def headers(self):
        """The credential, in a role that the operation admits."""
        token = token_for(self.principal, self.operation) if self.principal and self.principal.has_token else None
        return self.api.authorization(token) if token and not self.operation.public else ()

    @property
    def deletes(self) -> bool:
        """Whether it is meant to destroy what it is asked for: it is asked for what does not exist."""
        return self.operation.method == "DELETE"

    def request(self, note: str) -> Request:
        """What a right request is, with a spare id where there is one."""
        owner = self._owner()
        made = self.operation.request(owner, headers=self.headers, note=note)
        return complete(self.operation, owner, made) if owner else made

    def _owner(self) -> Principal | None:
        owner, names = self.principal, PATH_PARAMETER.findall(self.operation.path)
        if owner is None or not names or not (self.spares or self.own or self.deletes):
            return owner
        place = upto(self.operation.path, names[-1])
        known = self.operation.resources.in_path(owner, self.operation.path, names[-1]) or ""
        value = nobodys(known) if self.deletes else self.own or self.spares.pop(0)
        return replace(owner, resources=owner.resources | {place: value})

    @cached_property
    def points(self) -> list[Point]:
        """Every place, with what does not exist in place of what could be destroyed."""
        found = points(self.operation, self.principal, self.operation.request(self.principal))
        if self.deletes:
            found = [replace(p, value=nobodys(p.value)) if p.where == "path" else p for p in found]
        if self.operation.method in ("PUT", "PATCH"):
            body = read(self.operation, self.operation.request(self.principal))
            return [p for p in found if p.where != "body" or present(body, p.keys) or not _OF_ACCOUNTS.search(p.name)]
        return found

    def with_(self, filled: Iterable[tuple[Point, str]], note: str) -> Request:
        """The plain request with these texts in these places."""
        request = self.request(note)
        for point, text in filled:
            request = point.put(request, text, self.principal)
        return request


@dataclass(frozen=True)
class Shot:
    """Forms in places of one request; all of them call for the same number."""

    visit: Visit
    aims: tuple[tuple[Point, Form], ...]
    number: int = 0

    @property
    def note(self) -> str:
        """What it is for a reader of the evidence."""
        if len(self.aims) == 1:
            point, form = self.aims[0]
            return f"{point.label}: {form}"
        return f"{len(self.aims)} places at once, such as {', '.join(point.label for point, _ in self.aims[:3])}"

    def request(self, call: str) -> Request:
        """The request with the call in all of its places, or wherever else the visitor carries it."""
        if (forged := getattr(self.visit, "forged", None)) is not None:
            return forged(call)
        filled = [(point, form.text(point.value, call)) for point, form in self.aims]
        return self.visit.with_(filled, self.note)


def may_visit(operation: Operation, writes: bool) -> str:
    """Why an operation is not visited; empty when it is."""
    if operation.method in ("HEAD", "OPTIONS", "TRACE"):
        return "nothing"
    if operation.changes and operation.method in SAFE_METHODS:
        return "nothing"
    if operation.unsafe and not writes:
        return "scope.writes is false"
    return ""


def changes_a_credential(visit: Visit) -> bool:
    """Whether it writes over a password of the principal's, who needs it."""
    if visit.operation.method not in ("PUT", "PATCH"):
        return False
    names = str(read(visit.operation, visit.operation.request(visit.principal)) or "").lower()
    return any(word in names for word in _CREDENTIAL)


def at_rest(operation: Operation) -> tuple[str, str] | None:
    """The member of an update, and its value, that put a thing to rest: (`status`, `paused`)."""
    schema = operation.document.resolve(operation.body_schema or {})
    for name, described in operation.document.resolve(schema.get("properties")).items():
        for option in operation.document.resolve(described).get("enum") or ():
            if isinstance(option, str) and _RESTING.fullmatch(option):
                return name, option
    return None


def siblings(visit: Visit, lists: Iterable[Exchange]) -> list[str]:
    """Ids of objects like the one that an operation is asked for: of the items of a list that look like its answer."""
    operation = visit.operation
    names = PATH_PARAMETER.findall(operation.path)
    known = operation.resources.in_path(visit.principal, operation.path, names[-1]) if names else None
    shape = _answered_members(operation)
    for answer in lists:
        items = [item for item in _items(answer.json()) if "id" in item]
        alike = known in {str(item["id"]) for item in items} or any(shape and shape <= item.keys() for item in items)
        if alike:
            return [str(item["id"]) for item in items if str(item["id"]) != known]
    return []


def _answered_members(operation: Operation) -> set[str]:
    for status, described in operation.responses.items():
        if str(status).startswith("2"):
            content = operation.document.resolve(described).get("content") or {}
            for media in content.values():
                schema = operation.document.resolve((media or {}).get("schema"))
                return set(operation.document.resolve(schema.get("properties")))
    return set()


def _items(node) -> list[dict]:
    if isinstance(node, list):
        return [item for item in node if isinstance(item, dict)]
    if isinstance(node, dict):
        return next((found for value in node.values() if (found := _items(value))), [])
    return []
