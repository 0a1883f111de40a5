"""Requests written at once on one connection: each has its answer, or the reason why it has none; nothing raises."""

import json
import socket
import ssl
import time
from dataclasses import replace

import pytest
from loopback import always, answer, api_for, path_of, serving

from chimera_compliance.probes.http.api import BudgetExhausted
from chimera_compliance.probes.http.exchange import Request
from chimera_compliance.probes.http.reading import LARGEST_BODY
from chimera_compliance.stack.certificates import Authority

REQUESTS = [Request("GET", f"/{number}", pipeline="p") for number in range(3)]


def exchanges(behave, tmp_path, requests=REQUESTS, **scope):
    with serving(behave) as server, api_for(server.url, tmp_path, **scope) as api:
        return api.send(requests, retry_limited=False)


def all_at_once(connection, heard):
    """Answers each request of what was read in one piece, which a server that reads one at a time would lose."""
    for request in heard.split(b"\r\n\r\n"):
        if request:
            connection.sendall(answer(path_of(request).encode()))


def first_alone(connection, heard):
    connection.sendall(answer(b"first"))
    connection.close()


def test_each_is_answered_in_order_among_others(tmp_path):
    requests = [Request("GET", "/a"), *REQUESTS, Request("GET", "/b")]
    with serving(all_at_once) as server, api_for(server.url, tmp_path) as api:
        found = api.send(requests)
        assert api.requests_sent == 5
        together = [heard for heard in server.heard if heard.count(b"\r\n\r\n") > 1]
    assert [exchange.body for exchange in found] == [b"/a", b"/0", b"/1", b"/2", b"/b"]
    assert [exchange.error for exchange in found] == [""] * 5
    assert [heard.count(b"GET ") for heard in together] == [3], "one connection had all three"


def test_two_pipelines_have_a_connection_each(tmp_path):
    requests = [*REQUESTS, *(replace(request, pipeline="q") for request in REQUESTS)]
    with serving(all_at_once) as server, api_for(server.url, tmp_path) as api:
        assert all(exchange.ok for exchange in api.send(requests))
    assert [heard.count(b"GET ") for heard in server.heard] == [3, 3]


def test_they_carry_what_others_carry_and_are_kept_as_others_are(tmp_path, monkeypatch):
    monkeypatch.setenv("PIPELINE_TOKEN", "a-token-that-nobody-may-read")
    text = "principals: {alice: {tenant: a, token: {given: '${PIPELINE_TOKEN}'}}}"
    with serving(all_at_once) as server, api_for(server.url, tmp_path, text) as api:
        api.journal.redact.add("a-token-that-nobody-may-read", "ALICE_TOKEN")
        carried = api.authorization("a-token-that-nobody-may-read")
        api.send([replace(request, headers=carried, note=f"pipelined {request.path}") for request in REQUESTS])
    heard = server.heard[0]
    for line in (b"Authorization: Bearer a-token-that-nobody-may-read", b"X-Compliance-Run: ", b"Host: 127.0.0.1:"):
        assert heard.count(line) == 3
    kept = (tmp_path / "observations.jsonl").read_text()
    assert "nobody-may-read" not in kept
    observations = [json.loads(line) for line in kept.splitlines()]
    assert [item["sent"]["note"] for item in observations] == [f"pipelined /{number}" for number in range(3)]
    assert all("$ALICE_TOKEN" in item["reproduce"] for item in observations)


def test_a_server_that_closes_after_the_first_answer(tmp_path):
    found = exchanges(first_alone, tmp_path)
    assert [exchange.status for exchange in found] == [200, None, None]
    assert {exchange.error for exchange in found[1:]} == {"the server closed the connection without an answer"}


def test_a_server_that_answers_the_first_and_holds_the_connection(tmp_path):
    began = time.monotonic()
    found = exchanges(always(answer(b"first")), tmp_path, timeout_seconds=0.3)
    assert [exchange.status for exchange in found] == [200, None, None]
    assert {exchange.error for exchange in found[1:]} == {"no complete answer within 0.3 s"}
    assert time.monotonic() - began < 4


