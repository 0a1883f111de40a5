"""Verification of access tokens, as a list of named checks that all must pass.

PyJWT proves the signature (RFC 7515); the claims are judged here, by type as well as by value, since the
library reads `"exp": "123"` as a number and a boolean as one too. No check repairs what it reads.
"""

import base64
import json
import math
import time
import uuid
from dataclasses import dataclass

import jwt

from chimera_compliance.stack.variant import ALL_ROLES, Caller, Refused, Variant

_LONGEST = 8192
_signatures = jwt.PyJWS()


@dataclass
class Token:
    """A compact JWS taken apart, before anything about it is believed."""

    raw: str
    header: dict
    claims: dict
    key: str
    now: float

    @classmethod
    def parse(cls, raw: str, key: str) -> "Token":
        """Three base64url segments in their one canonical spelling, holding two JSON objects.

        Raises:
            Refused: it is anything else.
        """
        parts = raw.split(".")
        if len(raw) > _LONGEST or len(parts) != 3:
            raise Refused("not a compact JWS")
        header, claims, _ = (_decoded(part) for part in parts)
        return cls(raw, _json_object(header), _json_object(claims), key, time.time())


def verify(raw: str, key: str, variant: Variant) -> Caller:
    """The identity that a token proves.

    Raises:
        Refused: a check failed.
    """
    token = Token.parse(raw, key)
    for check in variant.token_checks.values():
        check(token, variant)
    claims = token.claims
    return Caller(uuid.UUID(claims["sub"]), uuid.UUID(claims["tenant_id"]), claims["role"])


def algorithm(token: Token, variant: Variant) -> None:
    """The one algorithm of the deployment: the token does not choose (RFC 8725 §3.1)."""
    _require(token.header.get("alg") == variant.signing.algorithm, "algorithm")


def header(token: Token, variant: Variant) -> None:
    """An access token by its type, and no extension that would have to be understood (RFC 7515 §4.1.11)."""
    _require(str(token.header.get("typ", "JWT")).upper() in ("JWT", "AT+JWT"), "typ")
    _require(not {"crit", "b64", "zip", "enc"} & set(token.header), "extension")


def signature(token: Token, variant: Variant) -> None:
    """Made with our key; keys that the token brings or points at are not looked at."""
    key = variant.signing.public_key or token.key
    try:
        _signatures.decode(token.raw, key, algorithms=[variant.signing.algorithm])
    except jwt.PyJWTError as error:
        raise Refused("signature") from error


def expiry(token: Token, variant: Variant) -> None:
    """Present, a number, and in the future."""
    _require(_number(token, "exp") > token.now, "expired")


def issued(token: Token, variant: Variant) -> None:
    """Present, a number, and not in the future."""
    _require(_number(token, "iat") <= token.now + 1, "issued in the future")


def not_before(token: Token, variant: Variant) -> None:
    """If present, a number in the past."""
    _require("nbf" not in token.claims or _number(token, "nbf") <= token.now, "not valid yet")


def lifetime(token: Token, variant: Variant) -> None:
    """No longer than the deployment issues."""
    claims = token.claims
    _require(claims["exp"] - claims["iat"] <= variant.settings.token_lifetime, "lives too long")


def issuer(token: Token, variant: Variant) -> None:
    """Ours."""
    _require(token.claims.get("iss") == variant.settings.issuer, "issuer")


def audience(token: Token, variant: Variant) -> None:
    """This API, alone or in a list (RFC 7519 §4.1.3)."""
    named = token.claims.get("aud")
    _require(variant.settings.audience in (named if isinstance(named, list) else [named]), "audience")


def subject(token: Token, variant: Variant) -> None:
    """A user's id."""
    _require(_is_uuid(token.claims.get("sub")), "subject")


def tenant(token: Token, variant: Variant) -> None:
    """A tenant's id."""
    _require(_is_uuid(token.claims.get("tenant_id")), "tenant")


def role(token: Token, variant: Variant) -> None:
    """One of the three."""
    named = token.claims.get("role")
    _require(isinstance(named, str) and named in ALL_ROLES, "role")


CHECKS = {
    check.__name__: check
    for check in (
        *(algorithm, header, signature, expiry, issued, not_before, lifetime),
        *(issuer, audience, subject, tenant, role),
    )
}


def _require(holds: bool, reason: str) -> None:
    if not holds:
        raise Refused(reason)


def _number(token: Token, claim: str) -> float:
    value = token.claims.get(claim)
    _require(type(value) in (int, float) and math.isfinite(value), claim)
    return value


def _is_uuid(value: object) -> bool:
    """In its one canonical spelling: the library also reads braces and URNs."""
    try:
        return isinstance(value, str) and str(uuid.UUID(value)) == value
    except ValueError:
        return False


def _decoded(segment: str) -> bytes:
    try:
        octets = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except ValueError as error:
        raise Refused("not base64url") from error
    _require(base64.urlsafe_b64encode(octets).rstrip(b"=").decode() == segment, "not canonical base64url")
    return octets


def _json_object(octets: bytes) -> dict:
    try:
        value = json.loads(octets.decode("utf-8"), object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError) as error:
        raise Refused("not JSON") from error
    _require(isinstance(value, dict), "not a JSON object")
    return value


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict:
    _require(len({key for key, _ in pairs}) == len(pairs), "duplicate member")
    return dict(pairs)
