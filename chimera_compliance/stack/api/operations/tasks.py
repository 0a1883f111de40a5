"""What agents are busy with."""

from typing import Annotated
from uuid import UUID

from fastapi import Query
from sqlalchemy import select

from chimera_compliance.stack.api import tables
from chimera_compliance.stack.api.errors import not_found
from chimera_compliance.stack.api.models import Page, Task, TaskStatus
from chimera_compliance.stack.api.operations.paging import PageLength, PageNumber, filtered, paged
from chimera_compliance.stack.api.unit_of_work import UnitOfWork


def index(
    work: UnitOfWork,
    campaign_id: Annotated[UUID | None, Query()] = None,
    agent_id: Annotated[UUID | None, Query()] = None,
    status: Annotated[TaskStatus | None, Query()] = None,
    page: PageNumber = 1,
    limit: PageLength = 20,
) -> Page[Task]:
    """The tenant's tasks."""
    chosen = filtered(select(tables.Task), campaign_id=campaign_id, agent_id=agent_id, status=status)
    return Page[Task].model_validate(paged(work.db, chosen, page, limit), from_attributes=True)


def read(work: UnitOfWork, task_id: UUID) -> Task:
    """One task."""
    if (task := work.db.get(tables.Task, task_id)) is None:
        raise not_found("Task")
    return Task.model_validate(task)
