"""Pipelined requests on real servers: those whose limiter misses some, and those that answer but one of them."""

import pytest
from counted import by_subject, caller, observer

from chimera_compliance.probes.http.exchange import Request
from chimera_compliance.probes.rate_limits.pipelining import FAMILY, pipelined
from chimera_compliance.probes.rate_limits.pressure import _REFUSED as REFUSED
from chimera_compliance.probes.rate_limits.pressure import _THROUGH as THROUGH
from chimera_compliance.probes.rate_limits.pressure import _UNANSWERED as UNANSWERED
from chimera_compliance.probes.rate_limits.pressure import _common

_NO_REFILL = 5
"""Seconds of a window that a busy machine does not outlast."""


@pytest.fixture
def seen(tmp_path, monkeypatch):
    """How pipelining fares on a server with these settings, as alice."""

    def observe_it(**settings):
        observed, _ = observer(tmp_path, monkeypatch)(**settings)
        bypasses = by_subject(observed)["/* as alice"].bypasses
        pressed = {True: [], False: []}
        for item in bypasses:
            pressed[item.probe.family == FAMILY].append(item)
        assert not any(item.admitted for item in pressed[False]), "another family"
        return pressed[True][0]

    return observe_it


def statuses(item):
    return [exchange.status for exchange in item.at_once]


def of_several(handler):
    return handler.rfile.raw.several


def by_segment(handler):
    """Counts whoever comes first in a segment."""
    before, handler.segment = getattr(handler, "segment", None), handler.rfile.raw.count
    return None if before == handler.segment else caller(handler)


def test_a_right_limiter_refuses_each(seen):
    item = seen(window=_NO_REFILL)
    assert statuses(item) == [429] * 4
    assert not item.admitted
    assert not item.undecided
    assert [exchange.request.note for exchange in item.at_once][1] == "while limited, pipelined, 2 of 4"


def test_a_limiter_that_counts_segments_lets_all_but_the_first_through(seen):
    item = seen(key=by_segment, window=_NO_REFILL)
    assert statuses(item) == [429, 200, 200, 200]
    assert item.admitted
    assert item.actual == "200 OK"


@pytest.mark.parametrize(
    "closes", [lambda status: True, lambda status: status == 429], ids=["after-each-answer", "after-each-refusal"]
)
def test_a_server_that_closes_the_connection_gives_nothing_away(seen, closes):
    item = seen(lie=lambda status: {"Connection": "close"} if closes(status) else {})
    assert statuses(item)[1:] == [None, None, None]
    assert {exchange.error for exchange in item.at_once[1:]} == {"the server closed the connection without an answer"}
    assert not item.admitted
    assert not item.undecided, "the first of them was served before the limit"


@pytest.mark.parametrize(
    ("fates", "common", "telling"),
    [
        ([THROUGH], THROUGH, 0),
        ([REFUSED, THROUGH, THROUGH, THROUGH], THROUGH, 1),
        ([REFUSED, THROUGH, REFUSED, THROUGH], THROUGH, 1),
        ([THROUGH, REFUSED, REFUSED, THROUGH], REFUSED, 1),
        ([THROUGH, UNANSWERED, UNANSWERED, UNANSWERED], REFUSED, 0),
        ([REFUSED, UNANSWERED, UNANSWERED, UNANSWERED], REFUSED, 0),
        ([UNANSWERED] * 4, UNANSWERED, 0),
    ],
)
def test_what_several_at_once_come_to(fates, common, telling):
    assert _common(fates) == (common, telling)


def test_what_a_limit_refills_meanwhile_is_not_gained(seen):
    item = seen(key=by_segment, slow=lambda handler: 0.5 if of_several(handler) else 0)
    assert not item.admitted
    assert "refilled" in item.undecided or "exhausted long enough" in item.undecided


def test_a_server_that_answers_no_pipelined_request_leaves_it_undecided(seen):
    item = seen(odd=lambda handler: 0 if of_several(handler) else None)
    assert not item.admitted
    assert item.undecided == "the server closed the connection without an answer"


def test_a_server_that_refuses_to_pipeline_leaves_it_undecided(seen):
    item = seen(odd=lambda handler: 400 if of_several(handler) else None)
    assert not item.admitted
    said = "pipelined requests were not served after the limit had recovered either: 400 Bad Request"
    assert item.undecided == said


def test_without_recovery_a_server_that_answers_one_leaves_it_undecided(seen):
    item = seen(window=3600, lie=lambda status: {"Connection": "close"})
    assert "did not recover" in item.undecided


def test_only_reads_are_pipelined():
    assert [*pipelined(lambda: Request("POST", "/notes", body=b"{}"))] == []
    assert [*pipelined(lambda: Request("HEAD", "/notes"))] == []
