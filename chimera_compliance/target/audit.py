"""The audit trail: which operations must leave a row, and what the columns of that row are called."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from chimera_compliance.references import Text
from chimera_compliance.target.base import Operation, Settings

ColumnRole = Literal[
    "id", "time", "user", "tenant", "action", "resource_type", "resource", "details", "address", "agent"
]


class AuditColumns(Settings):
    """The columns of the audit table by what they hold; null for one that the stack does not have."""

    id: Text | None = "id"
    time: Text = "timestamp"
    user: Text = "user_id"
    tenant: Text | None = Field("tenant_id", description="null where each tenant has a table of its own, or none.")
    action: Text = "action"
    resource_type: Text | None = "resource_type"
    resource: Text | None = "resource_id"
    details: Text | None = "details"
    address: Text | None = "ip_address"
    agent: Text | None = "user_agent"

    @property
    def named(self) -> dict[str, str]:
        """Role to column name, without those that the stack does not have."""
        return {role: name for role, name in self.model_dump().items() if name is not None}


class SensitiveCase(Settings):
    """One way to run a sensitive operation, and the action that it must leave in the audit table."""

    action: Text
    resource_type: Text | None = Field(None, description="What the row must call the object; not judged if null.")
    resource: list[Text] = Field(
        [], description="Members of the answer, or path parameters, any of which the row may name as the object."
    )
    body: dict[str, Any] = Field({}, description="Members put over the operation's body; null takes one away.")
    resources: dict[str, Text] = Field(
        {}, description="Path parameters: an id, or the operation that lists objects not used up, as GET /hitl/queue."
    )


def _cases(value: object) -> object:
    """An action alone, or a case alone, is a list of one."""
    if isinstance(value, str):
        return [{"action": value}]
    return [value] if isinstance(value, dict | SensitiveCase) else value


_Written = Text | SensitiveCase | list[SensitiveCase]
Cases = Annotated[list[SensitiveCase], BeforeValidator(_cases, json_schema_input_type=_Written), Field(min_length=1)]
Sensitive = dict[Operation, Cases]


def _decision(action: str, **body: str) -> SensitiveCase:
    """A review is decided once, so that each case needs one that waits."""
    return SensitiveCase(
        action=action,
        resource_type="content",
        resource=["asset_id", "review_id"],
        resources={"review_id": "GET /hitl/queue"},
        body=body,
    )


def _payment(action: str, **body: str | None) -> SensitiveCase:
    return SensitiveCase(action=action, resource_type="transaction", body=body)


CHIMERAS: Sensitive = {
    "POST /campaigns": [SensitiveCase(action="create_campaign", resource_type="campaign")],
    "PATCH /campaigns/{campaign_id}": [SensitiveCase(action="update_campaign", resource_type="campaign")],
    "POST /hitl/reviews/{review_id}/decision": [
        _decision("approve_content", decision="approve"),
        _decision("reject_content", decision="reject"),
        _decision("edit_content", decision="edit", edited_content="A better text"),
    ],
    "POST /commerce/transactions": [
        _payment("transfer_usdc", transaction_type="native_transfer"),
        _payment("deploy_token", transaction_type="deploy_token", to_address=None),
    ],
}


class Audit(Settings):
    """What the trail looks like; its table is `db.audit_table`, its operations are under `sensitive`."""

    columns: AuditColumns = AuditColumns()
    users: dict[str, Text] = Field({}, description="How the trail calls a principal, if not by the token's subject.")
    tenants: dict[str, Text] = Field({}, description="How the trail calls a principal's tenant, if not as the token.")
    refused: Literal["absent", "recorded"] = Field(
        "absent", description="Whether attempts of a known user in a wrong role must be recorded, as refused."
    )
    outbox: Text | None = Field(
        None, description="Table whose row, written with the operation, is delivered to the audit table later."
    )
    delivery_seconds: float = Field(2, gt=0, le=60, description="After an answer, its row is there at the latest.")
    retention_days: int = Field(365, ge=0, description="How long rows are kept.")
    indexes: list[list[ColumnRole]] = Field(
        [["tenant", "time"], ["user", "action"]], description="Queries that an index must serve, by columns."
    )
    interrupt: bool = Field(
        True, description="Whether audit inserts of the suite's own requests may be cancelled, to see what becomes."
    )
    client_address: Text | None = Field(
        None, description="The address under which the stack sees the suite, where something stands in between."
    )
