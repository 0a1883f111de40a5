"""C12  Every response, errors and redirects included, carries the headers that bind browsers and caches."""

from collections import Counter

import pytest

from chimera_compliance import Inconclusive, control, reject
from chimera_compliance.probes.headers import values as headers
from chimera_compliance.probes.headers.conflicts import conflicts
from chimera_compliance.probes.headers.csp_sources import STRANGER, UNTRUSTED
from chimera_compliance.probes.headers.responses import problems

pytestmark = control("C12")

GOVERNED = {"shows": "Content-Security-Policy", "without": "no response has a policy in force that could be judged"}
YEAR = 365 * 24 * 3600
SAFE_REFERRERS = {"no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin"}
SAFE_OPENERS = {"same-origin", "same-origin-allow-popups", "same-origin-plus-coep", "noopener-allow-popups"}


@pytest.fixture
def judge(responses, coverage):
    """Rejects what `faults` says of a population, and counts it as tested."""

    def judge(population, faults, *, without="no response has content", **settings):
        if not population:
            raise Inconclusive(without)
        coverage.unit = "responses"
        coverage.tested(*population)
        for subject, reason in responses.unseen.items():
            coverage.untested(subject, reason)
        reject(problems(population, faults, **settings))

    return judge


def _if(condition, message):
    """Faults for `problems`: the one message where the condition holds."""
    return lambda response: [message] if condition(response) else []


def test_policy_is_enforced(responses, judge):
    """A policy that is missing on errors, or only reports, protects nobody there."""

    def faults(response):
        if not response.policies.enforced:
            reports = response.policies.report_only
            yield "has a Content-Security-Policy that only reports" if reports else "has no Content-Security-Policy"

    judge(responses.rendered, faults, expected="a Content-Security-Policy that is enforced")


def test_policy_stops_injected_scripts(responses, judge):
    """What an attacker smuggles into a page must not run, whatever the words of the policy are."""
    times_used = Counter(nonce for response in responses.governed for nonce in response.policies.nonces)

    def faults(response):
        policies = response.policies
        if policies.allows_inline("elem") or policies.allows_inline("attr"):
            yield "lets injected inline scripts run"
        if policies.allows_eval():
            yield "lets text be evaluated as code"
        for name, addresses in UNTRUSTED.items():
            if any(policies.allows_script(address, response.origin) for address in addresses):
                yield f"lets scripts be loaded from {name}"
                break
        if any(times_used[nonce] > 1 for nonce in policies.nonces):
            yield "repeats a nonce, which injected scripts can then carry"

    judge(responses.governed, faults, expected="only trusted scripts run", **GOVERNED)


def test_policy_confines_plugins_base_and_forms(responses, judge):
    """ASVS v5.0.0-3.4.3: object-src and base-uri; base and forms matter where there is a document or a script."""

    def faults(response):
        policies, allows = response.policies, response.policies.allows
        if allows("object-src", STRANGER, response.origin) and not policies.sandboxed_without("allow-scripts"):
            yield "lets plugins be loaded from any site"
        alive = policies.runs_scripts or response.is_document
        if alive and allows("base-uri", STRANGER, response.origin):
            yield "lets injected markup move the base URL to any site"
        confined = policies.sandboxed_without("allow-forms")
        if response.is_document and not confined and allows("form-action", STRANGER, response.origin):
            yield "lets injected forms be sent to any site"

    expected = "object-src 'none' (or default-src), base-uri 'none', on documents also form-action"
    judge(responses.governed, faults, expected=expected, **GOVERNED)


def test_policy_is_understood_by_browsers(responses, judge):
    """A directive with a slip in it is dropped in silence."""

    def faults(response):
        if ignored := sorted(set(response.policies.ignored)):
            yield f"has a policy of which browsers ignore: {', '.join(ignored[:5])}"

    judge(responses.governed, faults, expected="nothing that browsers ignore", **GOVERNED)


