"""The genuine credentials: which one fits an operation, and what forgeries are made of."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chimera_compliance.outcomes import NotReviewed
from chimera_compliance.probes.guard.credentials import Bearer
from chimera_compliance.probes.jwt.attacker import Attacker
from chimera_compliance.probes.jwt.forgeries import Genuine, Issuer
from chimera_compliance.probes.jwt.jose import Token, parse
from chimera_compliance.probes.jwt.weak_secrets import guess
from chimera_compliance.target import Mint, Target

if TYPE_CHECKING:
    from chimera_compliance.probes.openapi.operations import Operation
    from chimera_compliance.probes.principals.principal import Principal


class Papers:
    """alice's tokens, one a role; bob's, to borrow a signature from."""

    def __init__(self, target: Target, alice: "Principal", bob: "Principal | None", attacker: Attacker) -> None:
        self.target, self.alice, self.bob, self.attacker = target, alice, bob, attacker

    def token_as(self, role: str | None) -> str | None:
        """alice's token of a role; her own role needs no name."""
        return self.alice.token if role == self.alice.role else self.alice.token_as(role) if role else None

    def role_for(self, operation: "Operation") -> str | None:
        """A role that the operation admits and that alice has a token for: her own, if it will do."""
        if operation.roles is None or self.alice.role in operation.roles:
            return self.alice.role
        return next((role for role in sorted(operation.roles) if self.token_as(role)), None)

    def token_for(self, operation: "Operation") -> str | None:
        """The right token; None where the target file gives none of an admitted role."""
        if operation.roles is None:
            return self.alice.token
        role = self.role_for(operation)
        return self.token_as(role) if role is not None else None

    def other_roles(self, operation: "Operation") -> list[str]:
        """The roles that the operation does not admit and that alice has a token for."""
        others = [role for role in self.target.roles if operation.roles is not None and role not in operation.roles]
        return [role for role in others if self.token_as(role)]

    @property
    def token(self) -> Token:
        """alice's own token in its parts.

        Raises:
            NotReviewed: the stack's tokens are no signed JWTs.
        """
        return _parsed(self.alice.token)

    def genuine(self, operation: "Operation | None" = None) -> Genuine:
        """The right token for an operation, with all that forging it takes.

        Raises:
            NotReviewed: the stack's tokens are no signed JWTs.
        """
        text = (operation and self.token_for(operation)) or self.alice.token
        _parsed(text)
        other = self.bob.token if self.bob else ""
        lesser = next(iter(self.other_roles(operation)), None) if operation else None
        return Genuine(
            text,
            self.attacker,
            self.target.tokens.claims,
            other=other if other.count(".") == 2 else "",
            lesser=(self.token_as(lesser) or "") if lesser else "",
            issuer=self.issuer,
        )

    def bearer(self, operation: "Operation | None" = None) -> Bearer:
        """The same, and how the stack wants it presented."""
        tokens = self.target.tokens
        return Bearer(self.genuine(operation), tokens.header, tokens.scheme, _required(operation) if operation else ())

    @property
    def mint(self) -> Mint | None:
        """How the stack's tokens are signed, where the suite can do it."""
        settings = self.target.principals.get(self.alice.name)
        own = settings.token.mint if settings and settings.token else None
        return own or self.target.tokens.mint

    @cached_property
    def guessed(self) -> bytes | None:
        """The issuer's shared secret, if it can be guessed from a genuine token and what the stack says of itself."""
        return guess(self.token, self._public_words()) if self.token.symmetric else None

    def _public_words(self) -> Sequence[str]:
        tokens = self.target.tokens
        audience = tokens.audience if isinstance(tokens.audience, list) else [tokens.audience]
        labels = (urlsplit(self.target.api.base_url).hostname or "").split(".")
        return [
            word for word in (self.target.name, *self.target.name.split(), tokens.issuer, *audience, *labels) if word
        ]

    @cached_property
    def issuer(self) -> Issuer | None:
        """The right key, the target file's or a guessed one; None where neither signed alice's token."""
        if self.mint:
            issuer = Issuer(self.target.secret(self.mint.key), self.mint.algorithm)
            return issuer if issuer.signed(self.token) else None
        return Issuer(self.guessed.decode(), self.token.algorithm) if self.guessed is not None else None


def _required(operation: "Operation") -> tuple[str, ...]:
    schema = operation.document.resolve(operation.body_schema or {})
    required = schema.get("required")
    return tuple(name for name in required if isinstance(name, str)) if isinstance(required, list) else ()


def _parsed(text: str) -> Token:
    try:
        return parse(text)
    except (ValueError, RecursionError):
        raise NotReviewed("alice's token is not a signed JWT, so none can be forged from it") from None
