"""What input is held to, beside what the OpenAPI document says of it."""

from typing import Any

from pydantic import Field

from chimera_compliance.references import Text
from chimera_compliance.target.base import Operation, Settings

ADR_005: dict[str, dict[str, Any]] = {
    "goal_description": {"type": "string", "minLength": 10, "maxLength": 500},
    "budget_usdc": {"type": "number", "exclusiveMinimum": 0, "maximum": 10_000},
    "tenant_id": {"type": "string", "format": "uuid"},
}


class InputRules(Settings):
    """What input is held to."""

    constraints: dict[str, dict[str, Any]] = Field(
        ADR_005, description="JSON Schema by the name of a body's member or a parameter: demanded of document and API."
    )
    error_members: list[Text] = Field(
        [], description="JSON pointers to what every rejection holds; learned from the API's own errors if empty."
    )
    body_bytes: int = Field(10_000_000, ge=1000, description="A JSON body larger than this must be refused.")
    free_form: list[Operation] = Field(
        [], description="Operations whose body is meant to be any JSON, such as webhooks."
    )
