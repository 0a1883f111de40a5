"""C04  Row-level security keeps every tenant to its own rows: by catalog, as the application role, through the API."""

import pytest

from chimera_compliance import Inconclusive, control, reject
from chimera_compliance.outcomes import NotReviewed
from chimera_compliance.probes.ownership import claimed_tenant
from chimera_compliance.probes.ownership.borrowed_ids import Neighbours
from chimera_compliance.probes.ownership.encroachment import Trespasser, own_secrets
from chimera_compliance.probes.ownership.interleaving import Hammer
from chimera_compliance.probes.ownership.listings import listings
from chimera_compliance.probes.ownership.throwaway import Workshop

pytestmark = control("C04")

OWN_ROWS_ONLY = "rows of the bound tenant and no others"


@pytest.fixture
def seen(db, coverage):
    """What was seen of a topic; what was looked at and what could not be looked at is counted."""

    def seen(topic, unit="tables"):
        facts = db.topic(topic)
        coverage.unit = unit
        coverage.tested(*facts.decided)
        for subject, reason in facts.undecided.items():
            coverage.untested(subject, reason)
        if not (facts.decided or facts.undecided):
            raise Inconclusive("nothing in this database could be judged on it")
        return facts.seen

    return seen


def test_row_level_security_is_on(seen):
    """A policy that is not enabled is a comment."""
    reject(seen("unprotected"), "is not protected by row-level security", expected="ENABLE ROW LEVEL SECURITY")


def test_application_is_bound_by_policies(seen):
    """A superuser, a role with BYPASSRLS and a table's owner are not bound, and neither is who can become one."""
    expected = "a login that is, owns and can become nothing that policies do not bind"
    reject(seen("exemptions", "roles"), "frees the application from policies", expected=expected)


def test_application_has_no_power_past_policies(seen):
    """Replication, server files and the predefined roles lead round every table's policies."""
    reject(seen("powers", "roles"), "reaches rows that no policy is asked about", expected="no such power")


def test_reads_stay_within_the_tenant(seen):
    """The heart of it: rows of others, chosen to be mistaken for the tenant's, are not seen."""
    reject(seen("reads"), "shows rows of another tenant", expected=OWN_ROWS_ONLY)


def test_writes_stay_within_the_tenant(seen):
    """Policies by command differ: rows that are not seen can still be changed, removed, made or given away."""
    reject(seen("writes"), "can be changed across tenants", expected="no change to or for another tenant")


def test_no_tenant_means_no_rows(seen):
    """A forgotten binding must fail closed: unset on a new connection, empty on a pooled one."""
    reject(seen("unbound"), "is open while no tenant is bound", expected="no row, or an error")


def test_no_setting_opens_the_policies(seen):
    """Whatever a session may set, an attacker in that session may set."""
    reject(seen("escapes"), "is opened by a setting", expected="no setting of a session widens what it sees")


def test_policies_stand_on_firm_ground(seen):
    """A policy is as good as the functions and memberships that it asks."""
    expected = "functions and memberships that the application cannot replace, shadow or write"
    reject(seen("foundations", "functions and tables"), "lets the application bend a policy", expected=expected)


def test_no_function_sees_rows_before_the_policy(seen):
    """LEAKPROOF is a promise, and a view without security_barrier makes none."""
    expected = "policies are evaluated before anything else"
    reject(seen("early readers", "functions and views"), "is shown rows before they are filtered", expected=expected)


def test_views_keep_to_the_tenant(seen):
    """A view reads with its owner's eyes, and a materialized view has no policies at all."""
    reject(seen("views", "views"), "reaches past the policies of its tables", expected=OWN_ROWS_ONLY)


def test_definer_functions_keep_to_the_tenant(seen):
    """A function that runs as its owner must ask for the tenant itself."""
    expected = "nothing of another tenant, whatever the arguments"
    reject(seen("definers", "functions"), "reaches past the policies for whoever calls it", expected=expected)


