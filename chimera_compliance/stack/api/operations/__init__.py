"""CHIMERA.md's table of operations."""

from chimera_compliance.stack.api.operations import campaigns, commerce, content, fleet, hitl, service, tasks, trends
from chimera_compliance.stack.variant import Operation

_OPERATOR = frozenset({"operator"})
_REVIEWER = frozenset({"reviewer"})
_ADMIN = frozenset({"admin"})


def table() -> dict[str, Operation]:
    """Every operation, fresh; the order is the router's."""
    return {
        "POST /campaigns": Operation(campaigns.create, _OPERATOR, status=201),
        "GET /campaigns": Operation(campaigns.index),
        "GET /campaigns/{campaign_id}": Operation(campaigns.read),
        "PATCH /campaigns/{campaign_id}": Operation(campaigns.update, _OPERATOR),
        "GET /fleet/status": Operation(fleet.status, _OPERATOR | _ADMIN),
        "GET /agents/{agent_id}": Operation(fleet.agent),
        "GET /hitl/queue": Operation(hitl.queue, _REVIEWER, limit="hitl"),
        "POST /hitl/reviews/{review_id}/decision": Operation(hitl.decide, _REVIEWER, limit="hitl"),
        "GET /tasks": Operation(tasks.index),
        "GET /tasks/{task_id}": Operation(tasks.read),
        "GET /content": Operation(content.index),
        "GET /content/{asset_id}": Operation(content.read),
        "POST /trends/fetch": Operation(trends.fetch, _OPERATOR, status=202),
        "GET /commerce/wallets/{agent_id}/balance": Operation(commerce.balance, _OPERATOR | _ADMIN, limit="commerce"),
        "POST /commerce/transactions": Operation(commerce.create, _OPERATOR, status=201, limit="commerce"),
        "GET /commerce/transactions": Operation(commerce.index, _OPERATOR, limit="commerce"),
        "GET /health": Operation(service.health, public=True),
        "GET /metrics": Operation(service.metrics, _ADMIN),
    }
