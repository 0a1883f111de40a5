"""C11  CORS admits the origins of the declared allow-list and no other."""

from urllib.parse import urlsplit

import pytest

from chimera_compliance import Inconclusive, Problem, control, reject
from chimera_compliance.probes.cors import ask, foreign_origins, preflight

pytestmark = control("C11")

LONGEST_MAX_AGE = 86_400


@pytest.fixture(scope="session")
def readable(operations):
    """The operations that a page can read without changing anything."""
    return [operation for operation in operations if not operation.unsafe]


@pytest.fixture(scope="session")
def granted(api, target, operations, alice):
    """What each declared origin is granted: the positive control."""
    return [
        grant
        for origin in target.cors.allowed_origins
        for grant in preflight(api, operations, origin, principal=alice) + ask(api, operations, origin)
    ]


@pytest.fixture(scope="session")
def refused(api, target, operations, readable, alice):
    """What every other origin is granted: on the preflight, on errors, and on answers with a token."""
    grants = []
    for origin in foreign_origins(target.cors.allowed_origins):
        grants += preflight(api, operations, origin.value, principal=alice)
        grants += ask(api, operations, origin.value, principal=alice)
        if origin.name in ("foreign", "null", "suffix"):
            grants += ask(api, readable, origin.value, principal=alice, token=alice.token)
    return _answered(grants)


def _answered(grants):
    seen = [grant for grant in grants if grant.exchange.answered]
    if not seen:
        raise Inconclusive("no operation answered a request with an Origin")
    return seen


def _names(target):
    return {origin.value: origin.name for origin in foreign_origins(target.cors.allowed_origins)}


def _kinds(target, grants):
    """The kinds of origin that were granted, each with its first witness: one wrong comparison is one finding."""
    names = _names(target)
    kinds = {}
    for grant in grants:
        kinds.setdefault(names.get(grant.origin, grant.origin), []).append(grant)
    for name, found in kinds.items():
        yield Problem(
            subject=f"origin {name}",
            message=f"({found[0].origin}) was granted by {len({grant.subject for grant in found})} operations, such as",
            expected="no Access-Control-Allow-Origin",
            actual=f"{found[0].subject}: {found[0].actual}",
            observation=found[0].observation,
        )


def test_declared_origins_are_exact_and_https(target, coverage):
    """An allow-list with a wildcard, null or a plain-HTTP origin is not one."""
    origins = target.cors.allowed_origins
    coverage.unit = "declared origins"
    coverage.tested(origins or "no origin is declared")
    wrong = [origin for origin in origins if "*" in origin or urlsplit(origin).scheme != "https"]
    reject([Problem(f"origin {origin}", "is no exact https origin", "https://host[:port]") for origin in wrong])


def test_declared_origin_is_granted(granted, target, coverage):
    """A stack that grants nobody would pass all the rest without being looked at."""
    coverage.unit = "operations"
    if not target.cors.allowed_origins:
        coverage.tested("no origin is declared: nothing must be granted")
        return
    preflights = [grant for grant in _answered(granted) if grant.preflight]
    coverage.tested(preflights)
    reject([grant for grant in preflights if not grant.granted], "refused a declared origin", expected="granted")


def test_foreign_origin_is_refused(refused, target, coverage):
    """Any page could read what an operation answers to it."""
    coverage.unit = "operations"
    coverage.tested(refused)
    reject(_kinds(target, [grant for grant in refused if grant.granted and not grant.wildcard]))


def test_no_wildcard(refused, granted, coverage):
    """`*` is the opposite of an allow-list, on errors as on successes."""
    coverage.unit = "operations"
    coverage.tested(refused)
    open_to_all = {grant.subject: grant for grant in refused + granted if grant.wildcard}
    reject(open_to_all.values(), "lets any origin read its answers", expected="no wildcard")


def test_credentials_are_not_granted_to_foreign_origins(refused, target, coverage):
    """With credentials the page acts as the user who visits it."""
    coverage.unit = "operations"
    coverage.tested(refused)
    reject(_kinds(target, [grant for grant in refused if grant.credentials and grant.granted]))