def test_copies_keep_to_the_tenant(seen):
    """Audit, history and outbox tables hold what the tables they are filled from hold."""
    reject(seen("copies"), "holds copies of other tenants' rows", expected=OWN_ROWS_ONLY)


def test_foreign_tables_keep_to_the_tenant(seen):
    """No policy can be put on a foreign table; its user mapping decides what it shows."""
    reject(seen("foreign tables", "foreign tables"), "leads to other tenants' rows", expected=OWN_ROWS_ONLY)


def test_large_objects_are_not_shared(seen):
    """Large objects have an owner and grants, and no tenant."""
    reject(seen("large objects", "objects"), "are not kept apart by tenant", expected="none that the application reads")


def test_other_logins_keep_to_their_tenant(seen):
    """A customer's own login must not choose its tenant."""
    reject(seen("other logins", "roles"), "is not held to its tenant", expected="a tenant bound to the login itself")


def test_no_privilege_passes_by_policies(seen):
    """TRUNCATE, TRIGGER and REFERENCES concern the whole table; no policy is asked."""
    reject(
        seen("past policies"), "is open to what no policy governs", expected="SELECT, INSERT, UPDATE, DELETE at most"
    )


def test_future_tables_are_not_given_away(seen):
    """The next migration's table has no policy until somebody writes one."""
    reject(seen("future tables", "default privileges"), "hand over tables that have no policy yet", expected="none")


def test_unique_keys_tell_nothing(seen):
    """A refused duplicate says that somebody else has the value."""
    reject(seen("unique keys"), "tells what other tenants have", expected="unique keys that include the tenant")


def test_references_stay_within_the_tenant(seen):
    """A foreign key that does not carry the tenant tells of rows elsewhere, and links to them."""
    reject(seen("cross references"), "refers across tenants", expected="foreign keys that include the tenant")


def test_sequences_tell_nothing(seen):
    """Who reads a shared counter knows how much the others do."""
    reject(seen("sequences", "sequences"), "can be read by every tenant", expected="no right to read it")


@pytest.fixture
def used_pool(target, request):
    """The application's pool after a few requests, where there is an API to ask; else as it is."""
    if "api" in target.facets:
        api, alice, operations = map(request.getfixturevalue, ("api", "alice", "operations"))
        reading = [operation for operation in operations if not operation.unsafe and not operation.public]
        api.sweep(reading, token=alice.token, principal=alice, note="opens sessions of the pool")


def test_pooled_sessions_keep_nothing(used_pool, seen):
    """What one request leaves in a session, the next one finds, whoever it works for."""
    reject(seen("leftovers", "sessions"), "keep what a request left behind", expected="nothing that outlives it")


# Through the API: alice with bob's ids


@pytest.fixture(scope="module")
def neighbours(api, guarded, alice, bob, target):
    """alice and bob at one API."""
    return Neighbours(api, guarded, alice, bob, frozenset(target.api.shared))


@pytest.fixture(scope="module")
def rows(neighbours):
    """What the operations that read show each of the two."""
    return listings(neighbours)


@pytest.fixture(scope="module")
def identity(neighbours, target):
    """Under which names an API may take bob's identity from a request."""
    names = target.tokens.claims
    found = claimed_tenant.Identity.of(neighbours, tuple(filter(None, [names.tenant])), (names.subject,))
    if found is None:
        raise NotReviewed("alice and bob have neither a tenant nor a subject by which they differ: principals")
    return found


@pytest.fixture
def decided(coverage):
    """Counts what was decided, and says which operations were not."""
    coverage.unit = "operations"

    def decided(attempts, nothing):
        if not attempts:
            raise NotReviewed(nothing)
        for attempt in attempts:
            coverage.untested(attempt, attempt.undecided) if attempt.undecided else coverage.tested(attempt)
        return attempts

    return decided


