"""Tokens under the right key that name nobody, nobody that exists, or a role that was not granted.

A role is granted only by its exact name: a stack that looks for a substring, splits a text or reads a mapping's
keys gives rights that the issuer never wrote down.
"""

import json
import uuid
from collections.abc import Callable
from typing import Any

from chimera_compliance.probes.jwt.forgeries import Forgery, Genuine
from chimera_compliance.probes.jwt.issued import ABSENT, issued
from chimera_compliance.probes.jwt.jose import parse


def _claim_of(kind: str) -> Callable[[Genuine], str | None]:
    return lambda g: getattr(g.names, kind)


def _claiming(kind: str, id: str, what: str, value: Callable[[Genuine], Any]) -> Forgery:
    def change(g: Genuine) -> dict[str, Any] | None:
        name = _claim_of(kind)(g)
        return {name: value(g)} if name in g.claims else None

    return issued(f"{kind}-{id}", f"a token whose {kind} is {what}", change)


def _without(kind: str) -> list[Forgery]:
    return [
        _claiming(kind, "absent", "absent", lambda g: ABSENT),
        _claiming(kind, "null", "null", lambda g: None),
        _claiming(kind, "empty", "empty", lambda g: ""),
    ]


NAMING_NOBODY = [
    *_without("subject"),
    _claiming("subject", "list", "a list", lambda g: [g.claims[g.names.subject]]),
    _claiming("subject", "mapping", "a mapping", lambda g: {"id": g.claims[g.names.subject]}),
    *_without("tenant"),
    _claiming("tenant", "list", "a list of tenants", lambda g: [g.claims[g.names.tenant], _tenant_of(g.other)(g)]),
    _claiming("tenant", "mapping", "a mapping", lambda g: {"id": g.claims[g.names.tenant]}),
    _claiming("tenant", "true", "`true`", lambda g: True),
]


def _tenant_of(token: str) -> Callable[[Genuine], Any]:
    return lambda g: parse(token).claims.get(g.names.tenant) if token else g.claims[g.names.tenant]


def _role(id: str, what: str, value: Callable[[str], Any]) -> Forgery:
    """`value` makes the claim from the role that the operation admits."""
    return _claiming("role", id, what, lambda g: value(g.claims[g.names.role]))


ROLES_NOT_GRANTED = [
    *_without("role"),
    _role("unknown", "one that does not exist", lambda role: "chimera-nobody"),
    _role("longer", "a word that contains an admitted role", lambda role: f"non-{role}-guest"),
    _role("shorter", "a part of an admitted role's name", lambda role: role[:-1]),
    _role("wildcard", "`*`", lambda role: "*"),
    _role("true", "`true`", lambda role: True),
    _role("number", "0", lambda role: 0),
    _role("denied", "a mapping that denies an admitted role", lambda role: {role: False}),
    _role("negated", "a list that negates an admitted role", lambda role: [f"!{role}"]),
]

ROLES_MISSPELT = [
    _role("upper-case", "an admitted role in other letters", lambda role: role.swapcase()),
    _role("listed", "a list of roles", lambda role: [role]),
    _role("joined", "several roles in one text", lambda role: f"chimera-nobody,{role}"),
]


def _role_twice(g: Genuine) -> str | None:
    """The admitted role first, another last; RFC 7519 §4 lets a parser refuse, or take the last."""
    if g.issuer is None or g.names.role not in g.claims:
        return None
    admitted = json.dumps({g.names.role: g.claims[g.names.role]})[1:-1]
    rest = {**g.claims, g.names.role: "chimera-nobody"}
    return g.issuer.token(g.header(), f"{{{admitted},{json.dumps(rest)[1:]}")


ROLES_MISSPELT.append(
    Forgery("role-twice", "a token that names two roles, the last of them unknown", _role_twice, True)
)


def _unlike(value: Any) -> str:
    """A value of the same form that nobody has."""
    try:
        uuid.UUID(str(value))
    except ValueError:
        return "chimera-nobody"
    return str(uuid.uuid4())


UNKNOWN_NAMES = [
    _claiming("subject", "unknown", "unknown", lambda g: _unlike(g.claims[g.names.subject])),
    _claiming("tenant", "unknown", "unknown", lambda g: _unlike(g.claims[g.names.tenant])),
]
