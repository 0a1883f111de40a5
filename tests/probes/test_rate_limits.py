"""Limits as servers keep and tell them: what a burst, a round of probes and a wait make of each, on real servers."""

from urllib.parse import urlsplit

import pytest
from counted import LIMIT, by_subject, caller, observer, serving

from chimera_compliance.journal import Journal
from chimera_compliance.probes.http.api import Api
from chimera_compliance.probes.http.exchange import Exchange, Request
from chimera_compliance.probes.rate_limits.bursts import Burst, fire, tolerance
from chimera_compliance.probes.rate_limits.bypasses import same_thing
from chimera_compliance.probes.rate_limits.classes import classes, most_specific, strangers_limit
from chimera_compliance.probes.rate_limits.headers import told
from chimera_compliance.target import RateLimit, Target


@pytest.fixture
def observing(tmp_path, monkeypatch):
    return observer(tmp_path, monkeypatch)


def test_a_right_limiter_is_seen_as_one(observing):
    observed, server = observing()
    assert [quota.reason for quota in observed.all] == [""] * len(observed.all)
    assert all(quota.exhausted and not quota.burst.excessive for quota in observed.all)
    alice = by_subject(observed)["/* as alice"]
    assert {item.subject for item in alice.operations} == {
        "GET /notes/{note_id}",
        "DELETE /notes/{note_id}",
        "GET /vault",
    }
    assert not any(item.admitted or item.undecided for item in alice.operations + alice.bypasses)
    assert not alice.neighbour.locked_out
    assert all(quota.recovery.in_time for quota in observed.all)
    assert ("DELETE", "/notes/n-1", b"") not in server.seen


def test_logins_are_never_those_of_the_document(observing):
    observed, server = observing()
    assert "POST /login with bad credentials" in by_subject(observed)
    bodies = {body for method, path, body in server.seen if path == "/login"}
    assert len(bodies) > LIMIT
    assert not any(b"alice" in body for body in bodies)


def test_no_limit_at_all(observing):
    observed, _ = observing(key=lambda handler: None)
    assert all(quota.burst.unlimited and not quota.exhausted for quota in observed.known if quota.burst)
    assert by_subject(observed)["/* as alice"].bypasses == []


def test_an_operation_left_out(observing):
    observed, _ = observing(key=lambda handler: None if handler.path.startswith("/vault") else caller(handler))
    pressed = by_subject(observed)["/* as alice"].operations
    assert [item.subject for item in pressed if item.admitted] == ["GET /vault"]


def test_an_operation_with_a_limit_of_its_own_is_limited(observing):
    own = lambda handler: caller(handler) + ("vault" if handler.path.startswith("/vault") else "")  # noqa: E731
    observed, _ = observing(key=own)
    assert not any(item.admitted for item in by_subject(observed)["/* as alice"].operations)


@pytest.mark.parametrize(
    ("mark", "names"),
    [
        (lambda handler: handler.headers.get("X-Forwarded-For", ""), {"X-Forwarded-For", "X-Forwarded-For: 127.0.0.1"}),
        (lambda handler: handler.headers.get("True-Client-IP", ""), {"True-Client-IP"}),
        (lambda handler: urlsplit(handler.path).query, {"query noise"}),
        (lambda handler: handler.command, {"HEAD"}),
    ],
)
def test_disguises_that_lift_the_limit(observing, mark, names):
    observed, _ = observing(key=lambda handler: f"{caller(handler)} {mark(handler)}")
    admitted = {item.probe.name for item in by_subject(observed)["/* as alice"].bypasses if item.admitted}
    assert admitted == names


def test_a_counter_that_tenants_share(observing):
    def shared(handler):
        return "everybody" if "Authorization" in handler.headers else caller(handler)

    alice = by_subject(observing(key=shared)[0])["/* as alice"]
    assert alice.neighbour.locked_out
    assert alice.neighbour.confirmed


def test_a_window_that_outlives_its_declaration(observing):
    observed, _ = observing(window=12)
    assert not any(quota.recovery.recovered for quota in observed.known)


def test_a_reset_that_is_named_too_early(observing):
    observed, _ = observing(window=12, lie=lambda status: {"Retry-After": 1} if status == 429 else {})
    assert not any(quota.recovery.in_time for quota in observed.known)


def test_refusals_without_429_are_refusals(observing):
    observed, _ = observing(refusal=503)
    alice = by_subject(observed)["/* as alice"]
    assert alice.exhausted
    assert alice.burst.first_refusal.status == 503
    assert not any(item.admitted for item in alice.operations + alice.bypasses)


@pytest.mark.parametrize(
    ("scope", "reason"),
    [({"rate": 3}, "scope.requests_per_second is too low"), ({"requests": 90}, "scope.requests leaves")],
)
def test_what_the_scope_does_not_bear_is_untested(observing, scope, reason):
    observed, server = observing(**scope)
    assert all(reason in quota.reason for quota in observed.all)
    assert len(server.seen) < LIMIT


def burst_of(limit, answers, seconds):
    control = Exchange(Request("GET", "/"), 200)
    burst = Burst(RateLimit(limit=limit, window_seconds=10), control)
    burst.add([Exchange(Request("GET", "/"), status) for status in answers], seconds)
    return burst


