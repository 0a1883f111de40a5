"""The helpdesk's tokens: RS256, one published key, a minute to live.

A badge is accepted only in the exact form in which it is issued: algorithm and type pinned, no header parameter
that could point to another key, every claim present and of its type.
"""

import hashlib
import json
import re
import time
from dataclasses import dataclass

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from jwt.utils import base64url_decode, base64url_encode

ISSUER = "https://sign-in.helpdesk.example"
AUDIENCE = "helpdesk/v2"
LONGEST_LIFETIME_SECONDS = 60

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
_LONGEST = 4096
_PERSON = re.compile(r"[1-9][0-9]{0,15}", re.ASCII)
_TYPES = {"exp": int, "iat": int, "iss": str, "aud": str, "uid": str, "org": str, "grp": str}


class Refused(Exception):
    """Not a badge of ours, or no longer one. Nobody is told more."""


@dataclass(frozen=True)
class Badge:
    """Who asks: verified against the key, not yet against the database."""

    person_id: int
    org_id: str
    group: str


class Office:
    """Issues badges, verifies them and publishes the key."""

    def __init__(self, lifetime_seconds: int = LONGEST_LIFETIME_SECONDS) -> None:
        self.lifetime_seconds = lifetime_seconds
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._public = self._key.public_key()
        pem = self._public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.kid = hashlib.sha256(pem).hexdigest()[:16]

    @property
    def private_pem(self) -> str:
        """The signing key, for a verifier who is allowed to mint."""
        form = serialization.PrivateFormat.PKCS8
        return self._key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()

    def key_set(self) -> dict:
        """The published keys (RFC 7517)."""
        key = json.loads(RSAAlgorithm.to_jwk(self._public))
        return {"keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid, "n": key["n"], "e": key["e"]}]}

    def issue(self, badge: Badge) -> str:
        """A token for somebody who has just shown a password."""
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + self.lifetime_seconds}
        claims |= {"uid": str(badge.person_id), "org": badge.org_id, "grp": badge.group}
        return jwt.encode(claims, self._key, "RS256", headers={"kid": self.kid, "typ": "at+jwt"})

    def verify(self, text: str) -> Badge:
        """Whose badge it is.

        Raises:
            Refused: for whatever reason.
        """
        try:
            claims = self._claims(text)
        except Exception:  # What a forged token makes a parser raise is not worth telling apart.
            raise Refused from None
        if any(type(claims.get(name)) is not kind for name, kind in _TYPES.items()):
            raise Refused
        if claims["exp"] - claims["iat"] > LONGEST_LIFETIME_SECONDS or not _PERSON.fullmatch(claims["uid"]):
            raise Refused
        return Badge(int(claims["uid"]), claims["org"], claims["grp"])

    def _claims(self, text: str) -> dict:
        if len(text) > _LONGEST or not _COMPACT.fullmatch(text):
            raise Refused
        if jwt.get_unverified_header(text) != {"alg": "RS256", "typ": "at+jwt", "kid": self.kid}:
            raise Refused
        if any(base64url_encode(base64url_decode(part)).decode() != part for part in text.split(".")):
            raise Refused
        required = {"require": list(_TYPES), "strict_aud": True}
        return jwt.decode(text, self._public, algorithms=["RS256"], issuer=ISSUER, audience=AUDIENCE, options=required)
