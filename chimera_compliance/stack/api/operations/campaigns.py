"""Campaigns: ten active ones a tenant at most."""

from typing import Annotated
from uuid import UUID

from fastapi import Query
from sqlalchemy import func, select

from chimera_compliance.stack.api import tables
from chimera_compliance.stack.api.errors import ApiError, not_found
from chimera_compliance.stack.api.models import Campaign, CampaignCreate, CampaignStatus, CampaignUpdate, Page
from chimera_compliance.stack.api.operations.paging import PageLength, PageNumber, filtered, paged
from chimera_compliance.stack.api.unit_of_work import UnitOfWork, Work


def create(work: UnitOfWork, body: CampaignCreate) -> Campaign:
    """Start a campaign."""
    if body.tenant_id != work.caller.tenant_id:
        raise ApiError(403, "A campaign belongs to your own tenant")
    _require_quota(work)
    campaign = tables.Campaign(**body.model_dump())
    work.db.add(campaign)
    work.db.flush()
    chosen = body.model_dump(mode="json", include={"budget_usdc", "target_platforms", "priority"})
    work.audit("create_campaign", "campaign", campaign.id, **chosen)
    return _shown(campaign)


def index(
    work: UnitOfWork,
    status: Annotated[CampaignStatus | None, Query()] = None,
    page: PageNumber = 1,
    limit: PageLength = 20,
) -> Page[Campaign]:
    """The tenant's campaigns."""
    return Page[Campaign].model_validate(
        paged(work.db, filtered(select(tables.Campaign), status=status), page, limit), from_attributes=True
    )


def read(work: UnitOfWork, campaign_id: UUID) -> Campaign:
    """One campaign."""
    return _shown(_found(work, campaign_id))


def update(work: UnitOfWork, campaign_id: UUID, body: CampaignUpdate) -> Campaign:
    """Pause, resume or pay a campaign differently."""
    campaign = _found(work, campaign_id)
    if body.status == "active" and campaign.status != "active":
        _require_quota(work)
    changes = body.model_dump(exclude_none=True)
    for name, value in changes.items():
        setattr(campaign, name, value)
    work.audit("update_campaign", "campaign", campaign.id, **changes)
    return _shown(campaign)


def _found(work: Work, campaign_id: UUID) -> tables.Campaign:
    if (campaign := work.db.get(tables.Campaign, campaign_id)) is None:
        raise not_found("Campaign")
    return campaign


def _require_quota(work: Work) -> None:
    """Count under a lock of the tenant's, so that ten requests at once do not all see nine."""
    work.db.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(str(work.caller.tenant_id), 0))))
    active = work.db.scalar(select(func.count()).where(tables.Campaign.status == "active"))
    if active >= work.settings.active_campaigns:
        raise ApiError(403, "Too many active campaigns", code="quota_exceeded")


def _shown(campaign: tables.Campaign) -> Campaign:
    return Campaign.model_validate(campaign)