class TestBursts:
    """A limit of 100 in 10 s."""

    def test_a_limit_in_time(self):
        burst = burst_of(100, [200] * 100 + [429] * 10, 1)
        assert (burst.refused, burst.excessive, burst.unlimited, burst.untested) == (True, False, False, "")

    def test_a_bucket_refills_while_the_burst_lasts(self):
        assert not burst_of(100, [200] * 150 + [429], 5).excessive
        assert burst_of(100, [200] * 150 + [429], 1).excessive

    def test_a_fixed_window_may_end_in_between(self):
        assert not burst_of(100, [200] * 205, 0.1).unlimited
        assert burst_of(100, [200] * 230, 0.1).unlimited

    def test_too_slow_to_tell(self):
        burst = burst_of(100, [200] * 90, 12)
        assert "only 8 requests a second were reached" in burst.untested

    def test_a_limit_of_one_tolerates_two(self):
        assert tolerance(RateLimit(limit=1)) == 2


def test_a_burst_ends_with_the_budget(tmp_path):
    with serving(key=lambda handler: None) as server:
        path = tmp_path / "target.yaml"
        path.write_text(
            f"name: x\nscope: {{requests: 200}}\napi: {{base_url: 'http://127.0.0.1:{server.server_port}'}}"
        )
        with Api(Target.load(path), Journal()) as api:
            control = api.send([Request("GET", "/health")])[0]
            burst = fire(api, lambda: Request("GET", "/health"), RateLimit(limit=20, window_seconds=3600), control)
    assert burst.unlimited or "more requests are needed" in burst.untested


class TestClasses:
    general, money = RateLimit(paths=["/*"], limit=100), RateLimit(paths=["/commerce/*"], limit=10)

    def operation(self, path):
        from chimera_compliance.probes.openapi.operations import Operation

        return Operation(f"GET {path}", "GET", path)

    def test_the_pattern_that_says_most_decides(self):
        for limits in ([self.general, self.money], [self.money, self.general]):
            assert most_specific(self.operation("/commerce/wallets/{id}"), limits) is self.money
            assert most_specific(self.operation("/tasks"), limits) is self.general

    def test_nothing_matches(self):
        assert most_specific(self.operation("/tasks"), [self.money]) is None

    def test_what_is_not_declared_is_assumed(self):
        found = classes(Target(name="x", api={"base_url": "http://x.example"}), [self.operation("/tasks")])
        assert [(item.declared, item.limit.limit) for item in found] == [(False, 100)]

    def test_strangers_have_three_times_the_largest_limit(self):
        target = Target(name="x", api={"base_url": "http://x.example"}, rate_limits=[self.money, self.general])
        limit, declared = strangers_limit(target, self.operation("/tasks"))
        assert (limit.limit, declared) == (300, False)


def page(body, media_type="application/json", status=200, method="GET"):
    return Exchange(Request(method, "/"), status, headers=(("Content-Type", media_type),), body=body)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (page(b'{"items": [2], "total": 9}', "application/json; charset=utf-8"), True),
        (page(b'{"error": "no such page"}'), False),
        (page(b"<html>", "text/html"), False),
        (page(b"", method="HEAD"), True),
        (page(b'{"items": [], "total": 0}', status=404), False),
    ],
)
def test_a_page_that_every_path_has_is_nothing_gained(other, same):
    assert same_thing(page(b'{"items": [1], "total": 1}'), other) is same


NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("headers", "limits", "remaining", "reset"),
    [
        ({"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "3", "X-RateLimit-Reset": "1800000030"}, (10,), 3, 30),
        ({"X-RateLimit-Reset": "1800000030000"}, (), None, 30),
        ({"X-RateLimit-Reset": "1799999940"}, (), None, -60),
        ({"RateLimit-Limit": "100, 100;w=60", "RateLimit-Remaining": "0", "RateLimit-Reset": "7"}, (100,), 0, 7),
        ({"RateLimit": '"a";r=5;t=30', "RateLimit-Policy": '"a";q=100;w=60'}, (100,), 5, 30),
        ({"RateLimit": "limit=10, remaining=0, reset=9"}, (10,), 0, 9),
        ({"X-RateLimit-Limit-Minute": "60", "X-RateLimit-Remaining-Minute": "59"}, (60,), 59, None),
        ({"Retry-After": "5", "X-RateLimit-Reset": "1800000030"}, (), None, 5),
        ({"Retry-After": "Fri, 15 Jan 2027 08:00:20 GMT"}, (), None, 20),
        ({"X-RateLimit-Limit": "many", "Retry-After": "soon", "X-RateLimit-Remaining": "nan"}, (), None, None),
        ({"Date": "Fri, 15 Jan 2027 07:00:00 GMT", "X-RateLimit-Reset": "1799996410"}, (), None, 10),
    ],
)
def test_what_headers_tell(headers, limits, remaining, reset):
    said = told(Exchange(Request("GET", "/"), 429, headers=tuple(headers.items())), NOW)
    assert (said.limits, said.remaining, said.reset) == (limits, remaining, reset)
