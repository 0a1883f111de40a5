"""What a server's certificate is worth, one aspect at a time.

Verification stops at the first thing that is wrong, and which one that is differs between libraries; so names, dates,
key and signature are looked at on their own, and the chain by what is left to be wrong.
"""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

from chimera_compliance.probes.tls.endpoint import Endpoint, Fact

ASPECTS = ("chain", "name", "dates", "key", "signature")
_BROKEN_DIGESTS = {"md2", "md4", "md5", "sha1"}
# Codes of OpenSSL's x509_vfy.h that say nothing about who signed the certificate.
_DATES, _NAMES, _SHORT_KEY, _WEAK_DIGEST = {9, 10, 13, 14}, {62, 63, 64}, 66, 68
_NOT_THE_CHAIN = {*_DATES, *_NAMES, _SHORT_KEY, _WEAK_DIGEST}


def aspects(endpoint: Endpoint) -> dict[str, Fact]:
    """A fact for each of `ASPECTS`.

    Raises:
        OSError: no TLS connection can be made.
        ValueError: what is shown is no certificate.
    """
    shown = endpoint.certificate
    found = {"name": _name(endpoint), "dates": _dates(shown), "key": _key(shown), "signature": _signature(shown)}
    found["chain"] = _chain(endpoint, sound=all(holds for _, holds in found.values()))
    return {
        aspect: endpoint.seen(f"certificate of {endpoint.subject}", aspect, actual, "-showcerts", holds)
        for aspect, (actual, holds) in found.items()
    }


def _chain(endpoint: Endpoint, *, sound: bool) -> tuple[str, bool | None]:
    handshake = endpoint.handshake
    if handshake.holds or endpoint.verify_code is None:
        return handshake.actual, handshake.holds
    if endpoint.verify_code in _NOT_THE_CHAIN and not sound:
        return f"not seen past: {handshake.actual}", None
    return handshake.actual, False


def _name(endpoint: Endpoint) -> tuple[str, bool]:
    """OpenSSL's own comparison, with the certificate itself taken for an authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.verify_flags = ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=ssl.DER_cert_to_PEM_cert(endpoint.certificate_der))
    names = ", ".join(_alternative_names(endpoint.certificate)) or "none"
    try:
        endpoint.connect(context).close()
    except ssl.SSLCertVerificationError as error:
        return f"names {names}", error.verify_code not in _NAMES
    return f"names {names}", True


def _alternative_names(shown: x509.Certificate) -> Iterator[str]:
    try:
        listed = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError, UnsupportedAlgorithm):
        return
    for name in list(listed)[:5]:
        yield str(name.value)


def _dates(shown: x509.Certificate) -> tuple[str, bool]:
    begin, end, now = shown.not_valid_before_utc, shown.not_valid_after_utc, datetime.now(UTC)
    return f"valid from {begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC", begin <= now <= end


def _key(shown: x509.Certificate) -> tuple[str, bool]:
    """NIST SP 800-57 part 1, table 2: 112 bits of security or more."""
    try:
        key = shown.public_key()
    except (UnsupportedAlgorithm, ValueError):
        return "a kind of key that is not known here", True
    match key:
        case rsa.RSAPublicKey(key_size=bits):
            return f"RSA, {bits} bits", bits >= 2048
        case dsa.DSAPublicKey(key_size=bits):
            return f"DSA, {bits} bits", bits >= 2048
        case ec.EllipticCurvePublicKey(key_size=bits):
            return f"elliptic curve, {bits} bits", bits >= 224
    return type(key).__name__.removesuffix("PublicKey"), True


def _signature(shown: x509.Certificate) -> tuple[str, bool]:
    try:
        digest = shown.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return f"algorithm {shown.signature_algorithm_oid.dotted_string}", True
    return (digest.name, digest.name not in _BROKEN_DIGESTS) if digest else ("EdDSA", True)
