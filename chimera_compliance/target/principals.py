"""Who uses the stack, and where their tokens come from."""

import re
from typing import Any

from pydantic import Field, model_validator

from chimera_compliance.references import Secret, Text, is_reference
from chimera_compliance.target.base import Operation, Settings

_SECRET_KEY = re.compile(r"passw|secret|token|api_?key|credential", re.IGNORECASE)


class Step(Settings):
    """One request on the way to a token; ``{name}`` in a value is something captured before."""

    request: Operation
    body_json: Any = Field(None, alias="json")
    form: dict[str, str] | None = None
    headers: dict[str, str] = {}
    capture: dict[str, str] = Field({}, description="Name to JSON pointer (RFC 6901); `token` is the credential.")

    @model_validator(mode="after")
    def _no_inline_secret(self) -> "Step":
        for key, value in _leaves({"json": self.body_json, "form": self.form, "headers": self.headers}):
            if _SECRET_KEY.search(key) and not (is_reference(value) or re.search(r"\{\w+\}", value)):
                raise ValueError(f"{key}: a secret must not stand in a target file: write ${{NAME}} or file:PATH")
        return self


def _leaves(value: Any, key: str = ""):
    """(key, text) of every text in a tree of mappings and lists."""
    match value:
        case dict():
            for name, item in value.items():
                yield from _leaves(item, str(name))
        case list():
            for item in value:
                yield from _leaves(item, key)
        case str():
            yield key, value


class Mint(Settings):
    """How to sign tokens as the stack's issuer would."""

    algorithm: Text = "HS256"
    key: Secret
    lifetime_seconds: int = Field(300, ge=10)
    claims: dict[str, Any] = Field({}, description="Further claims, such as {token_use: access}.")
    headers: dict[str, Any] = Field({}, description="Further header parameters, such as {kid: '2026-01'}.")


class TokenSource(Settings):
    """Where a principal's token comes from: exactly one of the three."""

    mint: Mint | None = None
    given: Secret | None = None
    steps: list[Step] | None = Field(None, min_length=1)

    @model_validator(mode="after")
    def _exactly_one(self) -> "TokenSource":
        if sum(source is not None for source in (self.mint, self.given, self.steps)) != 1:
            raise ValueError("a token is one of `mint`, `given` or `steps`")
        return self


class ClaimNames(Settings):
    """The names of the claims that carry identity."""

    subject: Text = "sub"
    tenant: Text | None = "tenant_id"
    role: Text | None = "role"


class Tokens(Settings):
    """The shape of the stack's credentials."""

    header: Text = "Authorization"
    scheme: Text = Field("Bearer", description="The word before the token; empty for a bare token.")
    claims: ClaimNames = ClaimNames()
    issuer: Text | None = None
    audience: Text | list[Text] | None = None
    max_lifetime_seconds: int = Field(3600, gt=0)
    mint: Mint | None = Field(None, description="Used for every principal that names no token of its own.")
    public_key: Text | None = Field(None, description="File with the issuer's public key (PEM), for key confusion.")
    jwks_url: Text | None = Field(None, description="Where the issuer publishes its keys (RFC 7517).")


class DatabaseBinding(Settings):
    """How a transaction is bound to a principal, where it is not (only) the tenant setting."""

    settings: dict[str, Text] = Field({}, description="Settings made with set_config(name, value, true).")
    role: Text | None = Field(None, description="Role taken with SET LOCAL ROLE.")


class PrincipalSettings(Settings):
    """Somebody who uses the stack: alice belongs to tenant A, bob to tenant B."""

    tenant: Text | None = None
    subject: Text | None = None
    role: Text | None = None
    resources: dict[str, Text] = Field({}, description="Ids of the principal's own objects by parameter name.")
    token: TokenSource | None = None
    role_tokens: dict[str, TokenSource] = Field({}, description="The same tenant's tokens in other roles.")
    database: DatabaseBinding = DatabaseBinding()
