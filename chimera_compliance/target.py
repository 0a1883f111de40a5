"""The target file: what to verify, with whose credentials, and how far the suite may go.

Every name in it (claims, roles, settings, headers) has Chimera's as default, so that a stack that follows
the contract needs few lines, and any other stack can still be described.
"""

import hashlib
import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, model_validator

from chimera_compliance.located_yaml import LocatedYaml
from chimera_compliance.references import Secret, Text, expand, is_reference, resolve

_OPERATION = re.compile(r"[A-Z]+ /\S*|[A-Z]+ https?://\S+")
_SECRET_KEY = re.compile(r"passw|secret|token|api_?key|credential", re.IGNORECASE)


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


def _operation(text: str) -> str:
    method, _, path = text.strip().partition(" ")
    canonical = f"{method.upper()} {path.strip()}"
    if not _OPERATION.fullmatch(canonical):
        raise ValueError("an operation is a method and a path, such as `GET /campaigns/{campaign_id}`")
    return canonical


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected an http:// or https:// URL, such as https://api.example.com/api/v1")
    if parts.password:
        raise ValueError("a URL must not hold a password")
    return text.rstrip("/")


def _dsn(value: object) -> object:
    if isinstance(value, str) and not is_reference(value) and re.search(r"://[^/@]*:[^/@]+@|password\s*=", value):
        raise ValueError("a DSN with a password must not stand in a target file: write ${NAME} or file:PATH")
    return expand(value) if isinstance(value, str) and not is_reference(value) else value


Operation = Annotated[Text, AfterValidator(_operation)]
Url = Annotated[Text, AfterValidator(_url)]
Dsn = Annotated[str, BeforeValidator(_dsn)]


class Scope(_Settings):
    """How far the suite may go. Nothing outside `hosts` is contacted."""

    hosts: list[Text] = Field([], description="Hosts that may be contacted; the hosts of the target's URLs if empty.")
    requests: int = Field(20_000, ge=1, description="Most HTTP requests in one run.")
    requests_per_second: float = Field(200, gt=0)
    concurrency: int = Field(8, ge=1, le=64)
    timeout_seconds: float = Field(10, gt=0, le=120)
    writes: bool = Field(False, description="Whether operations that change data may be run with valid credentials.")


class Step(_Settings):
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


class Mint(_Settings):
    """How to sign tokens as the stack's issuer would."""

    algorithm: Text = "HS256"
    key: Secret
    lifetime_seconds: int = Field(300, ge=10)
    claims: dict[str, Any] = Field({}, description="Further claims, such as {token_use: access}.")
    headers: dict[str, Any] = Field({}, description="Further header parameters, such as {kid: '2026-01'}.")


class TokenSource(_Settings):
    """Where a principal's token comes from: exactly one of the three."""

    mint: Mint | None = None
    given: Secret | None = None
    steps: list[Step] | None = Field(None, min_length=1)

    @model_validator(mode="after")
    def _exactly_one(self) -> "TokenSource":
        if sum(source is not None for source in (self.mint, self.given, self.steps)) != 1:
            raise ValueError("a token is one of `mint`, `given` or `steps`")
        return self


class ClaimNames(_Settings):
    """The names of the claims that carry identity."""

    subject: Text = "sub"
    tenant: Text | None = "tenant_id"
    role: Text | None = "role"


class Tokens(_Settings):
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


class DatabaseBinding(_Settings):
    """How a transaction is bound to a principal, where it is not (only) the tenant setting."""

    settings: dict[str, Text] = Field({}, description="Settings made with set_config(name, value, true).")
    role: Text | None = Field(None, description="Role taken with SET LOCAL ROLE.")


class PrincipalSettings(_Settings):
    """Somebody who uses the stack: alice belongs to tenant A, bob to tenant B."""

    tenant: Text | None = None
    subject: Text | None = None
    role: Text | None = None
    resources: dict[str, Text] = Field({}, description="Ids of the principal's own objects by parameter name.")
    token: TokenSource | None = None
    role_tokens: dict[str, TokenSource] = Field({}, description="The same tenant's tokens in other roles.")
    database: DatabaseBinding = DatabaseBinding()


class ExtraOperation(_Settings):
    """An operation that the OpenAPI document does not list."""

    operation: Operation
    body: Any = None


class ApiFacet(_Settings):
    """The HTTP interface."""

    base_url: Url
    ca_file: Text | None = Field(None, description="CA certificates (PEM) to trust besides the system's.")
    openapi: Text | None = Field("/openapi.json", description="Path below base_url, URL or file; null for none.")
    public: list[Operation] = Field(["GET /health"], description="Operations that need no credential.")
    operations: list[ExtraOperation] = []
    roles: dict[Operation, list[Text]] = Field({}, description="Roles admitted; an operation not named admits all.")
    shared: list[Operation] = Field(
        [], description="Operations on what is meant for users of every tenant, such as following somebody."
    )
    unsafe: list[Operation] = Field([], description="Operations that change data under a method that reads.")
    bodies: dict[Operation, Any] = Field({}, description="Request bodies where a generated one would not do.")
    parameters: dict[str, Text] = Field({}, description="Values for path and query parameters by name.")
    headers: dict[str, Text] = Field({}, description="Headers sent with every request.")
    plain_http_ports: list[Annotated[int, Field(ge=1, le=65535)]] = Field(
        [80], description="Ports of the API's host on which nothing may be served without TLS."
    )


class DbFacet(_Settings):
    """The PostgreSQL database."""

    dsn: Dsn = Field(description="The application's own login, as deployed.")
    catalog_dsn: Dsn | None = Field(None, description="A login that sees every row and may plant canary rows.")
    schemas: list[Text] = Field([], description="Schemas to judge; all but the system's if empty.")
    tenant_setting: Text | None = "app.current_tenant_id"
    tenant_columns: list[Text] = ["tenant_id"]
    tenant_tables: list[Text] = Field([], description="Further multi-tenant tables, as schema.table.")
    global_tables: list[Text] = Field([], description="Tables that hold no tenant's data.")
    audit_table: Text | None = "public.audit_logs"
    application_command: list[Text] = Field(
        [], description="Runs the application's own data access; {host}, {port}, {user}, {database} are filled in."
    )
    statement_timeout_seconds: float = Field(10, gt=0)
    lock_timeout_seconds: float = Field(1, gt=0)


class AwsFacet(_Settings):
    """The account that holds the secrets."""

    region: Text = "us-east-1"
    endpoint_url: Text | None = None
    profile: Text | None = None
    access_key_id: Secret | None = None
    secret_access_key: Secret | None = None
    required_secrets: list[Text] = []


class RepoFacet(_Settings):
    """The git repository."""

    path: Text


class Cors(_Settings):
    """The declared allow-list."""

    allowed_origins: list[Text] = []
    allow_credentials: bool = False


class RateLimit(_Settings):
    """A declared limit over a class of operations."""

    paths: list[Text] = Field(["/*"], description="Shell patterns over path templates.")
    limit: int = Field(gt=0)
    window_seconds: float = Field(60, gt=0)
    per: Literal["tenant", "principal", "address"] = "tenant"


class Target(_Settings):
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
    sensitive: dict[Operation, Text] = Field({}, description="Sensitive operations and their audit actions.")
    not_applicable: dict[str, str] = Field({}, description="Control or requirement id and why it does not apply.")

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
