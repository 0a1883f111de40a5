"""Whatever a server does, a sweep comes back with an exchange that says so, in time, and the next request works."""

import gzip
import os
import signal
import socket
import threading
import time
import zlib

import pytest
from loopback import always, answer, api_for, serving

from chimera_compliance.probes.http.api import Unresponsive
from chimera_compliance.probes.http.exchange import Request
from chimera_compliance.probes.http.reading import LARGEST_BODY

GET = Request("GET", "/x")


def exchange(behave, tmp_path, request=GET, **scope):
    with serving(behave) as server, api_for(server.url, tmp_path, **scope) as api:
        return api.send([request])[0]


def hang(connection, request):
    time.sleep(30)


def reset(connection, request):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    connection.close()


def stream(piece: bytes, head: bytes):
    def behave(connection, request):
        connection.sendall(head)
        while True:
            connection.sendall(piece)

    return behave


def trickle(head: bytes, piece: bytes):
    def behave(connection, request):
        connection.sendall(head)
        while True:
            connection.sendall(piece)
            time.sleep(0.05)

    return behave


def test_an_unreachable_api_is_an_error_that_says_so(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with api_for(f"http://127.0.0.1:{port}", tmp_path) as api:
        found = api.send([GET])[0]
        assert api.requests_sent == 2, "a failed connection is tried once more"
    assert not found.answered
    assert "cannot connect" in found.actual


@pytest.mark.parametrize(
    ("behave", "said"),
    [
        (hang, "no complete answer within 0.3 s"),
        (reset, "the connection broke"),
        (lambda connection, request: connection.close(), "closed the connection without an answer"),
        (always(b"NONSENSE\r\n\r\n"), "not valid HTTP"),
        (always(b"HTTP/1.1 abc OK\r\n\r\n"), "not valid HTTP"),
        (always(b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n"), "not valid HTTP"),
        (always(b"HTTP/1.1 200 OK\r\nBad Name : x\r\n\r\n"), "not valid HTTP"),
        (always(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"), "not valid HTTP"),
        (always(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000 + b"\r\n\r\n"), "not valid HTTP"),
        (stream(b"X: y\r\n", b"HTTP/1.1 200 OK\r\n"), ""),
        (stream(b"HTTP/1.1 100 Continue\r\n\r\n", b""), "no complete answer within 0.3 s"),
    ],
    ids=[
        *("hangs", "resets", "closes", "no-http", "status-no-number", "header-no-colon", "header-space", "bad-length"),
        *("giant-header", "endless-headers", "endless-100"),
    ],
)
def test_no_answer_is_an_error_and_never_an_exception(behave, said, tmp_path):
    began = time.monotonic()
    found = exchange(behave, tmp_path, timeout_seconds=0.3)
    assert not found.answered
    assert found.error
    assert said in found.error
    assert time.monotonic() - began < 4


@pytest.mark.parametrize(
    "behave",
    [
        stream(b"x" * 65536, b"HTTP/1.1 200 OK\r\n\r\n"),
        stream(b"10000\r\n" + b"x" * 65536 + b"\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ],
    ids=["to-the-end-of-time", "chunks"],
)
def test_an_endless_body_is_cut_at_the_cap(behave, tmp_path):
    found = exchange(behave, tmp_path, timeout_seconds=5)
    assert (found.status, found.truncated, len(found.body)) == (200, True, LARGEST_BODY)


@pytest.mark.parametrize(
    "behave",
    [
        trickle(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", b"data: 1\n\n"),
        trickle(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    ],
    ids=["events", "chunks"],
)
def test_a_slow_stream_keeps_its_status_and_what_came(behave, tmp_path):
    found = exchange(behave, tmp_path, timeout_seconds=0.4)
    assert found.status == 200
    assert found.body
    assert "no complete answer" in found.error


def test_a_body_that_breaks_off_keeps_its_status(tmp_path):
    def behave(connection, request):
        connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\nhalf")
        connection.close()

    found = exchange(behave, tmp_path)
    assert (found.status, found.error) == (201, "the body broke off")


def test_http_1_0_and_a_body_without_length_are_read(tmp_path):
    def behave(connection, request):
        connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nall of it")
        connection.close()

    found = exchange(behave, tmp_path)
    assert (found.status, found.body, found.error) == (200, b"all of it", "")


def test_a_gzip_bomb_is_cut_at_the_cap(tmp_path):
    bomb = gzip.compress(bytes(200 << 20), 1)
    found = exchange(always(answer(bomb, "200 OK", "Content-Encoding: gzip")), tmp_path, timeout_seconds=10)
    assert (len(found.body), found.truncated, found.error) == (LARGEST_BODY, True, "")


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(b'{"a": 1}')),
        ("deflate", zlib.compress(b'{"a": 1}')),
        ("deflate", zlib.compress(b'{"a": 1}')[2:-4]),
    ],
    ids=["gzip", "zlib", "raw-deflate"],
)
def test_a_compressed_answer_is_read(coding, body, tmp_path):
    found = exchange(always(answer(body, "200 OK", f"Content-Encoding: {coding}")), tmp_path)
    assert found.json() == {"a": 1}


def test_a_body_that_only_claims_to_be_compressed_stays_as_it_is(tmp_path):
    assert exchange(always(answer(b"plain", "200 OK", "Content-Encoding: gzip")), tmp_path).body == b"plain"


def test_html_and_bottomless_json_are_not_json(tmp_path):
    assert exchange(always(answer(b"<html>hello")), tmp_path).json() is None
    assert exchange(always(answer(b"[" * 500_000)), tmp_path).json() is None


def test_what_no_request_line_can_hold_is_an_error(tmp_path):
    found = exchange(always(answer()), tmp_path, Request("GET", "/x", (("X", "a\r\nInjected: b"),)))
    assert not found.answered
    assert "cannot be sent" in found.error


def test_order_is_kept_though_answers_come_in_any_order(tmp_path):
    def behave(connection, request):
        number = int(request.split(b"/n")[1].split(b" ")[0])
        time.sleep(0.02 if number % 5 == 0 else 0)
        connection.sendall(answer(str(number).encode()))

    with serving(behave) as server, api_for(server.url, tmp_path) as api:
        found = api.send([Request("GET", f"/n{number}") for number in range(60)])
    assert [int(item.body) for item in found] == list(range(60))


def test_no_more_requests_at_once_than_the_scope_allows(tmp_path):
    waiting: list[int] = []
    most: list[int] = []

    def behave(connection, request):
        waiting.append(1)
        most.append(len(waiting))
        time.sleep(0.01)
        waiting.pop()
        connection.sendall(answer())

    with serving(behave) as server, api_for(server.url, tmp_path, concurrency=3) as api:
        api.send([GET] * 30)
    assert max(most) <= 3


def test_the_rate_is_kept(tmp_path):
    with serving(always(answer())) as server, api_for(server.url, tmp_path, requests_per_second=100) as api:
        began = time.monotonic()
        api.send([GET] * 60)
        assert time.monotonic() - began > 0.45


def test_a_server_that_answers_nobody_costs_one_second_a_request_in_the_end(tmp_path):
    with (
        serving(hang) as server,
        api_for(server.url, tmp_path, timeout_seconds=1.5, concurrency=16) as api,
    ):
        began = time.monotonic()
        found = api.send([GET] * 48)
        took = time.monotonic() - began
    assert {item.error for item in found} == {
        "no complete answer within 1.5 s",
        "no complete answer within 1 s",
    }
    assert took < 15  # the errors above tell the budget; this only that nothing waits for more


def test_the_next_request_works_after_all_that(tmp_path):
    turns = iter([always(b"NONSENSE\r\n\r\n"), reset, always(answer(b"fine"))])
    with (
        serving(lambda connection, request: next(turns)(connection, request)) as server,
        api_for(server.url, tmp_path) as api,
    ):
        found = [api.send([Request("POST", "/x", body=b"1")])[0] for _ in range(3)]
    assert [item.answered for item in found] == [False, False, True]


def test_a_request_that_changes_data_is_not_repeated(tmp_path):
    with serving(reset) as server, api_for(server.url, tmp_path) as api:
        api.send([Request("POST", "/x", body=b"1")])
        assert len(server.heard) == 1


@pytest.mark.parametrize("delay", [0, 0.02], ids=["at-once", "late"])
def test_a_body_where_none_may_be_does_not_spoil_the_next_answer(delay, tmp_path):
    """RFC 9110, 15.3.5: a 204 ends with its header section; some servers send a body all the same."""

    def behave(connection, request):
        head, _, body = answer(b"surplus", "204 No Content").partition(b"\r\n\r\n")
        if request.startswith(b"GET"):
            connection.sendall(answer(b"fine"))
        else:
            connection.sendall(head + b"\r\n\r\n")
            time.sleep(delay)
            connection.sendall(body)

    with serving(behave) as server, api_for(server.url, tmp_path, concurrency=1) as api:
        found = api.send([Request("PUT", "/x", body=b"1"), GET] * 10)
    assert [item.status for item in found[1::2]] == [200] * 10
    assert found[0].status == 204


def test_nothing_to_send_is_nothing_sent(tmp_path):
    with api_for("http://127.0.0.1:1", tmp_path) as api:
        assert api.send([]) == []


def test_ctrl_c_keeps_what_was_seen_and_leaves_the_engine_usable(tmp_path):
    def behave(connection, request):
        connection.sendall(answer() if b"/hang" not in request else b"")

    with serving(behave) as server, api_for(server.url, tmp_path, timeout_seconds=30) as api:
        requests = [Request("GET", f"/{number}") for number in range(5)] + [Request("GET", "/hang")]
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            api.send(requests)
        assert time.monotonic() - began < 5
        assert (tmp_path / "observations.jsonl").read_text().count("\n") == 5
        assert api.send([GET])[0].ok


def test_a_server_that_answers_nobody_is_soon_left_alone(tmp_path):
    with serving(hang) as server, api_for(server.url, tmp_path, timeout_seconds=0.2, concurrency=16) as api:
        api.send([GET] * 40)
        sent = api.requests_sent
        for _ in range(3):
            with pytest.raises(Unresponsive, match="has not answered the last 40 requests"):
                api.send([GET] * 40)
        assert api.requests_sent == sent + 1


def test_a_filter_that_drops_attacks_is_no_dead_server(tmp_path):
    def drops_attacks(connection, request):
        connection.sendall(answer(b"fine")) if request.startswith(b"GET / ") else reset(connection, request)

    with serving(drops_attacks) as server, api_for(server.url, tmp_path) as api:
        api.send([Request("GET", "/attack")] * 40)
        assert not api.send([Request("GET", "/attack")])[0].answered
