"""C04: ways in which the API itself reaches over to another tenant, however well the tables are guarded."""

import dataclasses
import functools
from uuid import UUID

from chimera_compliance.stack.flaws import flaw

_OWNER_OF = """
CREATE FUNCTION owner_of(kind regclass, key uuid) RETURNS uuid LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
DECLARE found uuid;
BEGIN EXECUTE format('SELECT tenant_id FROM %s WHERE id = $1', kind) INTO found USING key; RETURN found; END $$
"""


def _bind(work, tenant) -> None:
    """Point the transaction at a tenant of somebody else's choice."""
    from sqlalchemy import text

    work.db.execute(text("SELECT set_config('app.current_tenant_id', :tenant, true)"), {"tenant": str(tenant)})


def _act_for(work, tenant) -> None:
    """Work as one of that tenant's users, in everything that follows."""
    from sqlalchemy import text

    _bind(work, tenant)
    user = work.db.scalar(text("SELECT id FROM users WHERE active"))
    work.caller = dataclasses.replace(work.caller, tenant_id=tenant, user_id=user)


def _owner_of(work, table: str, key):
    from sqlalchemy import text

    return work.db.scalar(text("SELECT owner_of(:kind, :key)"), {"kind": table, "key": key}) or work.caller.tenant_id


def _reaching(variant, operation: str, table: str, parameter: str) -> None:
    """Let an operation work in the tenant of the object that was asked for, rather than in the caller's."""
    handler = variant.operations[operation].handler
    variant.sql.append(_OWNER_OF)

    @functools.wraps(handler)
    def reach(work, **given):
        if key := given.get(parameter):
            _act_for(work, _owner_of(work, table, key))
        return handler(work, **given)

    variant.operations[operation].handler = reach


def _in_every_tenant(work, handler, given):
    """The handler's answer in the caller's tenant, and then in the other."""
    from chimera_compliance.stack.flaws import ALICE

    own = handler(work, **given)
    other = str(ALICE.tenant_id).replace("a", "b", 1) if work.caller.tenant_id == ALICE.tenant_id else ALICE.tenant_id
    work.db.expunge_all()
    _bind(work, other)
    return own, handler(work, **given)


@flaw("C04", why="an object is read in the tenant it belongs to, not in the caller's")
def any_campaign_is_read(variant):
    _reaching(variant, "GET /campaigns/{campaign_id}", "campaigns", "campaign_id")


@flaw("C04", why="a filter by agent reaches the agent's tenant")
def filter_reaches_other_tenant(variant):
    _reaching(variant, "GET /content", "agents", "agent_id")


@flaw("C04", why="an object is changed in the tenant it belongs to, not in the caller's")
def any_campaign_is_changed(variant):
    _reaching(variant, "PATCH /campaigns/{campaign_id}", "campaigns", "campaign_id")


@flaw("C04", why="a review of any tenant can be decided")
def any_review_is_decided(variant):
    _reaching(variant, "POST /hitl/reviews/{review_id}/decision", "reviews", "review_id")


@flaw("C04", why="an id in the body is trusted: money leaves another tenant's wallet")
def any_wallet_pays(variant):
    handler = variant.operations["POST /commerce/transactions"].handler
    variant.sql.append(_OWNER_OF)

    @functools.wraps(handler)
    def pay(work, **given):
        _act_for(work, _owner_of(work, "agents", given["body"].agent_id))
        return handler(work, **given)

    variant.operations["POST /commerce/transactions"].handler = pay


@flaw("C04", why="the change is made first and the caller refused afterwards")
def refused_after_the_change(variant):
    from chimera_compliance.stack.api.errors import not_found

    _reaching(variant, "PATCH /campaigns/{campaign_id}", "campaigns", "campaign_id")
    handler = variant.operations["PATCH /campaigns/{campaign_id}"].handler

    @functools.wraps(handler)
    def change(work, **given):
        caller = work.caller
        campaign = handler(work, **given)
        if work.caller.tenant_id != caller.tenant_id:
            work.db.commit()
            raise not_found("Campaign")
        return campaign

    variant.operations["PATCH /campaigns/{campaign_id}"].handler = change


@flaw("C04", why="the refusal quotes what it refuses to show")
def refusal_quotes_the_object(variant):
    from chimera_compliance.stack.api.errors import ApiError

    _reaching(variant, "GET /campaigns/{campaign_id}", "campaigns", "campaign_id")
    handler = variant.operations["GET /campaigns/{campaign_id}"].handler

    @functools.wraps(handler)
    def read(work, **given):
        caller = work.caller
        campaign = handler(work, **given)
        if work.caller.tenant_id != caller.tenant_id:
            raise ApiError(403, f"{campaign.goal_description!r} is not yours")
        return campaign

    variant.operations["GET /campaigns/{campaign_id}"].handler = read


