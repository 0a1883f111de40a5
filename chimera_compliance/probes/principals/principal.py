"""Who uses the stack: alice of tenant A and bob of tenant B, with the tokens that the target file gives them."""

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from chimera_compliance.errors import ConfigurationError
from chimera_compliance.journal import Journal
from chimera_compliance.probes.principals.login import Steps
from chimera_compliance.probes.principals.tokens import Given, Minted, Renewed, Source, claims_of, header_of
from chimera_compliance.target import Mint, PrincipalSettings, Target, TokenSource


@dataclass(frozen=True)
class Principal:
    """Somebody with a token. ``resources`` are ids of own objects, by parameter name.

    Tokens are obtained when first asked for; asking may raise ConfigurationError (the settings cannot be used) or
    Inconclusive (the stack gave none).
    """

    name: str
    tenant: str | None = None
    subject: str | None = None
    role: str | None = None
    resources: dict[str, str] = field(default_factory=dict)
    _own: Renewed | None = field(default=None, repr=False, compare=False)
    _roles: dict[str, Renewed] = field(default_factory=dict, repr=False, compare=False)

    @property
    def token(self) -> str:
        """A token of the principal's own role that is good for a while yet."""
        if self._own is None:
            raise ConfigurationError(f"{self.name} has no token: name one under principals, or tokens.mint for all")
        return self._own.token()

    @property
    def has_token(self) -> bool:
        """Whether the target file says where a token comes from."""
        return self._own is not None

    def renew(self, role: str | None = None) -> str:
        """A new token, of the principal's own role or of another, whatever is left of the old one."""
        source = self._roles.get(role) if role not in (None, self.role) else self._own
        return source.token(anew=True) if source else self.token

    def token_as(self, role: str) -> str | None:
        """A token of the same tenant in another role; None where the target file offers none."""
        source = self._own if role == self.role else self._roles.get(role)
        return source.token() if source else None

    @property
    def claims(self) -> dict[str, Any]:
        """The claims of the token, not verified; empty when it is not a JWT."""
        return claims_of(self.token)

    @property
    def header(self) -> dict[str, Any]:
        """The JOSE header of the token, not verified; empty when it is not a JWT."""
        return header_of(self.token)


def load_principals(target: Target, journal: Journal) -> dict[str, Principal]:
    """Everybody the target file names, by name."""
    return {name: _Maker(target, journal, name, settings).principal() for name, settings in target.principals.items()}


@dataclass(frozen=True)
class _Maker:
    """Makes one principal of its settings."""

    target: Target
    journal: Journal
    name: str
    settings: PrincipalSettings

    def principal(self) -> Principal:
        settings, default = self.settings, self.target.tokens.mint
        own = settings.token or (TokenSource(mint=default) if default else None)
        roles = {role: self._renewed(source, role) for role, source in settings.role_tokens.items()}
        if own and own.mint:
            others = (role for role in self.target.roles if role not in roles and role != settings.role)
            roles |= {role: self._renewed(own, role) for role in others}
        return Principal(
            self.name,
            settings.tenant,
            settings.subject,
            settings.role,
            dict(settings.resources),
            self._renewed(own, settings.role, own=True) if own else None,
            roles,
        )

    def _renewed(self, source: TokenSource, role: str | None, *, own: bool = False) -> Renewed:
        label = _label(self.name, "" if own else role or "", "token")
        return Renewed(self._source(source, role, label), lambda token: self.journal.redact.add(token, label))

    def _source(self, source: TokenSource, role: str | None, label: str) -> Source:
        if source.mint:
            return Minted(self.target, source.mint, self._key(source.mint), self._identity(role))
        if source.given:
            return Given(self.target, source.given, self.name)
        return Steps(self.target, self.journal, source.steps or [], self.name, self._learner(label))

    def _learner(self, label: str):
        """Names what a step captures: ALICE_TOKEN for the token, ALICE_PASSWORD and the like for the rest."""
        return lambda value, what: self.journal.redact.add(value, label if what == "token" else _label(self.name, what))

    def _key(self, mint: Mint):
        @cache
        def key() -> str:
            value = self.target.secret(mint.key)
            self.journal.redact.add(value, "SIGNING_KEY")
            return value

        return key

    def _identity(self, role: str | None) -> dict[str, Any]:
        names, settings = self.target.tokens.claims, self.settings
        identity = {names.subject: settings.subject or self.name}
        if names.tenant:
            identity[names.tenant] = settings.tenant
        if names.role:
            identity[names.role] = role
        return identity


def _label(*words: str) -> str:
    return "_".join("".join(c if c.isalnum() else "_" for c in word).upper() for word in words if word)
