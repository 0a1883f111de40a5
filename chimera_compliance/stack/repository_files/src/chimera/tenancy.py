"""Binds a transaction to a tenant; row-level security does the rest."""

from uuid import UUID

from sqlalchemy import Connection, text


def bind(connection: Connection, tenant_id: UUID) -> None:
    """Only for this transaction, and with the tenant as a parameter."""
    statement = text("SELECT set_config('app.current_tenant_id', :tenant, true)")
    connection.execute(statement, {"tenant": str(tenant_id)})
