"""Campaigns over HTTP: what comes in is a model before anything is done with it."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from chimera.identity import Caller, current_caller
from chimera.store import Store, current_store

router = APIRouter(prefix="/campaigns")
CurrentCaller = Annotated[Caller, Depends(current_caller)]
CurrentStore = Annotated[Store, Depends(current_store)]


class CampaignCreate(BaseModel):
    """ADR-005 §4."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)
    goal_description: str = Field(min_length=10, max_length=500)
    budget_usdc: float = Field(gt=0, le=10_000, allow_inf_nan=False)
    tenant_id: UUID


class CampaignUpdate(BaseModel):
    """What may change."""

    model_config = ConfigDict(extra="forbid")
    status: Literal["active", "paused"] | None = None


@router.post("", status_code=201)
async def create(body: CampaignCreate, caller: CurrentCaller, store: CurrentStore) -> dict[str, str]:
    """Start a campaign of the caller's own tenant."""
    return {"id": str(await store.create_campaign(caller.tenant_id, body))}


@router.patch("/{campaign_id}")
async def update(campaign_id: UUID, body: CampaignUpdate, caller: CurrentCaller, store: CurrentStore) -> dict[str, str]:
    """Pause or resume."""
    return {"id": str(await store.update_campaign(caller.tenant_id, campaign_id, body))}
