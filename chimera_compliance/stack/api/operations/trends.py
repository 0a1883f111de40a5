"""Trends are fetched by an agent, so what a caller gets is the task that does it."""

from sqlalchemy import select

from chimera_compliance.stack.api import tables
from chimera_compliance.stack.api.errors import not_found
from chimera_compliance.stack.api.models import Task, TrendsFetch
from chimera_compliance.stack.api.unit_of_work import UnitOfWork


def fetch(work: UnitOfWork, body: TrendsFetch) -> Task:
    """Have an agent fetch trends."""
    if work.db.scalar(select(tables.Agent.id).where(tables.Agent.id == body.agent_id)) is None:
        raise not_found("Agent")
    wanted = body.model_dump(include={"source_type", "topic", "limit"})
    task = tables.Task(tenant_id=work.caller.tenant_id, agent_id=body.agent_id, task_type="fetch_trends", input=wanted)
    work.db.add(task)
    work.db.flush()
    return Task.model_validate(task)