@pytest.mark.parametrize(
    ("behave", "said"),
    [
        (lambda connection, heard: connection.close(), "the server closed the connection without an answer"),
        (always(b"NONSENSE\r\n\r\n"), "the answer is not valid HTTP"),
        (always(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000 + b"\r\n\r\n"), "the answer is not valid HTTP"),
        (always(b"HTTP/1.1 100 Continue\r\n\r\n" * 5000), "no complete answer within 0.5 s"),
    ],
    ids=["closes", "no-http", "giant-header", "only-interim"],
)
def test_no_answer_is_an_error_of_all(behave, said, tmp_path):
    found = exchanges(behave, tmp_path, timeout_seconds=0.5)
    assert [(exchange.status, exchange.error) for exchange in found] == [(None, said)] * 3


def test_nobody_there_is_an_error_of_all(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with api_for(f"http://127.0.0.1:{port}", tmp_path) as api:
        assert all("Connect" in exchange.error for exchange in api.send(REQUESTS))


def test_interim_answers_are_passed_over(tmp_path):
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    found = exchanges(always((interim + answer(b"last")) * 3), tmp_path)
    assert [(exchange.status, exchange.body) for exchange in found] == [(200, b"last")] * 3


def test_bodies_in_chunks_and_without_one(tmp_path):
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
    found = exchanges(always(chunked + b"HTTP/1.1 204 No Content\r\n\r\n" + answer(b"c")), tmp_path)
    assert [exchange.body for exchange in found] == [b"ab", b"", b"c"]


def test_an_endless_body_is_cut_and_hides_what_follows(tmp_path):
    def endless(connection, heard):
        connection.sendall(answer(b"first") + b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)

    first, second, third = exchanges(endless, tmp_path, timeout_seconds=5)
    assert first.body == b"first"
    assert (second.status, second.truncated, len(second.body)) == (200, True, LARGEST_BODY)
    assert (third.status, third.error) == (None, "the answer before it is too long to be read to its end")


def test_a_body_that_breaks_off_keeps_its_status(tmp_path):
    def breaks_off(connection, heard):
        connection.sendall(answer(b"first") + b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        connection.close()

    found = exchanges(breaks_off, tmp_path)
    assert [(exchange.status, exchange.error) for exchange in found[:2]] == [(200, ""), (200, "the body broke off")]
    assert not found[2].answered


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (Request("POST", "/", body=b"{}", pipeline="p"), "only a GET without a body is pipelined"),
        (Request("HEAD", "/", pipeline="p"), "only a GET without a body is pipelined"),
        (Request("GET", "/", headers=(("X", "a\r\nY: b"),), pipeline="p"), "a header holds a line break"),
    ],
)
def test_what_is_not_safe_is_not_sent(request_, said, tmp_path):
    with serving(all_at_once) as server, api_for(server.url, tmp_path) as api:
        assert said in api.send([request_])[0].error
    assert server.heard == []


def test_they_count_against_the_budget(tmp_path):
    with (
        serving(all_at_once) as server,
        api_for(server.url, tmp_path, requests=2) as api,
        pytest.raises(BudgetExhausted),
    ):
        api.send(REQUESTS)
    assert server.heard == []


def test_they_keep_to_the_rate(tmp_path):
    began = time.monotonic()
    exchanges(all_at_once, tmp_path, requests_per_second=10)
    assert time.monotonic() - began > 0.1


def test_tls_is_trusted_as_the_target_says(tmp_path):
    authority = Authority(tmp_path)
    identity = authority.issue(tmp_path, "web")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.certificate, identity.key)
    with serving(all_at_once, context) as server:
        url = server.url.replace("http:", "https:")
        with api_for(url, tmp_path, f"api: {{base_url: '{url}', ca_file: {authority.file}}}\n") as api:
            assert all(exchange.ok for exchange in api.send(REQUESTS))
        with api_for(url, tmp_path) as api:
            assert all("certificate" in exchange.error.lower() for exchange in api.send(REQUESTS))