def test_credentials_only_where_declared(granted, refused, target, coverage):
    """A bearer API needs no ambient credentials; what is not declared must not be granted."""
    coverage.unit = "operations"
    coverage.tested(granted or refused)
    if not target.cors.allow_credentials:
        undeclared = {grant.subject: grant for grant in granted if grant.credentials}
        reject(undeclared.values(), "grants credentials that the target file does not declare", expected="none")


def test_preflight_grants_only_real_methods(api, target, operations, alice, coverage):
    """Reflecting whatever method is asked for opens the way for the next handler."""
    origins = target.cors.allowed_origins[:1] or ["https://attacker.example"]
    grants = _answered(preflight(api, operations, origins[0], principal=alice, method="TRACE"))
    coverage.unit = "operations"
    coverage.tested(grants)
    loose = [grant for grant in grants if grant.granted and grant.allows_method("TRACE")]
    reject(loose, "grants the method TRACE", expected="the methods of the operation")


def test_preflight_grants_only_needed_headers(api, target, operations, alice, coverage):
    """Reflecting whatever header is asked for lets a page forge those that proxies trust."""
    origins = target.cors.allowed_origins[:1] or ["https://attacker.example"]
    grants = _answered(preflight(api, operations, origins[0], principal=alice, header="x-forwarded-user"))
    coverage.unit = "operations"
    coverage.tested(grants)
    loose = [grant for grant in grants if grant.granted and grant.allows_header("x-forwarded-user")]
    reject(loose, "grants the header X-Forwarded-User", expected="the headers that the API uses")


def test_answers_that_depend_on_the_origin_say_so(granted, coverage):
    """Without `Vary: Origin` a cache hands one origin's grant to another (Fetch standard, CORS and caches)."""
    coverage.unit = "operations"
    dynamic = [grant for grant in granted if grant.values and not grant.wildcard]
    coverage.tested(dynamic or "no answer depends on the origin")
    unsaid = {}
    for grant in dynamic:
        varied = ",".join(grant.exchange.header_all("Vary")).lower()
        if not {"origin", "*"} & {part.strip() for part in varied.split(",")}:
            unsaid[grant.subject] = grant
    reject(unsaid.values(), "grants an origin without Vary: Origin", expected="Vary: Origin")


def test_one_origin_is_named(granted, refused, coverage):
    """Several values, or several headers, are invalid, and browsers differ in what they make of them."""
    coverage.unit = "operations"
    coverage.tested(refused)
    several = {
        g.subject: g for g in granted + refused if len(g.values) > 1 or any(" " in v or "," in v for v in g.values)
    }
    reject(several.values(), "names more than one origin", expected="one Access-Control-Allow-Origin")


def test_preflight_is_not_cached_for_long(granted, refused, coverage):
    """A withdrawn grant lives on in browsers until the preflight's answer expires."""
    coverage.unit = "operations"
    coverage.tested(granted or refused)
    ages = {grant.subject: grant for grant in granted if grant.preflight and _max_age(grant) > LONGEST_MAX_AGE}
    reject(ages.values(), f"lets preflights be cached for more than {LONGEST_MAX_AGE} s")


def _max_age(grant):
    value = (grant.exchange.header("Access-Control-Max-Age") or "0").strip()
    return int(value) if value.isdigit() else 0


def test_private_network_access_is_not_granted(api, operations, alice, coverage):
    """A public page must not reach the API through a visitor's own network."""
    asking = (("Access-Control-Request-Private-Network", "true"), ("Access-Control-Request-Local-Network", "true"))
    origin = "https://attacker.example"
    grants = _answered(preflight(api, operations, origin, principal=alice, extra=asking))
    coverage.unit = "operations"
    coverage.tested(grants)
    names = ("Access-Control-Allow-Private-Network", "Access-Control-Allow-Local-Network")
    reject(
        [grant for grant in grants if any(grant.exchange.header(name) == "true" for name in names)],
        "grants private-network access to a foreign origin",
        expected="no grant",
    )
