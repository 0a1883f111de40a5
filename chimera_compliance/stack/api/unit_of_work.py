"""One transaction a request: bound to the caller's tenant as it begins, and holding the audit row as well.

The tenant is set with set_config(…, is_local => true) and a bound parameter: nothing of a claim becomes SQL, and
a pooled connection forgets it with the transaction.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request
from sqlalchemy import Connection, Text, any_, bindparam, create_engine, event, insert, select, text
from sqlalchemy.orm import Session, sessionmaker

from chimera_compliance.stack.api.tables import AuditLog, Tenant, User
from chimera_compliance.stack.variant import Caller, Settings, Variant

_OPTIONS = "-c statement_timeout=10000 -c lock_timeout=5000 -c idle_in_transaction_session_timeout=15000"


_BIND = text("SELECT set_config('app.current_tenant_id', :tenant, true)")
_KNOWN = (
    select(bindparam("role", type_=Text) == any_(User.roles))
    .join(Tenant, Tenant.id == User.tenant_id)
    .where(User.id == bindparam("user"), User.tenant_id == bindparam("tenant"), User.active, Tenant.active)
)


class Database:
    """The application's connections to PostgreSQL, as its own login role."""

    def __init__(self, dsn: str, password: Callable[[], str], variant: Variant):
        defaults = {"pool_size": 8, "max_overflow": 8, "pool_timeout": 5, "connect_args": {"options": _OPTIONS}}
        url = dsn.replace("postgresql://", "postgresql+psycopg://", 1)
        self._engine = create_engine(url, hide_parameters=True, **{**defaults, **variant.engine})
        self._sessions = sessionmaker(self._engine, expire_on_commit=False)
        self._variant = variant
        event.listen(self._sessions, "after_begin", self._bind)
        event.listen(self._engine, "do_connect", lambda *args: args[-1].update(password=password()))

    @contextmanager
    def transaction(self, caller: Caller) -> Iterator[Session]:
        """Committed when the block ends well; the connection is only taken with the first statement."""
        with self._sessions(info={"caller": caller}) as session, session.begin():
            yield session

    def _bind(self, session: Session, _, connection: Connection) -> None:
        self._variant.bind(connection, session.info["caller"])

    def knows(self, caller: Caller) -> bool:
        """Whether the token's user still exists, is active and holds the role."""
        with self.transaction(caller) as session:
            return self._variant.known_user(session, caller)

    def ping(self) -> None:
        """Raises `OperationalError` when the database is away."""
        with self._engine.connect() as connection:
            connection.execute(text("SELECT 1"))


def bind(connection: Connection, caller: Caller) -> None:
    """Bind the transaction to the caller's tenant; row-level security does the rest."""
    connection.execute(_BIND, {"tenant": str(caller.tenant_id)})


def known_user(session: Session, caller: Caller) -> bool:
    """An active user of an active tenant who was granted the role."""
    who = {"role": caller.role, "user": caller.user_id, "tenant": caller.tenant_id}
    return bool(session.scalar(_KNOWN, who))


class Work:
    """What a handler works with."""

    def __init__(self, db: Session, caller: Caller, variant: Variant):
        self.db, self.caller, self._variant = db, caller, variant

    @property
    def settings(self) -> Settings:
        """The deployment's numbers."""
        return self._variant.settings

    def audit(self, action: str, resource_type: str, resource_id: UUID, **details: Any) -> None:
        """Record a sensitive operation. Details are ids, amounts and choices: never free text, never a credential."""
        self._variant.audit(self, action, resource_type, resource_id, details)


def audit(work: Work, action: str, resource_type: str, resource_id: UUID, details: dict[str, Any]) -> None:
    """Write the row in the operation's own transaction: both are committed or neither."""
    who = work.caller
    row = {
        "user_id": who.user_id,
        "tenant_id": who.tenant_id,
        "action": action,
        "resource_type": resource_type,
        "resource_id": resource_id,
        "details": details,
        "ip_address": who.ip_address,
        "user_agent": who.user_agent,
    }
    work.db.execute(insert(AuditLog).inline().values(row))


def _unit_of_work(request: Request) -> Iterator[Work]:
    caller = request.state.caller
    with request.app.state.database.transaction(caller) as session:
        yield Work(session, caller, request.app.state.variant)


# "function": the transaction ends before the answer is sent, so that 201 means committed.
UnitOfWork = Annotated[Work, Depends(_unit_of_work, scope="function")]
