"""Whose ids a request carries: the means to ask with one's own token for what is somebody else's.

An id counts as bob's only where alice may not hold it as well: the target file names it as his and not as hers, or
it was found in his lists and is not in hers.
"""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from urllib.parse import urlencode

from chimera_compliance.probes.http.exchange import Request
from chimera_compliance.probes.openapi.body import Generator, alike
from chimera_compliance.probes.openapi.operations import PATH_PARAMETER, Operation
from chimera_compliance.probes.principals.principal import Principal

_MOST_TOGETHER = 3


@dataclass(frozen=True)
class Claim:
    """Ids of one place of a request that are to be somebody else's: which, where, and what they are."""

    operation: Operation
    where: str
    ids: tuple[tuple[str, str], ...]

    @property
    def names(self) -> str:
        """The parameters, as one reads them."""
        return " and ".join(name for name, _ in self.ids)

    @property
    def values(self) -> frozenset[str]:
        """The ids themselves."""
        return frozenset(value for _, value in self.ids)

    def unknown(self) -> "Claim":
        """The same with ids of the same form that nobody has."""
        return replace(self, ids=tuple((name, nobodys(value)) for name, value in self.ids))

    def request(self, principal: Principal, headers=(), note: str = "") -> Request:
        """What `principal` would send, but for these ids."""
        plain = complete(self.operation, principal, self.operation.request(principal, headers=headers, note=note))
        match self.where:
            case "path":
                return replace(plain, path=self._moved(principal).path)
            case "query":
                joint = "&" if "?" in plain.path else "?"
                return replace(plain, path=f"{plain.path}{joint}{urlencode(self.ids)}")
        return self.rewritten(plain)

    def _moved(self, principal: Principal) -> Request:
        places = {upto(self.operation.path, name): value for name, value in self.ids}
        return self.operation.request(replace(principal, resources=principal.resources | places))

    def rewritten(self, request: Request) -> Request:
        """The request with these ids in the members of its body that are named so."""
        wanted = dict(self.ids)

        def exchanged(node):
            match node:
                case dict():
                    return {
                        key: alike(item, wanted[key]) if key in wanted else exchanged(item)
                        for key, item in node.items()
                    }
                case list():
                    return [exchanged(item) for item in node]
            return node

        return replace(request, body=json.dumps(exchanged(_json(request.body))).encode())


def complete(operation: Operation, principal: Principal, request: Request) -> Request:
    """The request with a body that says something, where the document requires nothing of one.

    Credentials and identities are among it: whoever sends it sees to what they are set to.
    """
    if operation.payload is None or operation.body_schema is None or _says(_json(request.body)):
        return request
    generator = Generator(operation.document, lambda name: operation.known(principal, name))
    return replace(request, body=operation.payload.encoded(generator.instance(dict(operation.body_schema)))[1])


def _says(node) -> bool:
    match node:
        case dict():
            return any(map(_says, node.values()))
        case list():
            return any(map(_says, node))
    return node is not None


def upto(template: str, name: str) -> str:
    """A path template up to and with one of its parameters: how an object of that place is named."""
    return template[: template.index(f"{{{name}}}")] + f"{{{name}}}"


def nobodys(value: str) -> str:
    """An id of the same form that, in all likelihood, nobody has."""
    if value.isdecimal():
        return str(1_000_000_000 + uuid.uuid4().int % 1_000_000_000)
    try:
        uuid.UUID(value)
    except ValueError:
        return f"{value}-{uuid.uuid4().hex[:8]}"
    return str(uuid.uuid4())


