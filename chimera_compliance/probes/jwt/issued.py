"""Tokens under the right key that must be refused all the same, for what they say or leave out.

They show whether the stack reads the claims it was promised (RFC 7519 §4.1, ASVS v5.0.0-9.2.1 to 9.2.4), so
they need the issuer's key; where the suite holds none, their requirements are not reviewed.
"""

import json
import time
from collections.abc import Callable
from typing import Any

from chimera_compliance.probes.jwt.forgeries import Forgery, Genuine

Change = Callable[[Genuine], dict[str, Any] | None]
ABSENT = object()
_TYPE_CLAIMS = ("token_use", "token_type", "typ", "type", "use", "purpose")


def issued(id: str, what: str, change: Change) -> Forgery:
    """A token under the right key whose claims are changed; a value `ABSENT` removes the claim."""

    def make(g: Genuine) -> str | None:
        changes = change(g)
        if changes is None or g.issuer is None:
            return None
        claims = {name: value for name, value in {**g.claims, **changes}.items() if value is not ABSENT}
        return g.issuer.token(g.header(), claims)

    return Forgery(id, what, make, issued=True)


def _at(claim: str, seconds: float, kind: Callable[[float], Any] = int) -> Change:
    return lambda g: {claim: kind(time.time() + seconds)}


EXPIRED = [
    issued("an-hour-ago", "a token that expired an hour ago", _at("exp", -3600)),
    issued("ten-minutes-ago", "a token that expired ten minutes ago", _at("exp", -600)),
    issued("a-year-ago", "a token that expired a year ago", _at("exp", -31_536_000)),
    issued("at-zero", "a token that expired in 1970", lambda g: {"exp": 0}),
    issued("negative", "a token with a negative expiry", lambda g: {"exp": -1}),
    issued("float", "an expired token whose expiry has a fraction", _at("exp", -3600, float)),
    issued("as-text", "an expired token whose expiry is a text", _at("exp", -3600, lambda at: str(int(at)))),
]

JUST_EXPIRED = [issued("three-minutes-ago", "a token that expired three minutes ago", _at("exp", -180))]

LONG_LIVED = [
    issued(
        "a-year",
        "a token that lives for a year",
        lambda g: {"iat": int(time.time()), "exp": int(time.time()) + 31_536_000},
    ),
    issued(
        "ten-years",
        "a token that was issued ten years ago and is still valid",
        lambda g: {"iat": int(time.time()) - 315_360_000},
    ),
]

NOT_YET_VALID = [
    issued("in-an-hour", "a token that is valid from an hour on", _at("nbf", 3600)),
    issued("in-ten-minutes", "a token that is valid from ten minutes on", _at("nbf", 600)),
]

WITHOUT_EXPIRY = [
    issued("absent", "a token that never expires (no exp)", lambda g: {"exp": ABSENT}),
    issued("null", "a token that never expires (exp null)", lambda g: {"exp": None}),
]


def _unreadable(claim: str, id: str, value: Any) -> Forgery:
    what = f"a token whose {claim} is no time ({json.dumps(value)})"
    return issued(f"{claim}-{id}", what, lambda g: {claim: value})


UNREADABLE_TIMES = [
    _unreadable("exp", "text", "never"),
    _unreadable("exp", "empty", ""),
    _unreadable("exp", "list", []),
    _unreadable("exp", "mapping", {}),
    _unreadable("nbf", "text", "later"),
    _unreadable("nbf", "list", []),
]


def _when(claim: str, id: str, what: str, value: Callable[[Any], Any]) -> Forgery:
    """Only for stacks whose genuine tokens carry the claim."""
    return issued(id, what, lambda g: {claim: value(g.claims[claim])} if claim in g.claims else None)


FOREIGN_ISSUER = [
    _when("iss", "issuer-other", "a token of another issuer", lambda iss: "https://issuer.invalid"),
    _when("iss", "issuer-longer", "a token of an issuer with a longer name", lambda iss: f"{iss}.invalid"),
    _when("iss", "issuer-absent", "a token without issuer", lambda iss: ABSENT),
    _when("iss", "issuer-null", "a token whose issuer is null", lambda iss: None),
]


def _one(audience: Any) -> str:
    return str(audience[0]) if isinstance(audience, list) and audience else str(audience)