@pytest.fixture
def left_behind(journal):
    """Keeps what could not be put away again, for whoever owns the stack."""

    def left_behind(things):
        for thing in things:
            journal.record("left", thing, sent={}, received={})

    return left_behind


def test_foreign_object_is_not_shown(neighbours, decided):
    """An id is easily guessed, overheard or left in a link: knowing it must not be enough."""
    attempts = decided(neighbours.read(), "no operation that reads takes an id of bob's: principals.bob.resources")
    reject([a for a in attempts if a.shown], "shows alice what is bob's", expected="404 or 403, nothing of bob's")


def test_foreign_object_is_not_changed(neighbours, decided, left_behind, target):
    """A write by an id that is not the caller's is judged by reading the object again as its owner."""
    if not target.scope.writes:
        raise NotReviewed("scope.writes is false, and this cannot be seen without writing")
    trespasser = Trespasser(neighbours, frozenset(target.api.bodies), own_secrets(target, "bob"))
    attempts = decided(list(trespasser.write()), "no operation that changes data takes an id of bob's")
    left_behind(trespasser.left)
    taken = [a for a in attempts if a.changed or a.accepted or a.shown]
    reject(taken, "lets alice at what is bob's", expected="404 or 403, bob's object unchanged")


def test_list_holds_own_rows_only(rows, coverage):
    """A list without a filter by tenant shows everybody's rows to everybody."""
    found = [item for item in rows if item.expected or item.strangers]
    if not found:
        raise NotReviewed("nothing that is not public names alice or bob: principals.bob.resources")
    coverage.unit = "operations"
    for item in found:
        coverage.untested(item, item.undecided) if item.undecided else coverage.tested(item)
    reject([item for item in found if item.strangers], "shows another tenant's objects", expected="its own only")


def test_count_covers_own_rows_only(rows, coverage):
    """The number of another tenant's rows is its business too."""
    counting = [item for item in rows if item.counts]
    if not counting and (any(item.totals for item in rows) or not any(item.answer.ok for item in rows)):
        raise NotReviewed("no list that fits on a page tells alice and bob how many rows there are")
    coverage.unit = "operations"
    coverage.tested(counting or "no list tells how many rows there are")
    reject([item for item in counting if item.surplus], "counts another tenant's rows", expected="its rows only")


def test_claimed_tenant_does_not_widen_what_is_read(neighbours, identity, decided):
    """The tenant is the token's: a header or query parameter is anybody's to write."""
    attempts = decided(claimed_tenant.reading(neighbours, identity), "no operation reads")
    reject([a for a in attempts if a.shown], "shows alice what is bob's", expected="as without it, or 400 or 403")


def test_created_object_belongs_to_the_tokens_tenant(neighbours, identity, coverage, left_behind, target):
    """What is created for another tenant poisons its data, its quotas and its bills."""
    if not target.scope.writes:
        raise NotReviewed("scope.writes is false, and this cannot be seen without writing")
    workshop = Workshop(neighbours.api, neighbours.guarded)
    created = list(claimed_tenant.creating(neighbours, identity, workshop))
    left_behind(workshop.left)
    coverage.unit = "operations"
    for item in created:
        coverage.untested(item, item.undecided) if item.undecided else coverage.tested(item)
    if not created:
        raise NotReviewed("no operation creates anything")
    reject([item for item in created if item.became_bobs], "creates for bob", expected="refused, or alice's own")


def test_interleaved_tenants_do_not_mix(neighbours, coverage, target):
    """A tenant that outlives its transaction on a pooled connection is the next caller's tenant."""
    seen = Hammer(neighbours, target.rate_limits).run()
    coverage.unit = "operations"
    coverage.tested(list(seen.judged))
    for operation, reason in seen.undecided.items():
        coverage.untested(operation, reason)
    reject(seen.mixed, "mixes tenants up while both are at work", expected="the caller's own data")
    if not seen.judged:
        raise Inconclusive("no operation answers alice and bob with data that tells them apart")