@flaw("C04", why="an operation that deletes does not ask whose object it is")
def any_campaign_is_deleted(variant):
    from sqlalchemy import delete

    from chimera_compliance.stack.api import tables
    from chimera_compliance.stack.api.errors import not_found
    from chimera_compliance.stack.api.unit_of_work import UnitOfWork
    from chimera_compliance.stack.variant import Operation

    def remove(work: UnitOfWork, campaign_id: UUID):
        if work.db.execute(delete(tables.Campaign).where(tables.Campaign.id == campaign_id)).rowcount == 0:
            raise not_found("Campaign")

    operation = "DELETE /campaigns/{campaign_id}"
    variant.sql.append("GRANT DELETE ON campaigns TO {app}")
    variant.operations[operation] = Operation(remove, frozenset({"operator"}), status=204)
    _reaching(variant, operation, "campaigns", "campaign_id")


@flaw("C04", why="a list gathers the rows of all tenants")
def list_of_all_tenants(variant):
    handler = variant.operations["GET /campaigns"].handler

    @functools.wraps(handler)
    def gather(work, **given):
        own, other = _in_every_tenant(work, handler, given)
        return own.model_copy(update={"items": own.items + other.items, "total": own.total + other.total})

    variant.operations["GET /campaigns"].handler = gather


@flaw("C04", why="the rows are the tenant's, their number is everybody's")
def count_of_all_tenants(variant):
    handler = variant.operations["GET /tasks"].handler

    @functools.wraps(handler)
    def count(work, **given):
        own, other = _in_every_tenant(work, handler, given)
        return own.model_copy(update={"total": own.total + other.total})

    variant.operations["GET /tasks"].handler = count


def _tenant_by(variant, operation: str, named) -> None:
    """Let a part of the request name the tenant, once the token has been verified."""
    from chimera_compliance.stack.api.guard import admit

    async def trusting(request, row, variant):
        caller = await admit(request, row, variant)
        try:
            return dataclasses.replace(caller, tenant_id=UUID(named(request) or str(caller.tenant_id)))
        except ValueError:
            return caller

    variant.operations[operation].admit = trusting


@flaw("C04", why="a header names the tenant")
def tenant_from_header(variant):
    _tenant_by(variant, "GET /campaigns", lambda request: request.headers.get("x-tenant-id"))


@flaw("C04", why="a query parameter that the document does not tell names the tenant")
def tenant_from_query(variant):
    _tenant_by(variant, "GET /agents/{agent_id}", lambda request: request.query_params.get("tenant_id"))


@flaw("C04", why="the tenant of a new object is whatever the body says")
def tenant_from_body(variant):
    handler = variant.operations["POST /campaigns"].handler

    @functools.wraps(handler)
    def create(work, **given):
        _act_for(work, given["body"].tenant_id)
        return handler(work, **given)

    variant.operations["POST /campaigns"].handler = create


def _reading(variant):
    """Whether the request at hand is a GET: what is written stays right, so that no other control has to complain."""
    from contextvars import ContextVar

    reading = ContextVar("reading", default=False)

    def noting(app):
        async def noted(scope, receive, send):
            reading.set(scope.get("method") == "GET")
            await app(scope, receive, send)

        return noted

    variant.wraps.append(noting)
    variant.known_user = lambda session, caller: True
    return reading.get


@flaw("C04", why="reads take the tenant from where all requests share it", blinds=True)
def tenant_in_a_global(variant):
    import time

    right, current, reading = variant.bind, {}, _reading(variant)

    def bind(connection, caller):
        current["caller"] = caller
        time.sleep(0.002)
        right(connection, current["caller"] if reading() else caller)

    variant.bind = bind


@flaw("C04", why="for reads, a pooled connection keeps the tenant of whoever used it before", blinds=True)
def tenant_outlives_the_transaction(variant):
    from sqlalchemy import text

    reading = _reading(variant)

    def bind(connection, caller):
        statement = "SELECT set_config('app.current_tenant_id', :tenant, false)"
        bound = connection.scalar(text("SELECT current_setting('app.current_tenant_id', true)"))
        if not (bound and reading()):
            connection.execute(text(statement), {"tenant": str(caller.tenant_id)})

    variant.bind = bind
