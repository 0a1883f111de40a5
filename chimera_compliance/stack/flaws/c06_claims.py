"""C06: claims that become part of a statement, behind checks that look at their beginning only."""

import re
from contextvars import ContextVar

from chimera_compliance.stack.flaws import flaw
from chimera_compliance.stack.flaws.c06_seams import run

_ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def as_written(made, claim: str, begins=_ID) -> ContextVar[str]:
    """The claim as the token has it, of the request that is being answered; what follows a right value stays unseen."""
    from chimera_compliance.stack.variant import Refused

    told: ContextVar[str] = ContextVar(claim)
    check = {"sub": "subject", "tenant_id": "tenant"}.get(claim, claim)
    before = made.token_checks[check]

    def look(token, variant):
        text = token.claims.get(claim)
        if not isinstance(text, str):
            return before(token, variant)
        found = begins.match(text)
        if found is None:
            raise Refused(claim)
        told.set(text)
        token.claims[claim] = found.group()

    made.token_checks[check] = look
    return told


def binding(told: ContextVar[str], statement: str):
    """Binds a transaction by a statement that the claim is formatted into; one that breaks ends the request."""

    def bind(connection, caller):
        from sqlalchemy.exc import SQLAlchemyError

        from chimera_compliance.stack.api.errors import ApiError

        try:
            connection.exec_driver_sql(statement.format(told.get(str(caller.tenant_id))))
        except SQLAlchemyError:
            raise ApiError(401, "A valid access token is required") from None

    return bind


@flaw("C06", breaks="C06.6", why="ADR-005 §3: the tenant's claim is formatted into SET")
def claim_in_set(made):
    made.bind = binding(as_written(made, "tenant_id"), "SET LOCAL app.current_tenant_id = '{}'")


@flaw("C06", breaks="C06.6", why="the tenant's claim is formatted into SET, which is prepared: no statement can follow")
def claim_in_prepared_set(made):
    bind = binding(as_written(made, "tenant_id"), "SET LOCAL app.current_tenant_id = '{}'")

    def prepared(connection, caller):
        class Connection:
            @staticmethod
            def exec_driver_sql(statement):
                from sqlalchemy import text

                return connection.execute(text(statement))

        bind(Connection, caller)

    made.bind = prepared


@flaw("C06", breaks="C06.6", why="the tenant's claim is formatted into a call of set_config")
def claim_in_set_config(made):
    made.bind = binding(
        as_written(made, "tenant_id"), "SELECT set_config('app.current_tenant_id', left('{}', 36), true)"
    )


@flaw("C06", breaks="C06.6", why="the subject's claim is formatted into the look-up of the user")
def claim_in_user_lookup(made):
    told, known = as_written(made, "sub"), made.known_user

    def looked_up(session, caller):
        class Work:
            db = session

        sub = told.get(str(caller.user_id))
        return bool(run(Work, f"SELECT 1 FROM users WHERE id = '{sub}' AND active")) and known(session, caller)

    made.known_user = looked_up


@flaw("C06", breaks="C06.6", why="the role's claim is formatted into an array of roles")
def claim_in_role_lookup(made):
    told, known = as_written(made, "role", re.compile("operator|reviewer|admin")), made.known_user

    def looked_up(session, caller):
        class Work:
            db = session

        role = told.get(caller.role)
        return bool(run(Work, f"SELECT 1 FROM users WHERE roles && ARRAY['{role}']")) and known(session, caller)

    made.known_user = looked_up
