"""The Observatory's figure against its published scoring tables."""

import pytest

from chimera_compliance.probes.headers.csp_sources import Address
from chimera_compliance.probes.headers.observatory import Score, score
from chimera_compliance.probes.headers.responses import Response
from chimera_compliance.probes.http.exchange import Exchange, Request

BEST = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; form-action 'none'",
    "Strict-Transport-Security": "max-age=63072000",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def response(headers=(), body=b"", scheme="https", sent=()):
    exchange = Exchange(Request("GET", "/", tuple(sent)), 200, headers=tuple(headers), body=body)
    return Response(exchange, "public", Address.of(f"{scheme}://api.example.com"))


def modifier(test, name, value, scheme="https"):
    others = [(key, text) for key, text in BEST.items() if key != name]
    return score(response([*others, (name, value)], scheme=scheme)).modifiers[test]


def test_the_best_an_api_can_have():
    found = score(response(BEST.items()))
    assert (found.points, found.grade) == (130, "A+")


def test_nothing_at_all_over_https_and_over_http():
    assert score(response()).points == 30  # -25 policy, -20 pin, -5 sniffing, -20 framing
    assert score(response()).grade == "D"
    assert score(response(scheme="http")).points == 10


def test_bonuses_count_from_ninety_only():
    assert Score({"a": -15, "b": 20}).points == 85
    assert Score({"a": -10, "b": 20}).points == 110
    assert Score({"a": -120}).points == 0


@pytest.mark.parametrize(
    ("policy", "points"),
    [
        ("default-src 'none'", 10),
        ("default-src 'self'", 5),
        ("default-src 'self'; style-src 'self' 'unsafe-inline'", 0),
        ("default-src 'self'; img-src http://images.example", -10),
        ("default-src 'self' 'unsafe-eval'", -10),
        ("script-src 'self' 'unsafe-inline'; object-src 'none'", -20),
        ("script-src 'nonce-abc' 'unsafe-inline'; object-src 'none'; style-src 'self'", 5),
        ("script-src 'nonce-abc' 'strict-dynamic' https: 'unsafe-inline'; object-src 'none'; style-src 'self'", 5),
        ("script-src 'strict-dynamic'", -25),
        ("script-src https:; object-src 'none'", -20),
        ("script-src 'self'", -20),
        ("default-src 'self'; connect-src http://x.example", -20),
        ("default-src 'self'; default-src 'none'", -25),
        ("default-src *, default-src 'none'", 10),
    ],
)
def test_policy(policy, points):
    assert modifier("content-security-policy", "Content-Security-Policy", policy) == points


@pytest.mark.parametrize(
    ("test", "name", "value", "points"),
    [
        ("strict-transport-security", "Strict-Transport-Security", "max-age=15768000", 0),
        ("strict-transport-security", "Strict-Transport-Security", "max-age=600", -10),
        ("strict-transport-security", "Strict-Transport-Security", "forever", -20),
        ("referrer-policy", "Referrer-Policy", "unsafe-url", -5),
        ("referrer-policy", "Referrer-Policy", "unknown", -5),
        ("cross-origin-resource-policy", "Cross-Origin-Resource-Policy", "cross-origin", 0),
        ("cross-origin-resource-policy", "Cross-Origin-Resource-Policy", "none", -5),
        ("x-content-type-options", "X-Content-Type-Options", "sniff", -5),
        ("x-frame-options", "Content-Security-Policy", "default-src 'none'", -20),
        ("cookies", "Set-Cookie", "a=b; Secure; HttpOnly; SameSite=Lax", 5),
        ("cookies", "Set-Cookie", "a=b; Secure", 0),
        ("cookies", "Set-Cookie", "a=b", -5),
        ("cookies", "Set-Cookie", "session=b; HttpOnly", -10),
        ("cookies", "Set-Cookie", "session=b; Secure", -30),
        ("cookies", "Set-Cookie", "a=b; Secure; SameSite=Maybe", -20),
    ],
)
def test_other_headers(test, name, value, points):
    assert modifier(test, name, value) == points


def test_a_session_cookie_that_nothing_protects():
    headers = [("Set-Cookie", "session=b")]
    assert score(response(headers)).modifiers["cookies"] == -40


def test_sharing_with_any_origin_and_credentials():
    sent = [("Origin", "https://attacker.example")]
    answer = [("Access-Control-Allow-Origin", "https://attacker.example"), ("Access-Control-Allow-Credentials", "true")]
    shared = score(response(), [response(answer, sent=sent)])
    assert shared.modifiers["cross-origin-resource-sharing"] == -50
    public = score(response(), [response([("Access-Control-Allow-Origin", "*")], sent=sent)])
    assert public.modifiers["cross-origin-resource-sharing"] == 0


@pytest.mark.parametrize(
    ("markup", "points"),
    [
        (b"<p>no script</p>", 0),
        (b"<script src=/own.js></script>", 0),
        (b"<script src='https://cdn.example/a.js'></script>", -5),
        (b'<SCRIPT SRC="//cdn.example/a.js"></script>', -50),
        (b"<script src=https://cdn.example/a.js integrity=sha256-x></script>", 5),
    ],
)
def test_scripts_of_other_hosts(markup, points):
    headers = [("Content-Type", "text/html; charset=utf-8")]
    assert score(response(headers, markup)).modifiers["subresource-integrity"] == points
