"""What agents have made."""

from typing import Annotated
from uuid import UUID

from fastapi import Query
from sqlalchemy import select

from chimera_compliance.stack.api import tables
from chimera_compliance.stack.api.errors import not_found
from chimera_compliance.stack.api.models import AssetType, Content, Page, Platform
from chimera_compliance.stack.api.operations.paging import PageLength, PageNumber, filtered, paged
from chimera_compliance.stack.api.unit_of_work import UnitOfWork


def index(
    work: UnitOfWork,
    agent_id: Annotated[UUID | None, Query()] = None,
    asset_type: Annotated[AssetType | None, Query()] = None,
    platform: Annotated[Platform | None, Query()] = None,
    page: PageNumber = 1,
    limit: PageLength = 20,
) -> Page[Content]:
    """The tenant's content."""
    chosen = filtered(select(tables.ContentAsset), agent_id=agent_id, asset_type=asset_type, platform=platform)
    return Page[Content].model_validate(paged(work.db, chosen, page, limit), from_attributes=True)


def read(work: UnitOfWork, asset_id: UUID) -> Content:
    """One piece of content."""
    if (asset := work.db.get(tables.ContentAsset, asset_id)) is None:
        raise not_found("Content")
    return Content.model_validate(asset)
