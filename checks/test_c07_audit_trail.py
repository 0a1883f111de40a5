"""C07  Every sensitive operation leaves one true row in an audit trail that nobody can edit."""

import ipaddress

import pytest

from chimera_compliance import Inconclusive, Problem, control, reject
from chimera_compliance.outcomes import NotReviewed
from chimera_compliance.probes.audit.disguises import CLAIMED_ADDRESS, FORGED
from chimera_compliance.probes.audit.interrupted import require_seen
from chimera_compliance.probes.audit.interruption import Interrupter
from chimera_compliance.probes.audit.isolation import shown_by_api
from chimera_compliance.probes.audit.leaks import leaks
from chimera_compliance.probes.audit.runs import counted, marker
from chimera_compliance.probes.guard.listener import local_address
from chimera_compliance.probes.postgres.facts import Facts

pytestmark = control("C07")

CLOCKS_DIFFER_SECONDS = 2


@pytest.fixture
def judged(audited, audit_table, coverage):
    """The plain runs that left a row, for what one column says; those that were not run are counted as such."""

    def judged(role=None, runs=None):
        coverage.unit = "operations"
        if role is not None and role not in audit_table.trail.columns:
            if role in audit_table.settings.columns.named:
                raise Inconclusive(f"the audit table has no column {audit_table.settings.columns.named[role]}")
            raise NotReviewed(f"the target file says that the audit table has no column for the {role}")
        for subject, reason in audited.undone.items():
            coverage.untested(subject, reason)
        found = audited.done if runs is None else runs
        coverage.tested(found)
        if not found:
            raise Inconclusive("no sensitive operation was done that left a row")
        return found

    return judged


@pytest.fixture
def seen(audit_table, coverage):
    """What was seen of the table on a topic."""

    def seen(topic, unit="tables"):
        facts = audit_table.topic(topic)
        coverage.unit = unit
        coverage.tested(*facts.decided)
        for subject, reason in facts.undecided.items():
            coverage.untested(subject, reason)
        return facts.seen

    return seen


@pytest.fixture(scope="session")
def interrupted(audited, observer, audit_table, db):
    """Every operation once more, while its row could not be written."""
    session = db.new_session()
    try:
        return require_seen(Interrupter(observer, audit_table, session).each(audited.done))
    finally:
        session.close()


def _wrong(runs, column, expected, true):
    """A problem for each run whose row says something untrue in a column."""
    for run in runs:
        if not true(run):
            yield Problem(
                run.subject,
                f"is recorded with the wrong {column}",
                expected=str(expected(run)),
                actual=f"{column} {run.row[column]!s:.80}",
                observation=run.observation,
            )


def test_there_is_an_audit_table(audit_table, coverage):
    """Without a table that is kept, nobody can say afterwards who did what."""
    coverage.unit = "tables"
    coverage.tested(audit_table.subject)
    if not audit_table.tables:
        missing = "is not there" if audit_table.name else "is declared as absent: db.audit_table is null"
        reject([Problem(audit_table.subject, missing, "a table for audit rows, named in db.audit_table")])


def test_operation_leaves_one_row(audited, coverage, journal):
    """No row hides what was done; two rows tell of something that was not."""
    coverage.unit = "operations"
    runs = [run for run in audited.everything if run.done]
    for subject, reason in audited.undone.items():
        coverage.untested(subject, reason)
    coverage.tested(runs)
    for thing in audited.left:
        journal.record("left", thing, sent={}, received={})
    journal.record("left", "one audit row of every operation that was run", sent={}, received={})
    wrong = {run.subject: run for run in runs if len(run.rows) != 1}
    reject(wrong.values(), "does not leave exactly one audit row", expected="one row")


def test_row_names_the_action(judged):
    """Approval, rejection and edit are different deeds, and so are a transfer and a deployment."""
    runs = judged("action")
    reject(_wrong(runs, "action", lambda run: run.case.settings.action, lambda run: _is_action(run)))


def _is_action(run):
    return run.row["action"] == run.case.settings.action


def test_row_names_the_object(judged, coverage):
    """What was done is of little use without what it was done to."""
    runs = judged("resource")
    for run in [run for run in runs if not run.objects]:
        coverage.untested(run.subject, "its answer names no object: say which member does under `sensitive`")
    known = [run for run in runs if run.objects]
    reject(_wrong(known, "resource", lambda run: " or ".join(run.objects), _names_object))


def _names_object(run):
    told = str(run.row["resource"])
    return any(told == value or (len(value) > 8 and value in told) for value in run.objects)


