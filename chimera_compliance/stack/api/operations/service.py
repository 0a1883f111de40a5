"""The service itself."""

from fastapi import Request
from fastapi.responses import PlainTextResponse
from sqlalchemy import func, select

from chimera_compliance.stack.api import tables
from chimera_compliance.stack.api.models import Health
from chimera_compliance.stack.api.unit_of_work import UnitOfWork


def health(request: Request) -> Health:
    """Whether it works, and nothing about how."""
    request.app.state.database.ping()
    return Health(status="ok")


def metrics(work: UnitOfWork) -> PlainTextResponse:
    """The tenant's numbers, for Prometheus."""
    counted = {
        "chimera_campaigns": tables.Campaign,
        "chimera_tasks": tables.Task,
        "chimera_content_assets": tables.ContentAsset,
        "chimera_transactions": tables.Transaction,
    }
    lines = [
        f"# TYPE {name} gauge\n{name} {work.db.scalar(select(func.count()).select_from(table))}"
        for name, table in counted.items()
    ]
    return PlainTextResponse("\n".join(lines) + "\n")
