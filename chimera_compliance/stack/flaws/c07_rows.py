"""C07: rows that are missing, doubled or untrue."""

from uuid import UUID

from chimera_compliance.stack.flaws import ALICE, flaw
from chimera_compliance.stack.flaws.audit_rows import recorded, with_headers


def _unrecorded(variant, *actions):
    recorded(variant, lambda work, row: [] if row["action"] in actions else None)


def _saying(variant, **values):
    """Each row with other values; one that is callable is given the work and the row."""

    def change(work, row):
        row.update({name: value(work, row) if callable(value) else value for name, value in values.items()})

    recorded(variant, change)


@flaw("C07", breaks="C07.2", why="new campaigns are not recorded")
def creation_unrecorded(variant):
    _unrecorded(variant, "create_campaign")


@flaw("C07", breaks="C07.2", why="changes of campaigns are not recorded")
def update_unrecorded(variant):
    _unrecorded(variant, "update_campaign")


@flaw("C07", breaks="C07.2", why="of the decisions on content only approvals are recorded")
def rejection_unrecorded(variant):
    _unrecorded(variant, "reject_content", "edit_content")


@flaw("C07", breaks="C07.2", why="transfers below a dollar are not worth a row")
def small_transfer_unrecorded(variant):
    def change(work, row):
        small = row["action"] == "transfer_usdc" and float(row["details"]["amount_usdc"]) < 1
        return [] if small else None

    recorded(variant, change)


@flaw("C07", breaks="C07.2", why="deployments of tokens are not recorded")
def deployment_unrecorded(variant):
    _unrecorded(variant, "deploy_token")


@flaw("C07", breaks="C07.2", why="both the handler and a decorator write the row")
def recorded_twice(variant):
    recorded(variant, lambda work, row: [row, row])


@flaw("C07", breaks="C07.3", why="an edit is recorded as an approval")
def edit_recorded_as_approval(variant):
    _saying(variant, action=lambda work, row: row["action"].replace("edit", "approve"))


@flaw("C07", breaks="C07.3", why="the decorator has one action for all transactions")
def deployment_recorded_as_transfer(variant):
    _saying(variant, action=lambda work, row: row["action"].replace("deploy_token", "transfer_usdc"))


@flaw("C07", breaks="C07.4", why="the row names who did it in place of what it was done to")
def object_is_the_user(variant):
    _saying(variant, resource_id=lambda work, row: work.caller.user_id)


@flaw("C07", breaks="C07.4", why="the id of a new object is not known when the row is written")
def object_of_creations_missing(variant):
    _saying(variant, resource_id=lambda work, row: None if row["action"] == "create_campaign" else row["resource_id"])


@flaw("C07", breaks="C07.5", why="everything is a resource")
def kind_is_resource(variant):
    _saying(variant, resource_type="resource")


@flaw("C07", breaks="C07.6", why="the row names the service account that the application runs as")
def user_is_the_service(variant):
    _saying(variant, user_id="00000000-0000-4000-8000-000000000000")


@flaw("C07", breaks="C07.6", why="the user that a worker process served first is recorded for good")
def user_is_cached(variant):
    first = []

    def user(work, row):
        first.append(work.caller.user_id)
        return first[0]

    _saying(variant, user_id=user)


@flaw("C07", breaks="C07.7", why="all rows are written for the tenant that pays for the log")
def tenant_is_fixed(variant):
    def insert(work, row):
        from dataclasses import replace

        from chimera_compliance.stack.flaws.audit_rows import inserted

        work.db.flush()
        connection = work.db.connection()
        variant.bind(connection, replace(work.caller, tenant_id=ALICE.tenant_id))
        inserted(work, row)
        variant.bind(connection, work.caller)

    recorded(variant, lambda work, row: row.update(tenant_id=ALICE.tenant_id), insert=insert)


@flaw("C07", breaks="C07.8", why="the row names the address that the server listens on")
def address_is_the_servers(variant):
    _saying(variant, ip_address="0.0.0.0")  # nosec B104  # nothing listens there