FOREIGN_AUDIENCE = [
    _when("aud", "audience-other", "a token for another audience", lambda aud: "https://other.invalid"),
    _when("aud", "audience-longer", "a token for an audience with a longer name", lambda aud: f"{_one(aud)}.invalid"),
    _when("aud", "audience-list", "a token for a list of other audiences", lambda aud: ["https://other.invalid"]),
    _when("aud", "audience-absent", "a token without audience", lambda aud: ABSENT),
    _when("aud", "audience-null", "a token whose audience is null", lambda aud: None),
]


def type_of(header: dict[str, Any], claims: dict[str, Any]) -> str:
    """The claim, or `typ` of the header, by which genuine tokens say that they are access tokens; else empty."""
    if claim := next((name for name in _TYPE_CLAIMS if isinstance(claims.get(name), str)), ""):
        return claim
    explicit = str(header.get("typ", "")).lower()
    return "typ" if explicit not in ("", "jwt") else ""


def _typed(value: Any, id: str, what: str) -> Forgery:
    def make(g: Genuine) -> str | None:
        name = type_of(g.token.header, g.claims)
        if not name or g.issuer is None:
            return None
        in_claims = name in g.claims
        header, claims = g.header(), dict(g.claims)
        part = claims if in_claims else header
        part[name] = value if in_claims else f"{value}+jwt"
        return g.issuer.token(header, claims)

    return Forgery(id, what, make, issued=True)


OTHER_TYPE = [
    _typed("refresh", "refresh", "a refresh token in place of an access token"),
    _typed("id", "id", "an id token in place of an access token"),
    _typed("reset", "reset", "a password-reset token in place of an access token"),
]


def _critical(id: str, what: str, **header: Any) -> Forgery:
    return Forgery(id, what, lambda g: g.issuer and g.issuer.token(g.header(**header), g.claims), True)


CRITICAL_HEADER = [
    _critical("unknown", "a token with a critical header that nobody knows", crit=["chimera-x"], **{"chimera-x": 1}),
    _critical("absent", "a token that calls an absent header critical", crit=["chimera-x"]),
    _critical("not-a-list", "a token whose list of critical headers is a text", crit="chimera-x"),
]


def _sibling(size: str) -> Forgery:
    def make(g: Genuine) -> str | None:
        own = g.issuer.algorithm if g.issuer else ""
        other = own[:2] + size
        if own[:2] not in ("HS", "RS", "PS") or other == own:
            return None
        return g.issuer.token(g.header(alg=other), g.claims, other)

    return Forgery(f"hash-of-{size}", f"a token under the right key in another algorithm ({size} bits)", make, True)


def _other_padding(g: Genuine) -> str | None:
    other = {"RS": "PS", "PS": "RS"}.get(g.issuer.algorithm[:2] if g.issuer else "")
    return other and g.issuer.token(g.header(alg=f"{other}256"), g.claims, f"{other}256")


OTHER_ALGORITHM = [
    *map(_sibling, ("256", "384", "512")),
    Forgery("other-padding", "a token under the right key in another algorithm (other padding)", _other_padding, True),
]


def _infinite(g: Genuine) -> str | None:
    claims = json.dumps({**g.claims, "exp": 0})
    return g.issuer and g.issuer.token(g.header(), claims.replace('"exp": 0', '"exp": 1e400'))


def _nest(levels: int) -> list:
    nested: list = []
    for _ in range(levels):
        nested = [nested]
    return nested


# The standards allow these, or leave them to the stack: admitted or refused, both are right. Breaking is not.
ODD = [
    issued("exp-float", "a token whose expiry has a fraction", _at("exp", 300, float)),
    issued("exp-huge", "a token that expires in the far future", lambda g: {"exp": 10**18}),
    Forgery("exp-infinite", "a token whose expiry is beyond any number", _infinite, True),
    issued("iat-future", "a token issued in the future", _at("iat", 3600)),
    issued("iat-text", "a token whose time of issue is a text", lambda g: {"iat": "yesterday"}),
    issued("nbf-huge", "a token that is valid from the far future on", lambda g: {"nbf": 10**18}),
    issued("claim-nested", "a token with a deeply nested claim", lambda g: {"chimera": _nest(200)}),
]