def test_framing_is_denied(responses, judge):
    """A page that can be framed can be clicked for somebody (ASVS v5.0.0-3.4.6); frame-ancestors overrules."""

    def faults(response):
        policies, options = response.policies, headers.frame_options(response.all("X-Frame-Options"))
        if any("frame-ancestors" in policy.directives for policy in policies.in_header):
            if policies.allows_framing(STRANGER, response.origin):
                yield "can be framed by any site: frame-ancestors allows it, and overrules X-Frame-Options"
        elif not options & {"DENY", "SAMEORIGIN"}:
            stale = " (its X-Frame-Options is none that browsers know)" if options else ""
            yield f"can be framed by any site{stale}"

    judge(responses.rendered, faults, shows="X-Frame-Options", expected="frame-ancestors, or DENY or SAMEORIGIN")


def test_sniffing_is_off(responses, judge):
    """A browser that guesses the type makes a script of data (ASVS v5.0.0-3.4.4)."""
    name = "X-Content-Type-Options"
    faults = _if(lambda x: not headers.stops_sniffing(x.all(name)), "may be taken for another type than it declares")
    judge(responses.rendered, faults, shows=name, expected=f"{name}: nosniff")


def test_referrer_is_withheld(responses, judge):
    """Addresses hold ids, and must not reach other sites (ASVS v5.0.0-3.4.5)."""

    def faults(response):
        policy = headers.referrer_policy(response.all("Referrer-Policy"))
        if policy not in SAFE_REFERRERS:
            yield f"has the Referrer-Policy {policy}" if policy else "has no Referrer-Policy that browsers know"

    judge(responses.rendered, faults, shows="Referrer-Policy", expected=f"one of {', '.join(sorted(SAFE_REFERRERS))}")


def test_https_is_pinned(responses, judge):
    """Without it the first request of every visit can be made over plain HTTP (ASVS v5.0.0-3.4.1)."""

    def faults(response):
        pin = response.pin
        if not response.is_secure:
            yield "comes over plain HTTP, where browsers ignore Strict-Transport-Security (RFC 6797, 8.1)"
        elif pin is None:
            yield "has no Strict-Transport-Security"
        elif pin.fault:
            yield f"has a Strict-Transport-Security that browsers discard: {pin.fault}"
        elif pin.max_age < YEAR:
            yield f"pins HTTPS for {pin.max_age} seconds only"

    judge(responses.items, faults, shows="Strict-Transport-Security", expected=f"max-age of at least {YEAR}")


def test_https_pin_covers_subdomains(responses, judge):
    """A subdomain over plain HTTP can set cookies for the API's host."""
    pinned = [response for response in responses if response.pin and not response.pin.fault]
    faults = _if(lambda response: not response.pin.include_subdomains, "pins HTTPS for its own host only")
    without = "no response has a Strict-Transport-Security that browsers accept"
    judge(pinned, faults, shows="Strict-Transport-Security", expected="includeSubDomains", without=without)


def test_permissions_are_dropped(responses, judge):
    """An answer that is shown as a page needs no camera."""

    def faults(response):
        granted = headers.permissions(response.all("Permissions-Policy"))
        if granted is None:
            yield "has a Permissions-Policy that browsers cannot read"
        elif not granted:
            yield "has no Permissions-Policy"
        elif widely := sorted(feature for feature, origins in granted.items() if "*" in origins):
            yield f"grants every site {', '.join(widely[:5])}"

    judge(responses.rendered, faults, shows="Permissions-Policy", expected="features denied, such as camera=()")


def test_other_origins_are_kept_apart(responses, judge):
    """COOP cuts a window off from who opened it, CORP keeps answers out of other sites' processes."""

    def faults(response):
        if headers.single_token(response.all("Cross-Origin-Opener-Policy")) not in SAFE_OPENERS:
            yield "has no Cross-Origin-Opener-Policy that separates"
        if headers.single_token(response.all("Cross-Origin-Resource-Policy")) not in ("same-origin", "same-site"):
            yield "has no Cross-Origin-Resource-Policy that keeps other sites out"

    judge(responses.rendered, faults, expected="Cross-Origin-Opener-Policy and -Resource-Policy: same-origin")


