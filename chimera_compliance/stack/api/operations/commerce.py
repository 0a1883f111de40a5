"""Agents' money: within the tenant's daily budget, and never more than there is."""

from decimal import Decimal
from typing import Annotated
from uuid import UUID

from fastapi import Query
from sqlalchemy import func, select

from chimera_compliance.stack.api import tables
from chimera_compliance.stack.api.errors import ApiError, not_found
from chimera_compliance.stack.api.models import Balance, Page, Transaction, TransactionCreate
from chimera_compliance.stack.api.operations.paging import PageLength, PageNumber, filtered, paged
from chimera_compliance.stack.api.unit_of_work import UnitOfWork, Work

_ACTIONS = {"native_transfer": "transfer_usdc", "deploy_token": "deploy_token"}


def balance(work: UnitOfWork, agent_id: UUID) -> Balance:
    """What is in an agent's wallet."""
    return Balance.model_validate(_wallet(work, agent_id))


def create(work: UnitOfWork, body: TransactionCreate) -> Transaction:
    """Transfer USDC, or pay for a token's deployment."""
    amount = Decimal(str(body.amount_usdc)).quantize(Decimal("0.000001"))
    wallet = _wallet(work, body.agent_id, lock=True)
    _require_budget(work, amount)
    if wallet.balance_usdc < amount:
        raise ApiError(422, "The wallet does not hold that much", details={"reason": "insufficient_balance"})
    wallet.balance_usdc -= amount
    row = tables.Transaction(**{**body.model_dump(), "amount_usdc": amount}, tenant_id=work.caller.tenant_id)
    work.db.add(row)
    work.db.flush()
    told = {"amount_usdc": str(amount), "agent_id": str(body.agent_id), "to_address": body.to_address}
    work.audit(_ACTIONS[body.transaction_type], "transaction", row.id, **told)
    return Transaction.model_validate(row)


def index(
    work: UnitOfWork,
    agent_id: Annotated[UUID | None, Query()] = None,
    page: PageNumber = 1,
    limit: PageLength = 20,
) -> Page[Transaction]:
    """The tenant's transactions."""
    chosen = filtered(select(tables.Transaction), agent_id=agent_id)
    return Page[Transaction].model_validate(paged(work.db, chosen, page, limit), from_attributes=True)


def _wallet(work: Work, agent_id: UUID, lock: bool = False) -> tables.Wallet:
    chosen = select(tables.Wallet).where(tables.Wallet.agent_id == agent_id)
    if (wallet := work.db.scalar(chosen.with_for_update() if lock else chosen)) is None:
        raise not_found("Wallet")
    return wallet


def _require_budget(work: Work, amount: Decimal) -> None:
    """Count under a lock of the tenant's: its agents have a wallet each and one budget together."""
    work.db.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(str(work.caller.tenant_id), 1))))
    budget = work.db.scalar(select(tables.Tenant.daily_budget_usdc))
    today = tables.Transaction.created_at >= func.date_trunc("day", func.now())
    spent = work.db.scalar(select(func.coalesce(func.sum(tables.Transaction.amount_usdc), 0)).where(today))
    if spent + amount > budget:
        raise ApiError(403, "The daily budget is spent", code="budget_exceeded")