@flaw("C07", breaks="C07.8", why="the address is not recorded")
def address_missing(variant):
    _saying(variant, ip_address=None)


@flaw("C07", breaks="C07.9", why="the first entry of X-Forwarded-For is recorded, whoever has written it")
def address_is_claimed(variant):
    header = with_headers(variant)
    _saying(
        variant,
        ip_address=lambda work, row: header("x-forwarded-for").partition(",")[0].strip() or row["ip_address"],
    )


@flaw("C07", breaks="C07.9", why="X-Real-IP is recorded, whoever has written it")
def real_ip_is_believed(variant):
    header = with_headers(variant)
    _saying(variant, ip_address=lambda work, row: header("x-real-ip") or row["ip_address"])


@flaw("C07", breaks="C07.10", why="the row names the user of a header that a gateway once set")
def user_from_header(variant):
    header = with_headers(variant)
    _saying(variant, user_id=lambda work, row: header("x-user-id") or row["user_id"])


@flaw("C07", breaks="C07.11", why="the program is not recorded")
def agent_missing(variant):
    _saying(variant, user_agent=None)


@flaw("C07", breaks="C07.11", why="the row names the application's own HTTP client")
def agent_is_our_own(variant):
    _saying(variant, user_agent="chimera-api/1.0")


@flaw("C07", breaks="C07.12", why="the time of the row is the request's Date")
def time_from_client(variant):
    from datetime import UTC, datetime
    from email.utils import parsedate_to_datetime

    header = with_headers(variant)
    variant.sql.append("GRANT INSERT (timestamp) ON audit_logs TO {app}")
    _saying(
        variant,
        timestamp=lambda work, row: parsedate_to_datetime(header("date")) if header("date") else datetime.now(UTC),
    )


@flaw("C07", breaks="C07.12", why="local time is stored as if it were UTC")
def time_is_local(variant):
    from datetime import UTC, datetime, timedelta

    variant.sql.append("GRANT INSERT (timestamp) ON audit_logs TO {app}")
    _saying(variant, timestamp=lambda work, row: datetime.now(UTC) + timedelta(hours=2))


@flaw("C07", breaks="C07.13", why="rows are written when the token is proved, before the role is looked at")
def refused_recorded_as_done(variant):
    _recorded_on_admission(variant, before_role=True)


@flaw("C07", breaks="C07.13", why="rows are written before the operation, and stay when there is nothing to do it to")
def recorded_before_done(variant):
    _recorded_on_admission(variant, before_role=False)


_ACTIONS = {
    "POST /campaigns": ("create_campaign", "campaign"),
    "PATCH /campaigns/{campaign_id}": ("update_campaign", "campaign"),
}


def _recorded_on_admission(variant, *, before_role):
    """A row more for each attempt on a campaign; those of what was done are left out."""
    _unrecorded(variant, *(action for action, _ in _ACTIONS.values()))
    for name, (action, kind) in _ACTIONS.items():
        variant.operations[name].admit = _recording(action, kind, before_role)


def _recording(action, kind, before_role):
    async def admit(request, operation, variant):
        from dataclasses import replace

        from chimera_compliance.stack.api import guard

        known = guard.identify(request, variant)
        caller = replace(known, ip_address=request.client.host, user_agent=request.headers.get("user-agent"))
        admitted = None if before_role else await guard.admit(request, operation, variant)
        with request.app.state.database.transaction(caller) as session:
            from chimera_compliance.stack.api.unit_of_work import Work
            from chimera_compliance.stack.flaws.audit_rows import inserted, row_of

            work, named = Work(session, caller, variant), request.path_params.get("campaign_id")
            if named is None or _is_uuid(named):
                inserted(work, row_of(work, action, kind, named, {}))
        return admitted or await guard.admit(request, operation, variant)

    return admit


def _is_uuid(text):
    try:
        return bool(UUID(text))
    except ValueError:
        return False


@flaw("C07", breaks="C07.14", why="refused attempts are declared as recorded, and are not")
def refused_unrecorded(variant):
    variant.target.append(lambda document: document["audit"].update(refused="recorded"))
