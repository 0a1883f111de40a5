"""The target file: what to verify, with whose credentials, and how far the suite may go.

Every name in it (claims, roles, settings, headers) has Chimera's as default, so that a stack that follows
the contract needs few lines, and any other stack can still be described.
"""

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, PrivateAttr, model_validator

from chimera_compliance.located_yaml import LocatedYaml
from chimera_compliance.references import Text, is_reference, resolve
from chimera_compliance.target.api import ApiFacet, Cors, ExtraOperation, RateLimit
from chimera_compliance.target.audit import CHIMERAS, Audit, AuditColumns, Sensitive, SensitiveCase
from chimera_compliance.target.aws import Application, AwsFacet, RequiredSecret
from chimera_compliance.target.base import Settings
from chimera_compliance.target.db import DbFacet
from chimera_compliance.target.evidence import EvidenceSettings
from chimera_compliance.target.gate import GatePolicy
from chimera_compliance.target.input import InputRules
from chimera_compliance.target.principals import ClaimNames, Mint, PrincipalSettings, Step, Tokens, TokenSource
from chimera_compliance.target.repo import GitHub, RepoFacet

__all__ = [
    "ApiFacet",
    "Application",
    "Audit",
    "AuditColumns",
    "AwsFacet",
    "ClaimNames",
    "Cors",
    "DbFacet",
    "EvidenceSettings",
    "ExtraOperation",
    "GatePolicy",
    "GitHub",
    "InputRules",
    "Mint",
    "PrincipalSettings",
    "RateLimit",
    "RepoFacet",
    "RequiredSecret",
    "Scope",
    "SensitiveCase",
    "Step",
    "Target",
    "TokenSource",
    "Tokens",
]


class Scope(Settings):
    """How far the suite may go. Nothing outside `hosts` is contacted."""

    hosts: list[Text] = Field([], description="Hosts that may be contacted; the hosts of the target's URLs if empty.")
    requests: int = Field(20_000, ge=1, description="Most HTTP requests in one run.")
    requests_per_second: float = Field(200, gt=0)
    concurrency: int = Field(8, ge=1, le=64)
    timeout_seconds: float = Field(10, gt=0, le=120)
    writes: bool = Field(False, description="Whether operations that change data may be run with valid credentials.")


class Target(Settings):
    """A deployed stack as the suite sees it."""

    version: Literal[1] = 1
    name: Text
    scope: Scope = Scope()
    api: ApiFacet | None = None
    db: DbFacet | None = None
    aws: AwsFacet | None = None
    repo: RepoFacet | None = None
    tokens: Tokens = Tokens()
    roles: list[Text] = ["operator", "reviewer", "admin"]
    principals: dict[str, PrincipalSettings] = Field({}, description="alice and bob, of two tenants.")
    cors: Cors = Cors()
    rate_limits: list[RateLimit] = []
    input: InputRules = InputRules()
    audit: Audit = Audit()
    sensitive: Sensitive | None = Field(
        None, description="Sensitive operations and their audit actions; those of Chimera that the API has if null."
    )
    not_applicable: dict[str, str] = Field({}, description="Control or requirement id and why it does not apply.")
    gate: GatePolicy = GatePolicy()
    evidence: EvidenceSettings = EvidenceSettings()

    _path: Path = PrivateAttr(default=Path("target.yaml"))
    _digest: str = PrivateAttr(default="")

    @classmethod
    def load(cls, path: Path) -> "Target":
        """Read and validate a target file.

        Raises:
            ConfigurationError: it cannot be read or used; one line for each problem, with file and line.
        """
        document = LocatedYaml.read(path)
        target = document.parse(cls)
        target._path = path.resolve()
        target._digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return target

    @model_validator(mode="after")
    def _has_a_facet(self) -> "Target":
        if not self.facets:
            raise ValueError("name at least one of `api`, `db`, `aws` and `repo`")
        return self

    @property
    def sensitive_cases(self) -> dict[str, list[SensitiveCase]]:
        """The ways to run each sensitive operation; Chimera's where the file names none."""
        return CHIMERAS if self.sensitive is None else self.sensitive

    @property
    def facets(self) -> set[str]:
        """The facets that the file describes."""
        return {name for name in ("api", "db", "aws", "repo") if getattr(self, name) is not None}

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return self._path

    @property
    def digest(self) -> str:
        """SHA-256 of the file as read."""
        return self._digest

    @cached_property
    def hosts(self) -> frozenset[str]:
        """The hosts that may be contacted, lower case."""
        named = self.scope.hosts or ([urlsplit(self.api.base_url).hostname] if self.api else [])
        return frozenset(host.lower() for host in named if host)

    def secret(self, reference: str) -> str:
        """The value behind a reference, relative to this file.

        Raises:
            ConfigurationError: it is not there or cannot be read.
        """
        return resolve(reference, base=self.path.parent, secrets_manager=self._secrets_manager)

    def dsn(self, value: str) -> str:
        """A DSN as given, or the one that a reference names."""
        return self.secret(value) if is_reference(value) else value

    def file(self, name: str) -> Path:
        """A path of the target file, relative to the folder it lies in."""
        return self.path.parent / Path(name).expanduser()

    def _secrets_manager(self):
        from chimera_compliance.probes.secret_store import client

        return client(self, "secretsmanager")
