"""A stack as one value: every seam that a flaw may bend is an attribute here, with the reference's choice as default.

Nothing but the standard library is imported, so that flaws can be listed without the web stack.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

ALL_ROLES = frozenset({"operator", "reviewer", "admin"})
BASE = "/api/v1"


@dataclass(frozen=True)
class Caller:
    """On whose behalf a request runs; comes from a verified token and from nowhere else."""

    user_id: UUID
    tenant_id: UUID
    role: str
    ip_address: str | None = None
    user_agent: str | None = None


@dataclass
class Settings:
    """Numbers and names of a deployment; times in seconds."""

    issuer: str = "chimera"
    audience: str = "chimera-api"
    token_lifetime: int = 3600
    window: int = 3
    hitl_window: int = 6
    commerce_window: int = 1
    tenant_limit: int = 100
    hitl_limit: int = 200
    commerce_limit: int = 10
    stranger_limit: int = 150
    address_limit: int = 3000
    body_bytes: int = 1_000_000
    active_campaigns: int = 10
    secrets_cached: float = 0.5
    secrets_retry: float = 0.25
    origins: tuple[str, ...] = ("https://app.chimera.example",)


@dataclass
class Signing:
    """How tokens are signed and verified; a symmetric key is both."""

    algorithm: str = "HS256"
    key: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)
    public_key: str | None = None


@dataclass
class Operation:
    """One row of CHIMERA.md's table."""

    handler: Callable[..., Any]
    roles: frozenset[str] = ALL_ROLES
    status: int = 200
    public: bool = False
    limit: str = "tenant"
    documented: bool = True
    admit: Callable | None = None
    """Replaces the guard for this operation: `async (request, operation, variant) -> Caller`."""


Check = Callable[[Any, "Variant"], None]
"""Judges one property of a token: `(token, variant) -> None`, raises `Refused`."""


@dataclass
class Variant:
    """The reference with, at most, one seam bent. The guide to the seams is in `stack/flaws/__init__.py`."""

    name: str | None
    operations: dict[str, Operation]
    token_checks: dict[str, Check]
    bind: Callable
    known_user: Callable
    audit: Callable
    cors: Callable
    secret_cache: Callable
    settings: Settings = field(default_factory=Settings)
    signing: Signing = field(default_factory=Signing)
    headers: dict[str, str] = field(default_factory=dict)
    edit_headers: list[Callable] = field(default_factory=list)
    forwarded_address: Callable | None = None
    wraps: list[Callable] = field(default_factory=list)
    routes: list[Callable] = field(default_factory=list)
    openapi: list[Callable] = field(default_factory=list)
    engine: dict[str, Any] = field(default_factory=dict)
    tls: dict[str, Any] = field(default_factory=dict)
    tls_context: list[Callable] = field(default_factory=list)
    certificate: Callable | None = None
    plain: Callable | None = None
    sql: list[str] = field(default_factory=list)
    secrets: list[Callable] = field(default_factory=list)
    account: list[Callable] = field(default_factory=list)
    repo: list[Callable] = field(default_factory=list)
    github: list[Callable] = field(default_factory=list)
    target: list[Callable] = field(default_factory=list)


ONE_FACET = {"repo": "repo", "github": "repo", "secrets": "aws", "account": "aws"}
"""Seams that change one facet of a target and leave the others as they are."""


class Refused(Exception):
    """The token is not to be accepted; the reason stays in the server."""


def reference(name: str | None = None) -> Variant:
    """The reference stack, fresh: nothing of it is shared with another variant."""
    from chimera_compliance.stack.api import cors, headers, secret_cache, tokens, unit_of_work
    from chimera_compliance.stack.api.operations import table

    return Variant(
        name,
        operations=table(),
        token_checks=dict(tokens.CHECKS),
        bind=unit_of_work.bind,
        known_user=unit_of_work.known_user,
        audit=unit_of_work.audit,
        cors=cors.answer,
        secret_cache=secret_cache.SecretCache,
        headers=dict(headers.SECURITY),
    )