def test_personal_answers_are_not_cached(responses, judge):
    """A tenant's data kept by a cache reaches whoever asks next (RFC 9111, 3; ASVS v5.0.0-14.3.2)."""

    def faults(response):
        names = ("Cache-Control", "CDN-Cache-Control", "Surrogate-Control")
        control, *shared = (headers.cache_directives(response.all(name)) for name in names)
        if response.is_personal and not headers.asks_origin_first(control):
            yield "may be kept by caches and shown again without asking"
        if any(headers.lifetime(directives) > 0 for directives in shared):
            yield "tells shared caches to keep it"
        if not response.is_personal and (headers.lifetime(control) > 0 or "public" in control):
            yield "invites caches to keep the answer to a credential"

    authenticated = [response for response in responses if response.authenticated]
    if not any(response.is_personal for response in authenticated):
        raise Inconclusive("no read with a valid token succeeded")
    judge(authenticated, faults, shows="Cache-Control", expected="no-store, or no-cache")


def test_no_version_is_advertised(responses, judge):
    """A version tells an attacker which known holes to try (ASVS v5.0.0-13.4.6); a bare product name is tolerated."""

    def faults(response):
        page = response.exchange.body if response.status >= 400 else b""
        yield from (f"gives away {banner}" for banner in headers.banners(response.exchange.headers, page))

    judge(responses.items, faults, expected="no product version and no X-Powered-By")


def test_headers_are_single_and_agree(responses, judge):
    """Where two layers disagree, which of them counts depends on the browser."""

    judge(responses.items, conflicts, expected="each header once, and no two that contradict each other")


def test_cookies_are_guarded(responses, judge, target):
    """A cookie is a credential to whoever can read it or have it sent (ASVS v5.0.0-3.3.1 to 3.3.4)."""

    def faults(response):
        for cookie in map(headers.Cookie.parse, response.all("Set-Cookie")):
            given = cookie.attributes
            same_site = given.get("samesite", "").lower()
            if cookie.is_deleted:
                continue
            if "secure" not in given:
                yield f"sets the cookie {cookie.name} without Secure"
            if "httponly" not in given and not cookie.is_for_scripts:
                yield f"sets the cookie {cookie.name} without HttpOnly"
            if same_site not in ("lax", "strict") and not (same_site == "none" and target.cors.allow_credentials):
                yield f"sets the cookie {cookie.name} without SameSite=Lax or Strict"
            if cookie.breaks_its_prefix:
                yield f"sets the cookie {cookie.name} so that browsers reject it: __Host- wants Path=/ and no Domain"

    judge(responses.items, faults, expected="Secure; HttpOnly; SameSite=Lax or Strict")


def test_content_type_is_declared(responses, judge):
    """What has no type or charset is guessed, and a guess can be steered (ASVS v5.0.0-4.1.1)."""

    def faults(response):
        kind, body = response.media_type, response.exchange.body
        if kind is None:
            yield "has content without a valid Content-Type"
        elif kind.essence == "text/html" and isinstance(response.exchange.json(), dict | list):
            yield "labels JSON as HTML"
        elif kind.is_text and not (kind.charset or b"charset=" in body[:1024] or b"encoding=" in body[:1024]):
            yield "leaves the charset of text to be guessed"
        elif kind.charset and not kind.has_safe_charset:
            yield f"declares the charset {kind.charset[:30]}"

    filled = [response for response in responses if response.exchange.body]
    judge(filled, faults, shows="Content-Type", expected="a Content-Type, and on text a charset such as utf-8")


def test_no_harmful_legacy_header(responses, judge):
    """The old XSS filter has itself been turned against users, and pinned keys lock them out."""

    def faults(response):
        if any(value.strip().startswith("1") for value in response.all("X-XSS-Protection")):
            yield "switches the old XSS filter on"
        if response.all("Public-Key-Pins"):
            yield "pins keys by Public-Key-Pins"

    judge(responses.items, faults, expected="X-XSS-Protection absent or 0, and no Public-Key-Pins")
