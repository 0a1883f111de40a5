"""Signatures: an in-toto Statement in a DSSE envelope, signed with Ed25519.

The key's id is the SHA-256 of its SubjectPublicKeyInfo, which `openssl pkey -pubin -outform DER | sha256sum` tells too.
An envelope is read only as it is written, since base64 and JSON leave room for bytes that no signature covers.
"""

import hashlib
import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import UnverifiedSignatureError, VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey

from chimera_compliance.errors import ConfigurationError

PAYLOAD_TYPE = "application/vnd.in-toto+json"
PASSPHRASE = "CHIMERA_EVIDENCE_PASSPHRASE"


class NotSigned(Exception):
    """The envelope is not what a bundle's envelope is, and why."""


@dataclass(frozen=True)
class PublicKey:
    """A key that a signature is checked with."""

    key: Ed25519PublicKey

    @property
    def id(self) -> str:
        """SHA-256 of its SubjectPublicKeyInfo."""
        encoded = self.key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return hashlib.sha256(encoded).hexdigest()

    @property
    def pem(self) -> bytes:
        """As it is published."""
        return self.key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    @classmethod
    def parse(cls, pem: bytes, name: str) -> "PublicKey":
        """Read a public key in PEM.

        Raises:
            ConfigurationError: it is none, or not an Ed25519 key.
        """
        if b"PRIVATE KEY" in pem:
            raise ConfigurationError(
                f"{name} is a private key: give the public one (.pub), and keep this one to yourself"
            )
        try:
            key = serialization.load_pem_public_key(pem)
        except (ValueError, UnsupportedAlgorithm):
            raise ConfigurationError(f"{name} is no public key in PEM") from None
        if not isinstance(key, Ed25519PublicKey):
            raise ConfigurationError(f"{name} is no Ed25519 key")
        return cls(key)

    def _of_library(self) -> SSlibKey:
        return SSlibKey.from_crypto(self.key, keyid=self.id)


@dataclass(frozen=True)
class SigningKey:
    """A private key."""

    key: Ed25519PrivateKey

    @property
    def public(self) -> PublicKey:
        """Its public half."""
        return PublicKey(self.key.public_key())

    @classmethod
    def parse(cls, pem: bytes, name: str) -> "SigningKey":
        """Read a private key in PEM; the passphrase, if it has one, is in the environment.

        Raises:
            ConfigurationError: it is none, not an Ed25519 key, or the passphrase is missing or wrong.
        """
        passphrase = os.environ.get(PASSPHRASE)
        try:
            key = serialization.load_pem_private_key(pem, passphrase.encode() if passphrase else None)
        except TypeError:
            wanted = "is not encrypted: unset" if passphrase else "is encrypted: set"
            raise ConfigurationError(f"{name} {wanted} {PASSPHRASE}") from None
        except (ValueError, UnsupportedAlgorithm):
            reason = f"no private key in PEM, or {PASSPHRASE} is wrong" if passphrase else "no private key in PEM"
            raise ConfigurationError(f"{name} is {reason}") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise ConfigurationError(f"{name} is no Ed25519 key: make one with `chimera-compliance evidence keygen`")
        return cls(key)

    def sign(self, payload: bytes) -> bytes:
        """The envelope of a payload, as JSON."""
        envelope = Envelope(payload, PAYLOAD_TYPE, {})
        envelope.sign(CryptoSigner(self.key, self.public._of_library()))
        return _written(envelope)


def read_file(path: Path) -> bytes:
    """A key file.

    Raises:
        ConfigurationError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"cannot read the key {path}: {error.strerror}") from None


def exposed(path: Path) -> str:
    """What is wrong with the permissions of a private key's file; empty if nothing is."""
    mode = stat.S_IMODE(path.stat().st_mode)
    return f"{path} can be read by others (mode {mode:o}): chmod 600 it" if mode & 0o077 else ""


def make_key(path: Path, *, force: bool = False) -> PublicKey:
    """Write a new private key, for its owner alone, and its public half beside it.

    Raises:
        ConfigurationError: there is a key already, or the files cannot be written.
    """
    made = SigningKey(Ed25519PrivateKey.generate())
    passphrase = os.environ.get(PASSPHRASE)
    lock = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    pem = made.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if force else os.O_EXCL)
    try:
        with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(pem)
        path.with_name(path.name + ".pub").write_bytes(made.public.pem)
    except FileExistsError:
        raise ConfigurationError(
            f"{path} exists: --force replaces it, and what it signed can no longer be continued"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"cannot write {path}: {error.strerror}") from None
    return made.public


def _written(envelope: Envelope) -> bytes:
    return (json.dumps(envelope.to_dict(), sort_keys=True, indent=2) + "\n").encode()


def open_envelope(content: bytes) -> Envelope:
    """The envelope in a file.

    Raises:
        NotSigned: it is none, or its bytes are not as a bundle's are written.
    """
    try:
        envelope = Envelope.from_dict(json.loads(content))
        exact = _written(envelope) == content
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, VerificationError):
        raise NotSigned("the envelope cannot be read") from None
    if not exact or envelope.payload_type != PAYLOAD_TYPE or len(envelope.signatures) != 1:
        raise NotSigned("the envelope is not written as a bundle's is")
    return envelope


def signer_of(envelope: Envelope) -> str:
    """The id of the key that the envelope says it was signed with."""
    return next(iter(envelope.signatures))


def is_signed_by(envelope: Envelope, key: PublicKey) -> bool:
    """Whether this key made the signature over this payload."""
    try:
        envelope.verify([key._of_library()], 1)
    except (UnverifiedSignatureError, VerificationError):
        return False
    return True
