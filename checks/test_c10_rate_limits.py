"""C10  Every operation has a rate limit, that no disguise lifts and no other tenant pays for."""

import pytest

from chimera_compliance import Inconclusive, Problem, control, reject
from chimera_compliance.outcomes import NotReviewed
from chimera_compliance.probes.rate_limits.bursts import tolerance
from chimera_compliance.probes.rate_limits.bypasses import FAMILIES, PIPELINING
from chimera_compliance.probes.rate_limits.headers import CLOCKS_DIFFER
from chimera_compliance.probes.rate_limits.recovery import LONGEST_WAIT, latest, too_long
from chimera_compliance.probes.rate_limits.round import observe

pytestmark = control("C10")


@pytest.fixture(scope="session")
def seen(api, operations, principals, alice):
    """Everything that one round of bursts shows."""
    return observe(api, operations, principals)


@pytest.fixture
def exhausted(seen, coverage):
    """The quotas whose limit was reached."""
    coverage.unit = "quotas"
    if not seen.exhausted:
        raise Inconclusive("no limit was reached, so there was nothing to look at")
    return seen.exhausted


def _problem(quota, message, exchange, expected="", actual=""):
    return Problem(quota.subject, message, expected, actual or exchange.actual, exchange.observation)


def _unlimited(quotas, coverage):
    """A finding for each quota that served everything."""
    coverage.unit = "quotas"
    if not quotas:
        raise NotReviewed("there is no operation of this kind")
    for quota in quotas:
        coverage.untested(quota, quota.reason) if quota.reason else coverage.tested(quota)
    for quota in quotas:
        if not quota.reason and quota.burst.unlimited and not quota.exhausted:
            sent = f"served {quota.burst.admitted} requests in {quota.burst.seconds:.1f} s and refused none"
            yield _problem(quota, sent, quota.burst.exchanges[-1], f"429 after {quota.limits.rate}")


def test_every_class_of_operations_is_limited(seen, coverage):
    """Without a limit one caller takes what is meant for all, or tries until something works."""
    reject(_unlimited(seen.known, coverage))


def test_every_operation_is_limited(seen, coverage):
    """A limit that one route was left out of protects all but that one."""
    coverage.unit = "operations"
    pressed = [item for quota in seen.known for item in quota.operations]
    coverage.tested([quota.operation for quota in seen.known if quota.exhausted])
    if not coverage.decided:
        raise Inconclusive("no limit was reached, so there was nothing to look at")
    for item in pressed:
        coverage.untested(item, item.undecided) if item.undecided else coverage.tested(item)
    free = [item for item in pressed if item.admitted]
    reject(free, "was served while the limit of its class was exhausted, and has none of its own", expected="429")


def test_no_more_than_the_limit_is_admitted(exhausted, coverage):
    """A counter that is read first and written later admits whoever comes in between; a limit too high, anybody."""
    problems = []
    for quota in exhausted:
        burst = quota.confirmed or quota.burst
        if quota.limits.declared and quota.burst.excessive and not quota.confirmed and not burst.unlimited:
            coverage.untested(quota, "more was admitted than declared, which a window that ended may explain")
            continue
        coverage.tested(quota)
        if quota.limits.declared and burst.excessive:
            sent = f"served {burst.admitted} requests in {burst.seconds:.1f} s"
            problems.append(_problem(quota, sent, burst.refusals[0], f"no more than {quota.limits.rate}"))
    reject(problems)


def test_strangers_are_limited(seen, coverage):
    """Floods without a token cost the stack as much as those with one."""
    reject(_unlimited([quota for quota in seen.strangers if not quota.guesses], coverage))


def test_bad_credentials_are_limited(seen, coverage):
    """Unlimited guessing finds weak passwords and leaked keys (ASVS v5.0.0-6.3.1)."""
    reject(_unlimited([quota for quota in seen.strangers if quota.guesses], coverage))


def test_refusal_is_429(exhausted, coverage):
    """Clients throw their token away on 401 and retry at once on 503; 429 tells them to slow down (RFC 6585)."""
    coverage.tested(exhausted)
    other = [(quota, quota.burst.refusals[0]) for quota in exhausted if quota.burst.first_refusal.status != 429]
    reject([_problem(quota, "is refused otherwise than with 429", exchange, "429") for quota, exchange in other])


def test_refusal_says_when_to_come_back(exhausted, coverage):
    """Clients that are not told come back at once, and all together."""
    coverage.tested(exhausted)
    silent = [q for q in exhausted if not any(item.resets for item in _told_on_refusal(q))]
    expected = "Retry-After, X-RateLimit-Reset or RateLimit"
    reject([_problem(q, "is refused without a word on when", q.burst.first_refusal, expected) for q in silent])


def _told_on_refusal(quota):
    burst = quota.burst
    return [said for said, exchange in zip(burst.told, burst.exchanges, strict=True) if not burst.served(exchange)]


