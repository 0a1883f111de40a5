"""Human in the loop: nothing is published that nobody has looked at."""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from chimera_compliance.stack.api import tables
from chimera_compliance.stack.api.errors import ApiError, not_found
from chimera_compliance.stack.api.models import Decision, Page, Review
from chimera_compliance.stack.api.operations.paging import PageLength, PageNumber, paged
from chimera_compliance.stack.api.unit_of_work import UnitOfWork

_STATUS = {"approve": "approved", "reject": "rejected", "edit": "edited"}


def queue(work: UnitOfWork, page: PageNumber = 1, limit: PageLength = 20) -> Page[Review]:
    """What waits for a decision."""
    waiting = select(tables.Review).where(tables.Review.decision.is_(None)).options(joinedload(tables.Review.asset))
    return Page[Review].model_validate(paged(work.db, waiting, page, limit), from_attributes=True)


def decide(work: UnitOfWork, review_id: UUID, body: Decision) -> Review:
    """Approve, reject or edit; once."""
    review = work.db.scalar(select(tables.Review).where(tables.Review.id == review_id).with_for_update())
    if review is None:
        raise not_found("Review")
    if review.decision is not None:
        raise ApiError(409, "This has been reviewed already")
    review.decision, review.reviewer_notes = body.decision, body.reviewer_notes
    review.reviewer_id, review.decided_at = work.caller.user_id, func.now()
    review.asset.status = _STATUS[body.decision]
    if body.edited_content is not None:
        review.asset.body = body.edited_content
    work.db.flush()
    work.audit(f"{body.decision}_content", "content", review.asset_id, review_id=str(review.id))
    return Review.model_validate(review)