def test_row_names_the_kind_of_object(judged):
    """An id alone does not say in which table to look."""
    runs = judged("resource_type")
    reject(
        _wrong(
            runs,
            "resource_type",
            lambda run: run.case.settings.resource_type or "a name for the kind of object",
            lambda run: (
                run.row["resource_type"] and run.case.settings.resource_type in (None, run.row["resource_type"])
            ),
        )
    )


def test_row_names_the_user(judged, audited):
    """The one whose token it was, and nobody else."""
    runs = [run for run in judged("user", [*audited.done, *audited.strangers]) if run.row and run.who.user]
    reject(_wrong(runs, "user", lambda run: run.who.user, lambda run: str(run.row["user"]) == run.who.user))


def test_row_names_the_tenant(judged, audited):
    """A row in another tenant's trail is missing in one and false in the other."""
    runs = [run for run in judged("tenant", [*audited.done, *audited.strangers]) if run.row and run.who.tenant]
    reject(_wrong(runs, "tenant", lambda run: run.who.tenant, lambda run: str(run.row["tenant"]) == run.who.tenant))


def test_row_names_the_address(judged, target):
    """Where a request came from is what an investigation begins with."""
    own = target.audit.client_address or local_address(target.api.base_url)
    near = target.audit.client_address is not None or ipaddress.ip_address(own).is_loopback
    reject(
        _wrong(judged("address"), "address", lambda run: own, lambda run: _is_address(run.row["address"], own, near))
    )


def _is_address(told, own, near):
    """Our own address; from afar any address will do, since something may stand in between."""
    try:
        address = ipaddress.ip_address(str(told).partition("/")[0])
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return address == ipaddress.ip_address(own) if near else not address.is_unspecified


def test_claimed_address_is_not_believed(judged, audited):
    """X-Forwarded-For is the client's own word until a proxy that is trusted has written it."""
    runs = judged("address", [run for run in audited.lying if run.done and run.row])
    reject(
        _wrong(
            runs,
            "address",
            lambda run: "the peer, or what a trusted proxy says; for uvicorn see forwarded_allow_ips",
            lambda run: CLAIMED_ADDRESS not in str(run.row["address"]),
        )
    )


def test_asserted_identity_is_not_recorded(audited, coverage):
    """Headers, query and body are the client's own words; the token is not."""
    runs = [run for run in [*audited.lying, *audited.asserting] if run.done and run.row]
    coverage.unit = "operations"
    coverage.tested(runs)
    if not runs:
        raise Inconclusive("no request that asserts somebody else's identity was let in and recorded")
    false = [run for run in runs if str(run.row["user"]) != run.who.user or _elsewhere(run)]
    reject(false, "is recorded for the identity that the request asserts", expected="the identity of the token")


def _elsewhere(run):
    return run.row["tenant"] is not None and run.who.tenant is not None and str(run.row["tenant"]) != run.who.tenant


def test_row_names_the_agent(judged):
    """The program that was used tells a person from a script."""
    reject(
        _wrong(judged("agent"), "agent", lambda run: run.agent, lambda run: marker(run.agent) in str(run.row["agent"]))
    )


def test_row_tells_the_time(judged, audited):
    """By the database's clock, within the request, whatever time the client says it is."""
    runs = judged("time", [run for run in [*audited.done, *audited.lying] if run.row])
    reject(_wrong(runs, "time", lambda run: "within the request", _in_time))


def _in_time(run):
    at = run.row.at
    return at is not None and run.began - CLOCKS_DIFFER_SECONDS <= at <= run.ended + CLOCKS_DIFFER_SECONDS


def test_refused_attempt_is_not_recorded_as_done(audited, coverage):
    """A row for what did not happen is as false as none for what did."""
    coverage.unit = "attempts"
    coverage.tested(audited.refused)
    if not audited.refused:
        raise Inconclusive("no attempt was refused")
    lying = [attempt for attempt in audited.refused if attempt.lies]
    reject(lying, "is recorded as if it had been done", expected="no row, or one that says that it was refused")


def test_refused_attempt_is_recorded_where_declared(audited, target, coverage):
    """Who tries what they may not is worth knowing, where the target file demands it."""
    coverage.unit = "attempts"
    known = [item for item in audited.refused if item.unentitled]
    coverage.tested(known or audited.refused)
    if target.audit.refused == "recorded":
        if not known:
            raise Inconclusive("nobody was refused for a role: name the roles of sensitive operations in api.roles")
        unrecorded = [item for item in known if not item.recorded]
        reject(unrecorded, "leaves no row", expected="a row that says it was refused")


