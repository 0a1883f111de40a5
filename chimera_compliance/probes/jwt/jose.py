"""Compact tokens taken apart and put together by hand.

Libraries refuse to make what an attacker makes (an unsigned token, a public key used as a password, a claim
written twice), so forging needs the bare encoding of RFC 7515 §3.1 and the bare signatures of RFC 7518.
"""

import base64
import binascii
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jwt import PyJWTError
from jwt.algorithms import get_default_algorithms

Signer = Callable[[bytes], bytes]

_HASHES = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}


@dataclass(frozen=True)
class Token:
    """A compact JWS in its parts; `signed` is the text that the signature covers."""

    header: dict[str, Any]
    claims: dict[str, Any]
    signature: bytes
    signed: str

    @property
    def algorithm(self) -> str:
        """The `alg` of the header, empty when it is not a text."""
        algorithm = self.header.get("alg")
        return algorithm if isinstance(algorithm, str) else ""

    @property
    def symmetric(self) -> bool:
        """Whether the signer and the verifier share one secret."""
        return self.algorithm in _HASHES


def b64(data: bytes) -> str:
    """base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """The bytes behind unpadded base64url.

    Raises:
        ValueError: the text is not base64url.
    """
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def parse(token: str) -> Token:
    """Take a compact JWS apart without verifying it.

    Raises:
        ValueError: it is not one, or its parts are not JSON objects.
    """
    parts = token.split(".")
    if len(parts) != 3:
        raise ValueError("a compact JWS has three parts")
    header, claims = json.loads(unb64(parts[0])), json.loads(unb64(parts[1]))
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise ValueError("header and claims of a JWT are JSON objects")
    return Token(header, claims, unb64(parts[2]), f"{parts[0]}.{parts[1]}")


def segment(part: Mapping[str, Any] | str | bytes) -> str:
    """One part of a token: a mapping becomes JSON, a text or bytes stay as they are."""
    if isinstance(part, Mapping):
        part = json.dumps(part, separators=(",", ":"))
    return b64(part.encode() if isinstance(part, str) else part)


def compact(header: Mapping[str, Any] | str, claims: Mapping[str, Any] | str | bytes, sign: Signer) -> str:
    """A compact JWS; raw text as header or claims is kept byte for byte."""
    signed = f"{segment(header)}.{segment(claims)}"
    return f"{signed}.{b64(sign(signed.encode()))}"


def unsigned(_: bytes) -> bytes:
    """The signature of a token that has none."""
    return b""


def hmac_signer(secret: bytes, algorithm: str = "HS256") -> Signer:
    """HMAC with any bytes at all, the blank secret and public keys included."""
    return lambda message: hmac.digest(secret, message, _HASHES[algorithm])


def key_signer(key: Any, algorithm: str) -> Signer:
    """A signature by a private key: RS*, PS*, ES* or EdDSA."""
    engine = get_default_algorithms()[algorithm]
    return lambda message: engine.sign(message, key)


def signer(key: str, algorithm: str) -> Signer:
    """A signature by the key of a target file: a shared secret or a private key in PEM.

    Raises:
        ValueError: the algorithm is unknown or the key does not fit it.
    """
    if algorithm in _HASHES:
        return hmac_signer(key.encode(), algorithm)
    engine = get_default_algorithms().get(algorithm)
    if engine is None:
        raise ValueError(f"no such algorithm: {algorithm}")
    private = engine.prepare_key(key)
    return lambda message: engine.sign(message, private)


def verifies(token: Token, secret: bytes) -> bool:
    """Whether a shared secret is the one that signed a genuine token."""
    return hmac.digest(secret, token.signed.encode(), _HASHES[token.algorithm]) == token.signature


def made_by(key: str, token: Token) -> bool:
    """Whether a key of a target file, shared or private, made a token's signature."""
    if token.symmetric:
        return verifies(token, key.encode())
    engine = get_default_algorithms().get(token.algorithm)
    try:
        return bool(
            engine and engine.verify(token.signed.encode(), engine.prepare_key(key).public_key(), token.signature)
        )
    except (PyJWTError, ValueError, TypeError, AttributeError):
        return False
