"""Where a principal's token comes from: signed as the stack's issuer would, given, or obtained by steps.

A token may live shorter than a run (60 s has been seen), so every source renews it before it expires. Nothing is
done before a token is asked for, and one source may be asked by several threads.
"""

import threading
import time
import uuid
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import jwt

from chimera_compliance.errors import ConfigurationError
from chimera_compliance.target import Mint, Target

_SOONEST_RENEWAL = 5.0
_OPAQUE_LIFETIME = 300.0


def claims_of(token: str) -> dict[str, Any]:
    """The claims of a JWT, not verified; empty for any other token."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def header_of(token: str) -> dict[str, Any]:
    """The JOSE header of a JWT, not verified; empty for any other token."""
    try:
        return jwt.get_unverified_header(token)
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        return {}


@dataclass(frozen=True)
class Issued:
    """A token and, in seconds since the epoch, when it was issued and when it expires."""

    token: str = field(repr=False)
    issued: float
    expires: float

    @classmethod
    def now(cls, token: str, lifetime: float | None = None) -> "Issued":
        """Takes the end from the token's ``exp``, else from `lifetime` in seconds, else assumes five minutes."""
        now = time.time()
        expires = claims_of(token).get("exp")
        if isinstance(expires, bool) or not isinstance(expires, int | float):
            expires = now + (lifetime or _OPAQUE_LIFETIME)
        return cls(token, now, float(expires))

    @property
    def fresh(self) -> bool:
        """Whether a third of its life, or at least 5 s, are left."""
        return time.time() < self.expires - max(_SOONEST_RENEWAL, (self.expires - self.issued) / 3)


class Source(Protocol):
    """Obtains a token."""

    def issue(self) -> Issued:
        """A new token.

        Raises:
            ConfigurationError: the target file's settings cannot be used.
            Inconclusive: the stack did not give one.
        """
        ...


class Renewed:
    """A source whose token is kept until it is about to expire; `learn` is told of every new one."""

    def __init__(self, source: Source, learn: Callable[[str], None]) -> None:
        self._source, self._learn = source, learn
        self._current: Issued | None = None
        self._lock = threading.Lock()

    def token(self, *, anew: bool = False) -> str:
        """A token that is still good for a while; a new one where `anew` is asked."""
        with self._lock:
            if self._current is None or anew or not self._current.fresh:
                self._current = self._source.issue()
                self._learn(self._current.token)
            return self._current.token


@dataclass(frozen=True)
class Given:
    """A token that somebody else obtained; it cannot be renewed."""

    target: Target
    reference: str
    who: str

    def issue(self) -> Issued:
        """The token behind the reference."""
        issued = Issued.now(self.target.secret(self.reference).strip())
        if issued.expires <= issued.issued:
            raise ConfigurationError(f"{self.who}: the token given has expired: renew what its reference names")
        return issued


@dataclass(frozen=True)
class Minted:
    """Signs tokens as the stack's issuer would; `key` is the secret or the PEM text of the private key."""

    target: Target
    mint: Mint
    key: Callable[[], str]
    identity: dict[str, Any]

    def issue(self) -> Issued:
        """A token with the identity's claims, signed now."""
        claims = self._claims()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # how long the key is, is for a check to judge
                token = jwt.encode(claims, self.key(), algorithm=self.mint.algorithm, headers=self.mint.headers or None)
        except (jwt.PyJWTError, ValueError, TypeError, NotImplementedError) as error:
            reason = str(error) if isinstance(error, NotImplementedError) else type(error).__name__
            raise ConfigurationError(
                f"tokens: cannot sign with {self.mint.algorithm} and the key named: {reason}"
            ) from None
        return Issued.now(token, self.mint.lifetime_seconds)

    def _claims(self) -> dict[str, Any]:
        """A claim that the target file sets to null is left out."""
        now, tokens = int(time.time()), self.target.tokens
        standard = {"iat": now, "nbf": now, "exp": now + self.mint.lifetime_seconds, "jti": str(uuid.uuid4())}
        issued = {"iss": tokens.issuer, "aud": tokens.audience}
        claims = {**standard, **issued, **self.identity, **self.mint.claims}
        return {name: value for name, value in claims.items() if value is not None}