def test_limit_headers_tell_the_truth(exhausted, coverage):
    """A client that keeps to what it is told must not be refused, nor be held back for nothing."""
    coverage.tested(exhausted)
    reject([problem for quota in exhausted for problem in _lies(quota)])


def _lies(quota):
    yield from _false_counts(quota)
    yield from _false_resets(quota)


def _false_counts(quota):
    burst, last, slack = quota.burst, quota.burst.first_refusal, tolerance(quota.limit)
    limits = {limit for said in burst.told for limit in said.limits}
    if limits and quota.limits.declared and not any(abs(limit - quota.limit.limit) <= slack for limit in limits):
        names = ", ".join(f"{limit:g}" for limit in sorted(limits))
        yield _problem(quota, f"names a limit of {names}", last, f"{quota.limit.limit}, as declared")
    remaining = [said.remaining for said in burst.told if said.remaining is not None]
    if remaining and min(remaining) > slack:
        yield _problem(quota, f"said that {min(remaining):g} requests remained, and refused", last, "0")
    empty = sum(s.remaining == 0 and burst.served(e) for s, e in zip(burst.told, burst.exchanges, strict=True))
    if empty > burst.allowance - quota.limit.limit + slack:
        yield _problem(quota, f"said {empty} times that nothing remained, and served", last, "what remains")


def _false_resets(quota):
    last, window = quota.burst.first_refusal, f"within {quota.limit.window_seconds:g} s"
    named = {}
    for name, seconds in (reset for said in quota.burst.told for reset in said.resets):
        named.setdefault(name, []).append(seconds)
    for name, seconds in named.items():
        if min(seconds) < -CLOCKS_DIFFER - 1:
            yield _problem(quota, f"names a time in the past in {name}", last, window, f"{min(seconds):.0f} s")
        if quota.limits.declared and max(seconds) > latest(quota) + CLOCKS_DIFFER:
            yield _problem(quota, f"names a time beyond the window in {name}", last, window, f"{max(seconds):.0f} s")
    recovery = quota.recovery
    late = recovery and recovery.named is not None and not recovery.in_time and recovery.named <= latest(quota)
    if again := quota.broken_promise or (recovery.exchange if late else None):
        yield _problem(quota, "was refused again after the time that it had named", again, "served")


def test_limit_recovers(exhausted, coverage):
    """A limit that does not let anybody in again is an outage that any client can cause."""
    for quota in exhausted:
        late = f"its window is longer than {LONGEST_WAIT:g} s" if too_long(quota) else "it was not asked again"
        coverage.tested(quota) if quota.recovery else coverage.untested(quota, late)
    stuck = [quota for quota in exhausted if quota.recovery and not quota.recovery.recovered]
    reject(
        [
            _problem(q, f"was refused {q.recovery.seconds:.0f} s after", q.recovery.exchange, q.limits.rate)
            for q in stuck
        ]
    )


def test_one_tenant_does_not_lock_out_another(exhausted, coverage):
    """Where all share one counter, any tenant can stop the others."""
    asked = [quota for quota in exhausted if quota.neighbour and (_own_limit(quota) or not quota.neighbour.locked_out)]
    if not asked:
        raise NotReviewed("no limit of its own is declared for each tenant, or only one tenant could be asked")
    for quota in asked:
        unsure = quota.neighbour.locked_out and not quota.neighbour.confirmed
        reason = "another tenant was refused meanwhile, which could not be seen again"
        coverage.untested(quota, reason) if unsure else coverage.tested(quota)
    reject(
        [
            _problem(q, f"uses up what {q.neighbour.quota.principal.name} may use", q.neighbour.exchanges[-1], "served")
            for q in asked
            if q.neighbour.locked_out and q.neighbour.confirmed
        ]
    )


def _own_limit(quota):
    tenants = quota.principal.tenant, quota.neighbour.quota.principal.tenant
    separate = tenants[0] != tenants[1] if quota.limit.per == "tenant" else True
    return quota.limits.declared and quota.limit.per != "address" and separate


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.replace(" ", "-"))
def test_no_disguise_lifts_the_limit(exhausted, family, coverage):
    """What the client chooses for itself must not decide which counter it is counted by."""
    tried = [(quota, item) for quota in exhausted for item in quota.bypasses if item.probe.family == family]
    if not tried:
        raise NotReviewed("the target offers nothing of this kind to try")
    for quota, item in tried:
        name = f"{quota.subject}, {item.probe.name}"
        coverage.untested(name, item.undecided) if item.undecided else coverage.tested(name)
    by = family if family == PIPELINING else f"another {family}"
    reject(
        [
            _problem(quota, f"was served beyond its limit by {by}: {item.probe.name}", item, "429")
            for quota, item in tried
            if item.admitted
        ]
    )
