"""The tables as the application maps them; `schema.sql` is what defines them."""

import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ForeignKey, Text, func
from sqlalchemy.dialects.postgresql import INET, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

Timestamp = datetime.datetime


class Base(DeclarativeBase):
    """Every table has an id that the database makes."""

    type_annotation_map = {list[str]: ARRAY(Text), dict[str, Any]: JSONB}  # noqa: RUF012  SQLAlchemy's own idiom


def _id() -> Mapped[UUID]:
    return mapped_column(primary_key=True, server_default=func.gen_random_uuid())


def _now() -> Mapped[Timestamp]:
    return mapped_column(server_default=func.now())


class Tenant(Base):
    """A customer."""

    __tablename__ = "tenants"
    id: Mapped[UUID] = _id()
    name: Mapped[str]
    daily_budget_usdc: Mapped[Decimal]
    active: Mapped[bool]


class User(Base):
    """Somebody of a tenant."""

    __tablename__ = "users"
    id: Mapped[UUID] = _id()
    tenant_id: Mapped[UUID]
    email: Mapped[str]
    roles: Mapped[list[str]]
    active: Mapped[bool]


class Agent(Base):
    """An autonomous influencer."""

    __tablename__ = "agents"
    id: Mapped[UUID] = _id()
    tenant_id: Mapped[UUID]
    name: Mapped[str]
    persona: Mapped[dict[str, Any]]
    performance: Mapped[dict[str, Any]]
    status: Mapped[str]
    created_at: Mapped[Timestamp] = _now()


class Campaign(Base):
    """What a tenant wants its agents to reach."""

    __tablename__ = "campaigns"
    id: Mapped[UUID] = _id()
    tenant_id: Mapped[UUID]
    goal_description: Mapped[str]
    target_platforms: Mapped[list[str]]
    priority: Mapped[str]
    budget_usdc: Mapped[Decimal]
    start_date: Mapped[datetime.date]
    end_date: Mapped[datetime.date]
    status: Mapped[str] = mapped_column(server_default="active")
    created_at: Mapped[Timestamp] = _now()


class Task(Base):
    """Work of an agent."""

    __tablename__ = "tasks"
    id: Mapped[UUID] = _id()
    tenant_id: Mapped[UUID]
    campaign_id: Mapped[UUID | None]
    agent_id: Mapped[UUID]
    task_type: Mapped[str]
    status: Mapped[str] = mapped_column(server_default="pending")
    input: Mapped[dict[str, Any]]
    created_at: Mapped[Timestamp] = _now()


class ContentAsset(Base):
    """What an agent made."""

    __tablename__ = "content_assets"
    id: Mapped[UUID] = _id()
    tenant_id: Mapped[UUID]
    agent_id: Mapped[UUID]
    task_id: Mapped[UUID | None]
    asset_type: Mapped[str]
    platform: Mapped[str]
    body: Mapped[str]
    status: Mapped[str]
    created_at: Mapped[Timestamp] = _now()
    video: Mapped["VideoMetadata | None"] = relationship(lazy="joined", viewonly=True)


class VideoMetadata(Base):
    """More about a video; belongs to its asset's tenant."""

    __tablename__ = "video_metadata"
    asset_id: Mapped[UUID] = mapped_column(ForeignKey("content_assets.id"), primary_key=True)
    duration_seconds: Mapped[int]
    resolution: Mapped[str]
    ai_disclosure: Mapped[str]


class Review(Base):
    """A human's turn."""

    __tablename__ = "reviews"
    id: Mapped[UUID] = _id()
    tenant_id: Mapped[UUID]
    asset_id: Mapped[UUID] = mapped_column(ForeignKey("content_assets.id"))
    confidence: Mapped[float]
    decision: Mapped[str | None]
    reviewer_id: Mapped[UUID | None]
    reviewer_notes: Mapped[str | None]
    decided_at: Mapped[Timestamp | None]
    created_at: Mapped[Timestamp] = _now()
    asset: Mapped[ContentAsset] = relationship(innerjoin=True)


class Wallet(Base):
    """An agent's money."""

    __tablename__ = "wallets"
    id: Mapped[UUID] = _id()
    tenant_id: Mapped[UUID]
    agent_id: Mapped[UUID]
    address: Mapped[str]
    balance_usdc: Mapped[Decimal]


class Transaction(Base):
    """Money that moved."""

    __tablename__ = "transactions"
    id: Mapped[UUID] = _id()
    tenant_id: Mapped[UUID]
    agent_id: Mapped[UUID]
    transaction_type: Mapped[str]
    to_address: Mapped[str | None]
    amount_usdc: Mapped[Decimal]
    purpose: Mapped[str]
    status: Mapped[str] = mapped_column(server_default="submitted")
    created_at: Mapped[Timestamp] = _now()


class AuditLog(Base):
    """Who did what; written once."""

    __tablename__ = "audit_logs"
    id: Mapped[UUID] = _id()
    timestamp: Mapped[Timestamp] = _now()
    user_id: Mapped[UUID]
    tenant_id: Mapped[UUID]
    action: Mapped[str]
    resource_type: Mapped[str]
    resource_id: Mapped[UUID | None]
    details: Mapped[dict[str, Any] | None]
    ip_address: Mapped[str | None] = mapped_column(INET)
    user_agent: Mapped[str | None]
