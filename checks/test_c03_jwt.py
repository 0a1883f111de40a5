"""C03  Every API endpoint except /health demands a valid JWT, and does what its role allows."""

import time

import pytest

from chimera_compliance import Inconclusive, Problem, control, reject
from chimera_compliance.outcomes import NotReviewed, Severity
from chimera_compliance.probes.guard import credentials, trespass
from chimera_compliance.probes.guard.detours import DETOURS, STRAIGHT
from chimera_compliance.probes.guard.identities import ASSERTED
from chimera_compliance.probes.guard.reception import problems
from chimera_compliance.probes.guard.undocumented import DOCUMENTATION, USUAL, look_for, source_paths
from chimera_compliance.probes.jwt import foreign_keys, forgeries, issued, issued_identities
from chimera_compliance.probes.jwt.signing_key import weaknesses

pytestmark = control("C03")

NEVER_SERVED = "401, 403 or 404"


def each(cases):
    """One case of a test for each."""
    return pytest.mark.parametrize("case", cases, ids=str)


@pytest.fixture
def counted(coverage):
    """Tells which operations were decided, and hands the answers on."""
    coverage.unit = "operations"

    def counted(answers):
        for answer in answers:
            coverage.tested(answer) if answer.decided else coverage.untested(answer, answer.reason)
        return answers

    return counted


@pytest.fixture
def judge(counted):
    """Rejects what let somebody in or broke."""
    return lambda answers, what, **settings: reject(problems(counted(answers), what, **settings))


@pytest.fixture
def forged(gate, judge):
    """Judges a forged token."""
    return lambda forgery, operations=None, **settings: judge(gate.forge(forgery, operations), forgery.what, **settings)


@pytest.fixture
def issuing(gate, forged):
    """The same, with a token under the right key."""
    if gate.papers.issuer is None:
        raise NotReviewed(
            "the suite holds no key that signed alice's token, so it cannot make such tokens: tokens.mint"
        )
    return forged


def test_valid_token_is_admitted(gate, counted):
    """A stack that refuses everyone must not look compliant."""
    refused = [answer for answer in counted(gate.admission()) if answer.refused]
    reject(refused, "refused the right token", expected="anything but 401 or 403")


def test_missing_token_is_refused(gate, judge):
    """The checklist's own words; what the document promises makes no difference, but is told."""
    judge(gate.anonymous, "a request without a token")


@each(credentials.MALFORMED)
def test_malformed_token_is_refused(gate, judge, case):
    """Whatever stands in the header, it is refused and not stumbled over."""
    judge(gate.try_out(case, None if case in credentials.MALFORMED[:8] else gate.some()), case.what)


@each(ASSERTED)
def test_asserted_identity_is_refused(gate, judge, case):
    """Who somebody is comes from a token and never from what the client says beside it."""
    judge(gate.try_out(case), case.what)


@each([credentials.IN_QUERY, *credentials.ELSEWHERE])
def test_token_is_taken_from_its_place_only(gate, judge, case):
    """What is not looked at cannot leak into logs, be sent along by a browser, or contradict the real one."""
    judge(gate.try_out(case), case.what, severity=Severity.MEDIUM if case is credentials.IN_QUERY else None)


@each(credentials.DOUBLED)
def test_doubled_credential_is_refused(gate, judge, case):
    """Two wrongs make no right."""
    judge(gate.try_out(case), case.what)


def test_one_right_token_of_two_is_not_looked_for(gate, judge):
    """A gateway that checks one of two and an application that believes the other are no guard together."""
    first, last = (gate.try_out(case) for case in (credentials.GOOD_FIRST, credentials.GOOD_LAST))
    admitted = {answer.subject for answer in first if answer.admitted}
    judge(
        [answer for answer in last if not answer.admitted or answer.subject in admitted],
        "whichever of two tokens is right",
    )


@each(forgeries.UNSIGNED)
def test_unsigned_token_is_refused(forged, case):
    """Whoever can write JSON could be anybody."""
    forged(case)


@each(forgeries.ALTERED)
def test_altered_token_is_refused(forged, case):
    """The signature covers every word of the token."""
    forged(case)


@each(foreign_keys.FOREIGN_KEY)
def test_token_of_another_key_is_refused(forged, case):
    """A signature proves something only about the key that made it."""
    forged(case)


@each(foreign_keys.PUBLIC_KEY_FORMS)
def test_public_key_is_no_secret(gate, judge, case):
    """A verifier that lets the token choose the algorithm takes the public key for a shared secret."""
    keys = gate.papers.attacker.public_keys
    if not keys and not gate.papers.genuine().token.symmetric:
        raise Inconclusive("no public key of the issuer is known: give tokens.public_key or tokens.jwks_url")
    made = [foreign_keys.with_public_key(case, key) for key in keys]
    answers = [answer for forgery in made for answer in gate.forge(forgery)]
    judge(answers or gate.cannot(case), "a token signed with a public key as HMAC secret")


