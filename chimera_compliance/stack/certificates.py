"""A certificate authority that lives as long as the run, so that TLS is verified and not switched off.

Strict chain checks (RFC 5280: key usages, basic constraints, key identifiers) are meant to pass.
"""

import datetime
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFETIME = datetime.timedelta(days=30)
_CA_USAGE = {"key_cert_sign": True, "crl_sign": True, "digital_signature": False}
_LEAF_USAGE = {"key_cert_sign": False, "crl_sign": False, "digital_signature": True}
_LOOPBACK = (x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost"))


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


_SUBJECT = _name("localhost")


@dataclass(frozen=True)
class Identity:
    """Files of a server: its certificate, its private key, and the authority that signed it."""

    certificate: Path
    key: Path
    authority: Path


class Authority:
    """Signs server certificates for this machine's loopback names."""

    def __init__(self, folder: Path):
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("Chimera reference stack CA")
        builder = _builder(self._name, self._name, self._key, self._key)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self._certificate = builder.add_extension(_usage(_CA_USAGE), critical=True).sign(self._key, hashes.SHA256())
        self.file = folder / "ca.pem"
        self.file.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))
        self.file.chmod(0o644)

    def issue(
        self,
        folder: Path,
        name: str,
        *,
        key=None,
        names: Sequence[x509.GeneralName] = _LOOPBACK,
        begin: datetime.datetime | None = None,
        signed_by_itself: bool = False,
    ) -> Identity:
        """A certificate for 127.0.0.1 and localhost, and its key readable by its owner alone.

        The rest is for certificates that are wrong on purpose: its first moment is a minute ago unless `begin` is
        given, and its key is P-256 unless it is given.
        """
        key = key or ec.generate_private_key(ec.SECP256R1())
        issuer, signer = (_SUBJECT, key) if signed_by_itself else (self._name, self._key)
        certificate = _leaf(key, issuer, signer, names, begin).sign(signer, hashes.SHA256())
        identity = Identity(folder / f"{name}.crt", folder / f"{name}.key", self.file)
        identity.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        identity.key.touch(mode=0o600)
        identity.key.write_bytes(_private(key))
        return identity


def _leaf(key, issuer: x509.Name, signer, names, begin: datetime.datetime | None) -> x509.CertificateBuilder:
    return (
        _builder(_SUBJECT, issuer, key, signer, begin)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(_LEAF_USAGE), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
    )


def _private(key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _usage(chosen: dict[str, bool]) -> x509.KeyUsage:
    unused = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    return x509.KeyUsage(**chosen, **dict.fromkeys(unused, False), encipher_only=False, decipher_only=False)


def _builder(
    subject: x509.Name, issuer: x509.Name, key, issuer_key, begin: datetime.datetime | None = None
) -> x509.CertificateBuilder:
    begin = begin or datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=1)
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + _LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(authority, critical=False)
    )
