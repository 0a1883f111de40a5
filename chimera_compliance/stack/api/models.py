"""What the API accepts and what it answers; anything else is refused (ADR-005 §4)."""

import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, model_validator

Item = TypeVar("Item")
Platform = Literal["twitter", "instagram", "threads"]
TaskStatus = Literal["pending", "running", "review", "completed", "failed"]
AssetType = Literal["video", "image", "text"]
CampaignStatus = Literal["active", "paused", "completed"]
Money = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Address = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$", examples=["0x" + "0d" * 20])]
Usdc = Annotated[Any, PlainSerializer(float, return_type=float), Field(json_schema_extra={"type": "number"})]


def _printable(text: str) -> str:
    if any(ord(character) < 32 and character not in "\n\t" for character in text):
        raise ValueError("control characters are not allowed")
    return text


Prose = Annotated[str, AfterValidator(_printable)]


def _optional(schema: dict[str, Any]) -> None:
    """May be left out, but is not null: the document must not promise otherwise."""
    schema.pop("default", None)


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class _Output(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class CampaignCreate(_Input):
    """A new campaign of the caller's own tenant."""

    goal_description: Prose = Field(min_length=10, max_length=500, examples=["Reach ten thousand readers"])
    target_platforms: list[Platform] = Field(min_length=1, max_length=3, examples=[["twitter"]])
    priority: Literal["high", "medium", "low"] = "medium"
    budget_usdc: Money = Field(ge=0.01, le=10_000, examples=[100.0])
    start_date: datetime.date = Field(examples=["2030-01-01"])
    end_date: datetime.date = Field(examples=["2030-02-01"])
    tenant_id: UUID

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> "CampaignCreate":
        if self.end_date < self.start_date:
            raise ValueError("end_date lies before start_date")
        return self


class CampaignUpdate(_Input):
    """What may change: at least one of the two."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})
    status: Literal["active", "paused"] = Field(None, examples=["active"], json_schema_extra=_optional)
    budget_usdc: Money = Field(None, ge=0.01, le=10_000, examples=[100.0], json_schema_extra=_optional)

    @model_validator(mode="after")
    def _changes_something(self) -> "CampaignUpdate":
        if self.status is None and self.budget_usdc is None:
            raise ValueError("nothing to change")
        return self


class Decision(_Input):
    """A reviewer's verdict; an edit brings the new text."""

    decision: Literal["approve", "reject", "edit"] = Field(examples=["approve"])
    edited_content: Prose = Field(None, min_length=1, max_length=5000, json_schema_extra=_optional)
    reviewer_notes: Prose = Field(None, max_length=1000, json_schema_extra=_optional)

    @model_validator(mode="after")
    def _edit_has_content(self) -> "Decision":
        if (self.decision == "edit") != (self.edited_content is not None):
            raise ValueError("edited_content belongs to an edit, and an edit needs it")
        return self


class TrendsFetch(_Input):
    """Asks an agent to look at what is going on."""

    source_type: Literal["news", "social", "market"]
    topic: Prose = Field(min_length=1, max_length=200, examples=["electric bicycles"])
    limit: int = Field(10, ge=1, le=100, strict=True)
    agent_id: UUID


class TransactionCreate(_Input):
    """Moves an agent's money."""

    agent_id: UUID
    transaction_type: Literal["native_transfer", "deploy_token"] = Field(examples=["native_transfer"])
    to_address: Address = Field(None, json_schema_extra=_optional)
    amount_usdc: Money = Field(ge=0.000001, le=1_000_000_000, examples=[1.0])
    purpose: Prose = Field(min_length=1, max_length=500, examples=["Image generation"])

    @model_validator(mode="after")
    def _transfer_has_a_recipient(self) -> "TransactionCreate":
        if self.transaction_type == "native_transfer" and self.to_address is None:
            raise ValueError("a transfer needs to_address")
        return self


class Campaign(_Output):
    """A campaign."""

    id: UUID
    tenant_id: UUID
    goal_description: str
    target_platforms: list[Platform]
    priority: str
    budget_usdc: Usdc
    start_date: datetime.date
    end_date: datetime.date
    status: CampaignStatus
    created_at: datetime.datetime


class Agent(_Output):
    """An agent with its persona, wallet and performance."""

    id: UUID
    name: str
    status: str
    persona: dict[str, Any]
    performance: dict[str, Any]
    wallet_address: str | None = None


class Task(_Output):
    """A task."""

    id: UUID
    campaign_id: UUID | None
    agent_id: UUID
    task_type: str
    status: TaskStatus
    created_at: datetime.datetime


class Video(_Output):
    """More about a video."""

    duration_seconds: int
    resolution: str
    ai_disclosure: str


class Content(_Output):
    """A piece of content."""

    id: UUID
    agent_id: UUID
    task_id: UUID | None
    asset_type: AssetType
    platform: Platform
    body: str
    status: str
    video: Video | None
    created_at: datetime.datetime


class Review(_Output):
    """A review, and what there is to review."""

    id: UUID
    asset_id: UUID
    confidence: float
    decision: str | None
    decided_at: datetime.datetime | None
    created_at: datetime.datetime
    asset: Content


class Balance(_Output):
    """What is in an agent's wallet."""

    agent_id: UUID
    address: str
    balance_usdc: Usdc


class Transaction(_Output):
    """A transaction."""

    id: UUID
    agent_id: UUID
    transaction_type: str
    to_address: str | None
    amount_usdc: Usdc
    purpose: str
    status: str
    created_at: datetime.datetime


class Fleet(_Output):
    """The tenant's agents, queues and balances at a glance."""

    agents: dict[str, int]
    queues: dict[str, int]
    balances: list[Balance]


class Health(_Output):
    """Nothing but whether it works."""

    status: Literal["ok"]


class Page(_Output, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    page: int
    limit: int
    total: int