@each(foreign_keys.EMBEDDED_KEY)
def test_embedded_key_is_not_trusted(forged, case):
    """A token cannot vouch for itself."""
    forged(case)


@each(foreign_keys.REMOTE_KEY)
def test_key_is_not_fetched_from_anywhere(gate, listener, judge, case):
    """An address in a token is the client's choice: to follow it is to let him choose the key, and where we call."""
    before = listener.calls.total()
    answers = gate.forge(case)
    if called := listener.calls.total() - before:
        fetched = Problem("the stack", f"fetched a key for {case.what}", "no request", f"{called} requests")
        reject([fetched, *problems(answers, case.what)])
    judge(answers, case.what)


@each(foreign_keys.KEY_ID)
def test_key_id_is_only_looked_up(gate, forged, case):
    """A key id names a key of the issuer's; it is no file name, no SQL and no command."""
    forged(case, gate.some())


@each(foreign_keys.BLANK_ECDSA)
def test_blank_ecdsa_signature_is_refused(forged, case):
    """Zero solves the verification equation where nobody checks that it is out of range."""
    forged(case)


@each(forgeries.OTHER_SHAPES)
def test_other_serialisation_is_refused(gate, forged, case):
    """What is not a signed compact token has not been verified by a verifier of those."""
    forged(case, gate.some(9))


def test_signing_key_cannot_be_guessed(gate, coverage):
    """One genuine token lets anybody try secrets off line, for as long as they like."""
    gate.require_control()
    coverage.tested("the signing key")
    reject(weaknesses(gate.papers))


@each([*issued.EXPIRED, *issued.JUST_EXPIRED])
def test_expired_token_is_refused(issuing, case):
    """A stolen token is worth something only until it expires; a few minutes' grace is for clocks."""
    issuing(case, severity=Severity.LOW if case in issued.JUST_EXPIRED else None)


@each(issued.NOT_YET_VALID)
def test_token_is_refused_before_its_time(issuing, case):
    """The issuer said from when on it is valid."""
    issuing(case)


@each(issued.WITHOUT_EXPIRY)
def test_token_without_expiry_is_refused(issuing, case):
    """What never expires stays valid when it is stolen; most services admit it."""
    issuing(case)


@each(issued.UNREADABLE_TIMES)
def test_token_with_unreadable_times_is_refused(gate, issuing, case):
    """A time that cannot be compared has not been checked."""
    issuing(case, gate.some())


@each(issued_identities.NAMING_NOBODY)
def test_token_that_names_nobody_is_refused(issuing, case):
    """Without a user and a tenant there is nobody to isolate or to hold to account."""
    issuing(case)


@each(issued_identities.UNKNOWN_NAMES)
def test_token_of_nobody_known_is_refused(gate, issuing, case):
    """A token outlives the user it was issued to, unless somebody looks."""
    issuing(case, gate.some())


@each([*issued.FOREIGN_ISSUER, *issued.FOREIGN_AUDIENCE])
def test_token_of_another_service_is_refused(gate, issuing, case):
    """Where one key signs for several services, issuer and audience keep their tokens apart."""
    declared = gate.target.tokens.issuer if case in issued.FOREIGN_ISSUER else gate.target.tokens.audience
    issuing(case, None if declared else [])


@each(issued.OTHER_TYPE)
def test_only_access_tokens_are_admitted(issuing, case):
    """A refresh or id token is issued for another purpose and guarded differently."""
    issuing(case)


@each(issued.CRITICAL_HEADER)
def test_critical_header_is_not_ignored(gate, issuing, case):
    """RFC 7515 §4.1.11: what is critical and not understood makes the token invalid."""
    issuing(case, gate.some())


@each(issued.OTHER_ALGORITHM)
def test_algorithm_is_the_issuers(gate, issuing, case):
    """ADR-005 names one algorithm; each further one is one more thing to get wrong."""
    issuing(case, gate.some())


@each(issued.ODD)
def test_odd_token_breaks_nothing(gate, issuing, coverage, case):
    """The standards allow these, so either answer is right; a server error is not."""
    answers = gate.forge(case, gate.some())
    for answer in answers:
        coverage.tested(answer) if answer.exchange.answered else coverage.untested(answer, answer.reason)
    reject(problems([answer for answer in answers if answer.broken], case.what, expected="an answer below 500"))


