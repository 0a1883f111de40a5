"""The HTTP interface, its allow-list of origins and its rate limits."""

from typing import Annotated, Any, Literal

from pydantic import Field

from chimera_compliance.references import Text
from chimera_compliance.target.base import Operation, Settings, Url


class ExtraOperation(Settings):
    """An operation that the OpenAPI document does not list."""

    operation: Operation
    body: Any = None


class ApiFacet(Settings):
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


class Cors(Settings):
    """The declared allow-list."""

    allowed_origins: list[Text] = []
    allow_credentials: bool = False


class RateLimit(Settings):
    """A declared limit over a class of operations."""

    paths: list[Text] = Field(["/*"], description="Shell patterns over path templates.")
    limit: int = Field(gt=0)
    window_seconds: float = Field(60, gt=0)
    per: Literal["tenant", "principal", "address"] = "tenant"