def test_row_is_written_with_the_operation(interrupted, coverage):
    """A row in a transaction of its own is lost whenever that one fails."""
    coverage.unit = "operations"
    for item in interrupted:
        coverage.untested(item, item.undecided) if item.undecided else coverage.tested(item)
    apart = [item for item in interrupted if item.apart]
    expected = "the operation waits, with its own writes uncommitted, until its row is written"
    reject(apart, "is done without waiting for its audit row", expected=expected)


def test_operation_fails_without_its_row(interrupted, coverage):
    """What cannot be recorded must not happen: an error that is swallowed hides whatever was done."""
    coverage.unit = "operations"
    decided = [item for item in interrupted if item.held.cancelled or item.lost]
    for item in [item for item in interrupted if item not in decided]:
        coverage.untested(item, item.undecided or "its insert could not be made to fail")
    coverage.tested([item for item in decided if not item.undecided])
    if not decided and not any(item.apart for item in interrupted):
        raise NotReviewed("no audit insert was cancelled: see audit.interrupt, and pg_signal_backend for catalog_dsn")
    reject([item for item in decided if item.lost], "is done though its audit row was not written", expected="an error")


def test_columns_hold_the_record(seen):
    """A column that may be empty will be, and one of the wrong type cannot be searched."""
    reject(seen("columns", "columns"), "does not hold what the record needs", expected="as in ADR-005 §5, by meaning")


def test_indexes_serve_the_queries(seen):
    """A trail that cannot be searched in time is not searched."""
    reject(seen("indexes", "queries"), "is not there", expected="an index whose leading columns are those of the query")


def test_rows_cannot_be_changed(seen):
    """Whoever takes the application over must not be able to rewrite what it did."""
    reject(seen("changes"), "is not append-only", expected="no update of any column, however the application acts")


def test_rows_cannot_be_removed(seen):
    """Neither one by one nor all at once."""
    reject(seen("removals"), "is not append-only", expected="no DELETE and no TRUNCATE")


def test_table_is_out_of_reach(seen):
    """An owner can drop the table, and switch off whatever protects it."""
    reject(seen("custody"), "is in the application's hands", expected="an owner that the application cannot become")


def test_no_detour_edits_rows(seen):
    """Functions, views, rules, triggers and foreign keys act with the rights of their owners."""
    reject(seen("detours", "ways"), "leads round the table's privileges", expected="insertion only, by whatever way")


@pytest.fixture(scope="session")
def shown(request):
    """What operations of the API show of the trail, where there is an API and it may be written to."""
    try:
        return shown_by_api(request.getfixturevalue("observer"), request.getfixturevalue("audited"))
    except (NotReviewed, Inconclusive):
        return Facts()


def test_tenants_read_their_own_rows_only(shown, seen, coverage):
    """The trail of a tenant tells what its people do, and from where."""
    found = seen("readers")
    coverage.tested(*shown.decided)
    reject([*found, *shown.seen], "is open to another tenant", expected="rows of the own tenant and no others")


def test_rows_are_kept_for_a_year(seen):
    """What is asked about is mostly months old."""
    reject(seen("purges", "ways"), "shortens the life of audit rows", expected="365 days at least")


def test_no_secret_is_in_a_row(audited, coverage, journal):
    """The trail is read by more people than the secrets are meant for, and cannot be cleaned."""
    runs = [run for run in audited.everything if run.rows]
    coverage.unit = "rows"
    if not runs:
        raise Inconclusive("no operation left a row")
    coverage.tested([f"{run.subject}: {counted(run.rows)}" for run in runs])
    found = {}
    for run in runs:
        for _, column, what in leaks(list(run.rows), journal.redact.values):
            found[column, what] = Problem(
                f"column {column}",
                f"holds {what}",
                "no secret in any form",
                f"recorded for {run.subject}",
                run.observation,
            )
    reject(found.values())


def test_hostile_text_stays_text(audited, coverage):
    """Line ends, quotes and markup in a request must not become records of their own."""
    coverage.unit = "operations"
    runs = [run for run in audited.hostile if run.done]
    coverage.tested(runs)
    if not runs:
        raise Inconclusive("every request with hostile texts was refused")
    split = [run for run in runs if len(run.rows) > 1 or any(FORGED in str(row["action"]) for row in run.rows)]
    reject(split, "turns text of the request into records", expected="one row that holds the text as data")
    torn = [run for run in runs if run.row and run.row["action"] != run.case.settings.action]
    reject(torn, "is recorded with what the request's text says", expected="the action of the operation")