def test_token_lifetime_is_bounded(gate, coverage):
    """How long a stolen token is good for."""
    gate.require_control()
    claims, most = gate.papers.token.claims, gate.target.tokens.max_lifetime_seconds
    coverage.tested("the genuine token")
    if not isinstance(claims.get("exp"), int | float):
        reject([Problem("the genuine token", "never expires", "an exp claim", "no exp")])
    lifetime = claims["exp"] - claims.get("iat", time.time())
    if lifetime > most + 1:
        reject([Problem("the genuine token", "lives too long", f"{most} s at most", f"{lifetime:.0f} s")])


@each(issued.LONG_LIVED)
def test_declared_lifetime_is_enforced(gate, issuing, case):
    """Where a longest lifetime is declared, a token that outlives it was not issued as declared."""
    declared = "max_lifetime_seconds" in gate.target.tokens.model_fields_set
    issuing(case, None if declared else [])


@each([STRAIGHT, *DETOURS])
def test_other_roles_are_refused(gate, public, judge, case):
    """The matrix of roles and operations, both ways: `test_valid_token_is_admitted` is the other."""
    if case is STRAIGHT:
        return judge(trespass.by_other_roles(gate) or gate.cannot("other roles"), "a role that is not entitled to it")
    answers = trespass.by_detour_of_other_roles(gate, case, trespass.surroundings(gate, public))
    judge(answers or gate.cannot(case), f"a role that is not entitled to it, {case.what}", expected=NEVER_SERVED)


@each([*issued_identities.ROLES_NOT_GRANTED, *issued_identities.ROLES_MISSPELT])
def test_role_is_taken_by_its_exact_name(gate, issuing, case):
    """`in`, `startswith` and `split` grant roles that nobody wrote down."""
    severity = Severity.LOW if case in issued_identities.ROLES_MISSPELT else None
    issuing(case, gate.restricted_sample, severity=severity)


@each([credential for credential in ASSERTED if "identity" in credential.id])
def test_role_is_not_overridden_by_the_client(gate, judge, case):
    """The token's role counts, whatever is asserted beside it."""
    judge(trespass.by_asserted_role(gate, case) or gate.cannot(case), f"a token of another role and {case.what}")


def test_tenant_is_not_overridden_by_the_client(gate, judge):
    """The token's tenant counts, whatever is asserted beside it."""
    reads = [operation for operation in gate.closed if operation.method == "GET" and "{" in operation.path]
    answers = trespass.by_asserted_tenant(gate, reads)
    judge(answers or gate.cannot("bob's objects"), "another tenant that the client asserted", expected=NEVER_SERVED)


@each(DETOURS)
def test_detour_reaches_no_handler(gate, public, judge, case):
    """Guard and router must read a request the same way."""
    answers = trespass.by_detour(gate, case, trespass.surroundings(gate, public))
    judge(answers or gate.cannot(case), f"a request without a token, {case.what}", expected=NEVER_SERVED)


def test_unlisted_method_reaches_no_handler(gate, judge):
    """A guard that names the methods it guards forgets the others."""
    judge(
        trespass.by_unlisted_method(gate), "a request without a token, by a method that is not listed", expected="405"
    )


def test_undocumented_path_is_closed(gate, public, operations):
    """What nobody lists, nobody guards."""
    known = [operation.id for operation in operations]
    paths = [*USUAL, *source_paths(gate.target)]
    found = look_for(gate.api, trespass.surroundings(gate, public), paths, known)
    reject(found, "is served without a token and listed nowhere", expected=NEVER_SERVED)


def test_api_description_is_not_served_to_everybody(gate, public, operations):
    """A map of all operations is for those who may use them."""
    known = [operation.id for operation in operations]
    found = look_for(gate.api, trespass.surroundings(gate, public), DOCUMENTATION, known)
    reject(found, "describes the API to everybody", expected=NEVER_SERVED)


def test_refusal_names_the_scheme(gate, counted):
    """RFC 9110 §15.5.2: who answers 401 says how to authenticate; who answers 403 need not."""
    answers = counted([*gate.anonymous, *gate.try_out(credentials.MALFORMED[4])])
    unauthorized = {answer.subject: answer for answer in answers if answer.exchange.status == 401}
    silent = [answer for answer in unauthorized.values() if not answer.exchange.header("www-authenticate")]
    reject(silent, "answered 401 without WWW-Authenticate", expected="WWW-Authenticate: Bearer")


def test_public_operation_is_open(api, gate, public, coverage):
    """A health check that needs a token is one that the load balancer cannot make."""
    gate.require_control()
    coverage.unit = "operations"
    reads = [operation for operation in public if not operation.unsafe]
    answers = api.sweep(reads, note="no token")
    for answer in answers:
        coverage.tested(answer) if answer.answered else coverage.untested(answer, answer.error)
    coverage.tested([] if reads else "no public operation is declared")
    reject([answer for answer in answers if answer.refused], "needs a token", expected="an answer for everybody")
