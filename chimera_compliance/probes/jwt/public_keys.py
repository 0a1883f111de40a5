"""The keys that the stack shows to the world, wherever an outsider would look for them.

A public key is harmless unless a verifier takes it for a shared secret; to try that, it has to be found first.
"""

import json
import ssl
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from jwt import PyJWK, PyJWTError

from chimera_compliance.errors import ConfigurationError, OutOfScope
from chimera_compliance.probes.http.exchange import Request
from chimera_compliance.probes.jwt.attacker import PublicKey
from chimera_compliance.target import Target

_WELL_KNOWN = ("/.well-known/jwks.json", "/.well-known/openid-configuration", "/jwks.json", "/jwks")
_MOST_KEYS = 4


def published_keys(target: Target, api: Any) -> tuple[PublicKey, ...]:
    """The issuer's public keys first (file, JWKS, the public half of the minting key), then the TLS certificate's.

    Raises:
        ConfigurationError: the file that the target names holds no public key.
    """
    found: dict[bytes, PublicKey] = {}
    for key in (*_declared(target), *_half_of_minting_key(target), *_key_sets(target, api), *_certificate(target)):
        found.setdefault(key.der, key)
    return tuple(found.values())[:_MOST_KEYS]


def _declared(target: Target) -> Iterator[PublicKey]:
    if name := target.tokens.public_key:
        try:
            yield PublicKey("tokens.public_key", from_pem(target.file(name).read_bytes()))
        except (OSError, ValueError):
            raise ConfigurationError(f"tokens.public_key: {name} holds no public key in PEM") from None


def from_pem(text: bytes) -> Any:
    """The public key of a PEM public key or certificate.

    Raises:
        ValueError: it is neither.
    """
    if b"BEGIN CERTIFICATE" in text:
        return x509.load_pem_x509_certificate(text).public_key()
    return load_pem_public_key(text)


def _half_of_minting_key(target: Target) -> Iterator[PublicKey]:
    mint = target.tokens.mint
    if mint and not mint.algorithm.startswith("HS"):
        with suppress(ValueError, TypeError):
            key = load_pem_private_key(target.secret(mint.key).encode(), password=None)
            yield PublicKey("the issuer", key.public_key())


def _key_sets(target: Target, api: Any) -> Iterator[PublicKey]:
    base = target.api.base_url
    origin = urlunsplit((*urlsplit(base)[:2], "", "", ""))
    urls = [f"{root}{path}" for root in dict.fromkeys((origin, base)) for path in _WELL_KNOWN]
    for document in _documents(api, [*([target.tokens.jwks_url] if target.tokens.jwks_url else []), *urls]):
        if isinstance(document.get("jwks_uri"), str):
            for further in _documents(api, [document["jwks_uri"]]):
                yield from _keys_of(further)
        yield from _keys_of(document)


def _documents(api: Any, urls: list[str]) -> Iterator[dict]:
    try:
        exchanges = api.send([Request("GET", url, note="looking for public keys") for url in urls])
    except OutOfScope:
        return
    for exchange in exchanges:
        document = exchange.json() if exchange.ok else None
        if isinstance(document, dict):
            yield document


def _keys_of(document: dict) -> Iterator[PublicKey]:
    """The asymmetric keys of a JWKS; a shared secret has no public half."""
    keys = document.get("keys")
    for jwk in keys if isinstance(keys, list) else []:
        with suppress(PyJWTError, ValueError, TypeError, KeyError, AttributeError):
            algorithm = jwk.get("alg") or {"RSA": "RS256", "OKP": "EdDSA"}.get(jwk.get("kty"))
            key = PyJWK(jwk, algorithm).key
            public = key.public_key() if "d" in jwk else key
            if not isinstance(public, bytes):
                yield PublicKey("the key set", public, json.dumps(jwk), private="d" in jwk)


def _certificate(target: Target) -> Iterator[PublicKey]:
    parts = urlsplit(target.api.base_url)
    if parts.scheme == "https":
        with suppress(OSError, ValueError):
            address = (parts.hostname, parts.port or 443)
            pem = ssl.get_server_certificate(address, timeout=target.scope.timeout_seconds)
            yield PublicKey("the TLS certificate", from_pem(pem.encode()), of_transport=True)
