"""Lists come in pages, newest first."""

from typing import Annotated

from fastapi import Query
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

PageNumber = Annotated[int, Query(ge=1, le=10_000)]
PageLength = Annotated[int, Query(ge=1, le=100)]


def paged(db: Session, chosen: Select, page: int, limit: int) -> dict:
    """One page of what is chosen, and how much there is."""
    table = chosen.column_descriptions[0]["entity"]
    rows = db.scalars(chosen.order_by(table.created_at.desc(), table.id).limit(limit).offset((page - 1) * limit))
    total = db.scalar(select(func.count()).select_from(chosen.subquery()))
    return {"items": list(rows), "page": page, "limit": limit, "total": total}


def filtered(chosen: Select, **wanted) -> Select:
    """Only rows whose columns have these values; a filter that is None is none."""
    return chosen.filter_by(**{name: value for name, value in wanted.items() if value is not None})
