"""The tenant's agents."""

from uuid import UUID

from sqlalchemy import func, select

from chimera_compliance.stack.api import tables
from chimera_compliance.stack.api.errors import not_found
from chimera_compliance.stack.api.models import Agent, Balance, Fleet
from chimera_compliance.stack.api.unit_of_work import UnitOfWork, Work


def status(work: UnitOfWork) -> Fleet:
    """Agents, queues and balances at a glance."""
    waiting = work.db.scalar(select(func.count()).where(tables.Review.decision.is_(None)))
    return Fleet(
        agents=_counted(work, tables.Agent.status),
        queues={"reviews": waiting, **_counted(work, tables.Task.status)},
        balances=[Balance.model_validate(wallet) for wallet in work.db.scalars(select(tables.Wallet).limit(100))],
    )


def agent(work: UnitOfWork, agent_id: UUID) -> Agent:
    """One agent: persona, wallet, performance."""
    if (found := work.db.get(tables.Agent, agent_id)) is None:
        raise not_found("Agent")
    address = work.db.scalar(select(tables.Wallet.address).where(tables.Wallet.agent_id == agent_id))
    return Agent.model_validate(found).model_copy(update={"wallet_address": address})


def _counted(work: Work, column) -> dict[str, int]:
    return dict(work.db.execute(select(column, func.count()).group_by(column)).all())