@dataclass(frozen=True)
class Estate:
    """The ids of `owner` that `stranger` has no part in."""

    owner: Principal
    stranger: Principal
    hers: frozenset[str] = frozenset()
    """Values in the stranger's own lists: an id among them is not the owner's alone."""
    items: frozenset[tuple[str, str]] = frozenset()
    """(path, last segment) of the operations whose path ends in a parameter."""

    def claims(self, operation: Operation) -> Iterator[Claim]:
        """Every way to put the owner's ids into a request: all of its path's, each alone, one of query or body."""
        placed = [
            (name, value) for name in PATH_PARAMETER.findall(operation.path) if (value := self._id(operation, name))
        ]
        for count in range(len(placed), 0, -1) if len(placed) <= _MOST_TOGETHER else [len(placed), 1]:
            yield from (Claim(operation, "path", chosen) for chosen in combinations(placed, count))
        for parameter in operation.parameters:
            if parameter.location == "query" and (value := self._named(operation, parameter.name)):
                yield Claim(operation, "query", ((parameter.name, value),))
        for name, value in sorted(self._in_body(operation).items()):
            yield Claim(operation, "body", ((name, value),))

    def _id(self, operation: Operation, name: str) -> str | None:
        """The owner's id for a place in the path, if it is the owner's alone."""
        if operation.resources is None:
            return None
        his = operation.resources.in_path(self.owner, operation.path, name)
        declared = his in self.owner.resources.values() or his in (self.owner.tenant, self.owner.subject)
        if not his or his == operation.resources.in_path(self.stranger, operation.path, name):
            return None
        return his if declared or his not in self.hers else None

    def _named(self, operation: Operation, name: str) -> str | None:
        if name in operation.constants:
            return None
        his, hers = operation.known(self.owner, name), operation.known(self.stranger, name)
        return str(his) if his is not None and his != hers else None

    def _in_body(self, operation: Operation) -> dict[str, str]:
        """The members of the body that refer to an object; what names the object that is to be made refers to none."""
        body = _json(operation.request(self.stranger).body)
        names = {name for name in _keys(body) if name in self.owner.resources} - self.names(operation)
        found = {name: self._named(operation, name) for name in names}
        return {name: value for name, value in found.items() if value}

    def names(self, operation: Operation) -> set[str]:
        """The names by which what an operation makes is asked for afterwards: ``book`` for POST /books."""
        return {last[1:-1] for parent, last in self.items if parent == operation.path}

    def making(self, operation: Operation, principal: Principal, headers=(), note: str = "") -> Request:
        """A request that makes something new, under a name that is not taken."""
        request = complete(operation, principal, operation.request(principal, headers=headers, note=note))
        taken = {name: principal.resources[name] for name in self.names(operation) & principal.resources.keys()}
        fresh = tuple(
            (name, nobodys(value)) for name, value in taken.items() if name in set(_keys(_json(request.body)))
        )
        return Claim(operation, "body", fresh).rewritten(request) if fresh else request

    @property
    def signs(self) -> dict[str, str]:
        """What names the owner wherever it stands: value to name, ids that could be anything else left out.

        Where there are no tenants, a user's own name is no secret from other users.
        """
        tenants = {"tenant": self.owner.tenant or "", "subject": self.owner.subject or ""} if self.owner.tenant else {}
        named = {**self.owner.resources, **tenants}
        others = {*self.stranger.resources.values(), self.stranger.tenant, self.stranger.subject}
        others |= set() if self.owner.tenant else {self.owner.subject}
        return {value: name for name, value in named.items() if _is_name(value) and value not in others}


def _keys(node) -> Iterator[str]:
    match node:
        case dict():
            for name, item in node.items():
                yield name
                yield from _keys(item)
        case list():
            for item in node:
                yield from _keys(item)


def _json(body: bytes | None):
    try:
        return json.loads(body or b"null")
    except ValueError:
        return None


def _is_name(value: str) -> bool:
    return len(value) >= 4 and not value.isdecimal()


def token_for(principal: Principal, operation: Operation) -> str | None:
    """A token of a role that the operation admits; None where the principal has none."""
    roles = operation.roles
    if not roles or principal.role in roles:
        return principal.token
    return next((token for role in sorted(roles) if (token := principal.token_as(role))), None)
