"""Audit rows otherwise than the reference writes them: what the variants of C07 are made of."""

from collections.abc import Callable
from contextvars import ContextVar

HEADERS: ContextVar[dict[str, str]] = ContextVar("headers")


def recorded(variant, change: Callable, *, insert: Callable | None = None) -> None:
    """The audit seam with each row changed by `change(work, row)`, which returns other rows, or None for this one."""

    def audit(work, action, resource_type, resource_id, details):
        row = row_of(work, action, resource_type, resource_id, details)
        changed = change(work, row)
        for one in [row] if changed is None else changed:
            (insert or inserted)(work, one)

    variant.audit = audit


def row_of(work, action, resource_type, resource_id, details) -> dict:
    """The row as the reference writes it."""
    who = work.caller
    return {
        "user_id": who.user_id,
        "tenant_id": who.tenant_id,
        "action": action,
        "resource_type": resource_type,
        "resource_id": resource_id,
        "details": details,
        "ip_address": who.ip_address,
        "user_agent": who.user_agent,
    }


def inserted(work, row: dict) -> None:
    """In the operation's own transaction."""
    from sqlalchemy import insert

    from chimera_compliance.stack.api.tables import AuditLog

    work.db.execute(insert(AuditLog).inline().values(row))


def elsewhere(work, row: dict, variant) -> None:
    """In a transaction of its own."""
    from sqlalchemy import insert

    from chimera_compliance.stack.api.tables import AuditLog

    with work.db.get_bind().begin() as connection:
        variant.bind(connection, work.caller)
        connection.execute(insert(AuditLog).inline().values(row))


def with_headers(variant) -> Callable[[str], str]:
    """Lets the audit seam read the request's headers: `header("x-forwarded-for")`."""

    def wrap(app):
        async def read(scope, receive, send):
            HEADERS.set({name.decode("latin-1"): value.decode("latin-1") for name, value in scope.get("headers", [])})
            await app(scope, receive, send)

        return read

    variant.wraps.append(wrap)
    return lambda name: HEADERS.get({}).get(name, "")
