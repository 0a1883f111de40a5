"""What is weak about the key that signs the genuine tokens: guessed off line, too short, or none at all.

RFC 7518 §3.2: a shared secret is at least as long as the hash; §3.3: RSA keys have 2,048 bits or more.
"""

from collections.abc import Iterator

from cryptography.hazmat.primitives.asymmetric import rsa

from chimera_compliance.outcomes import Problem, Severity
from chimera_compliance.probes.jwt.attacker import PublicKey
from chimera_compliance.probes.jwt.papers import Papers

_SUBJECT = "the signing key"
_HASH_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
_RSA_BITS = 2048


def weaknesses(papers: Papers) -> Iterator[Problem]:
    """One problem for each weakness; the secret itself is in none of them."""
    token = papers.token
    if token.algorithm.lower() in ("", "none"):
        yield Problem(_SUBJECT, "does not exist: genuine tokens are not signed", "a signature", "alg none")
    elif token.symmetric and papers.guessed is not None:
        yield Problem(_SUBJECT, "was guessed from one genuine token", "256 random bits", "a secret of common words")
    elif token.symmetric and papers.mint:
        yield from _short(papers.target.secret(papers.mint.key), token.algorithm)
    if not token.symmetric:
        yield from _short_rsa(papers.attacker.public_keys)
    for key in papers.attacker.public_keys:
        if key.private:
            yield Problem(_SUBJECT, f"is published by {key.source}", "its public half", "its private half")


def _short(secret: str, algorithm: str) -> Iterator[Problem]:
    least, found = _HASH_BYTES[algorithm], len(secret.encode())
    if found < least:
        yield Problem(
            _SUBJECT, "is too short", f"{least} bytes for {algorithm}", f"{found} bytes", severity=Severity.MEDIUM
        )


def _short_rsa(keys: tuple[PublicKey, ...]) -> Iterator[Problem]:
    for key in keys:
        if isinstance(key.key, rsa.RSAPublicKey) and key.key.key_size < _RSA_BITS and not key.of_transport:
            expected, found = f"{_RSA_BITS} bits", f"{key.key.key_size} bits, published by {key.source}"
            yield Problem(_SUBJECT, "is too short", expected, found, severity=Severity.MEDIUM)
