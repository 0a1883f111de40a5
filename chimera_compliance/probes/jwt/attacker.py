"""What somebody outside knows and holds: keys of his own, the issuer's public keys, a listener.

Own keys are made when they are first needed and live as long as the run.
"""

import datetime
import json
import secrets
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from chimera_compliance.probes.jwt.jose import b64

_ENCODING, _FORMAT = serialization.Encoding, serialization.PublicFormat


@dataclass(frozen=True)
class PublicKey:
    """A key that the issuer shows to the world, and where: its JWKS, a file, its TLS certificate."""

    source: str
    key: Any
    jwk: str = ""
    of_transport: bool = False
    """Whether it is the TLS certificate's, which signs tokens only where somebody used one key for both."""
    private: bool = False
    """Whether its private half was published with it."""

    @property
    def pem(self) -> bytes:
        """SubjectPublicKeyInfo in PEM, with its final newline."""
        return self.key.public_bytes(_ENCODING.PEM, _FORMAT.SubjectPublicKeyInfo)

    @property
    def der(self) -> bytes:
        """SubjectPublicKeyInfo in DER."""
        return self.key.public_bytes(_ENCODING.DER, _FORMAT.SubjectPublicKeyInfo)

    @property
    def pkcs1(self) -> bytes:
        """``BEGIN RSA PUBLIC KEY`` for RSA keys; the same as `pem` for others."""
        traditional = isinstance(self.key, rsa.RSAPublicKey)
        return self.key.public_bytes(_ENCODING.PEM, _FORMAT.PKCS1) if traditional else self.pem

    @property
    def jwk_text(self) -> bytes:
        """The JWK as published, else as compact JSON."""
        return (self.jwk or json.dumps(public_jwk(self.key), separators=(",", ":"))).encode()


def public_jwk(key: Any) -> dict[str, Any]:
    """The public JWK (RFC 7517) of an RSA, EC or Ed25519 public key."""
    if isinstance(key, rsa.RSAPublicKey):
        members = json.loads(RSAAlgorithm.to_jwk(key))
    elif isinstance(key, ec.EllipticCurvePublicKey):
        members = json.loads(ECAlgorithm.to_jwk(key))
    else:
        members = {"kty": "OKP", "crv": "Ed25519", "x": b64(key.public_bytes(_ENCODING.Raw, _FORMAT.Raw))}
    return {name: value for name, value in members.items() if name != "key_ops"}


class Attacker:
    """Holds no key of the issuer's; `address` (`http://host:port`) is where a server of his listens."""

    def __init__(self, public_keys: tuple[PublicKey, ...] = (), address: str = "http://127.0.0.1:9") -> None:
        self.public_keys = public_keys
        self.address = address
        self.secret = secrets.token_bytes(32)

    @cached_property
    def rsa_key(self) -> rsa.RSAPrivateKey:
        """An RSA key of 2048 bits."""
        return rsa.generate_private_key(65537, 2048)

    @cached_property
    def p256(self) -> ec.EllipticCurvePrivateKey:
        """A P-256 key."""
        return ec.generate_private_key(ec.SECP256R1())

    @cached_property
    def p384(self) -> ec.EllipticCurvePrivateKey:
        """A P-384 key."""
        return ec.generate_private_key(ec.SECP384R1())

    @cached_property
    def edwards(self) -> ed25519.Ed25519PrivateKey:
        """An Ed25519 key."""
        return ed25519.Ed25519PrivateKey.generate()

    @cached_property
    def certificate(self) -> bytes:
        """A self-signed certificate over the RSA key, in DER."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "attacker.invalid")])
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateBuilder(name, name, self.rsa_key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now - datetime.timedelta(1)).not_valid_after(now + datetime.timedelta(30))
        return builder.sign(self.rsa_key, hashes.SHA256()).public_bytes(_ENCODING.DER)

    @cached_property
    def jwks(self) -> dict[str, Any]:
        """His key set."""
        return {"keys": [{**public_jwk(self.rsa_key.public_key()), "use": "sig", "alg": "RS256"}]}

    def serve(self, url: str, path: str) -> bytes:
        """What the listener at `url` answers: discovery (OpenID Connect Discovery §4), a certificate or a key."""
        if "openid-configuration" in path or "oauth-authorization-server" in path:
            return json.dumps({"issuer": f"{url}/iss", "jwks_uri": f"{url}/iss/jwks.json"}).encode()
        if path.endswith("chain.pem"):
            return x509.load_der_x509_certificate(self.certificate).public_bytes(_ENCODING.PEM)
        if path.endswith("key.pem"):
            return PublicKey("", self.rsa_key.public_key()).pem
        return json.dumps(self.jwks).encode()
