"""Plain HTTP in all its forms: which answers are the application's, and what is never sent to find out."""

import json
import ssl
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest
from loopback import always, answer, api_for, path_of, serving

from chimera_compliance.home import HOME
from chimera_compliance.probes.http.exchange import Exchange, Request
from chimera_compliance.probes.openapi.document import Document
from chimera_compliance.probes.openapi.operations import load_operations
from chimera_compliance.probes.tls.links import addresses, plain_links
from chimera_compliance.probes.tls.plain_http import PlainHttp
from chimera_compliance.stack.certificates import Authority

OPERATIONS = """
  openapi: null
  public: [GET /health]
  headers: {X-Edge: "${EDGE_KEY}"}
  parameters: {note_id: the-id-of-all, key: the-key-of-all}
  operations:
    - operation: GET /health
    - operation: GET /notes
    - operation: GET /notes/{note_id}
    - operation: DELETE /notes/{note_id}
"""
NOT_FOUND = answer(b'{"error": "no such thing"}', "404 Not Found", "Content-Type: application/json")
NO_TOKEN = answer(b'{"error": "not authenticated"}', "403 Forbidden", "Content-Type: application/json")


def application(connection, request):
    """An API that answers 403 to who has no good token."""
    path = path_of(request)
    known = path.startswith("/notes")
    connection.sendall(answer() if path == "/health" else NO_TOKEN if known else NOT_FOUND)


@contextmanager
def asked(folder, plain, monkeypatch, *, secure=application):
    """The ports of an API that is `secure` over TLS and `plain` on a declared port; and what was heard there."""
    monkeypatch.setenv("EDGE_KEY", "edge-key-value")
    identity = Authority(folder).issue(folder, "web")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(identity.certificate, identity.key)
    with serving(secure, tls) as api, serving(plain) as port:
        url = f"https://127.0.0.1:{api.port}"
        text = f"api:\n  base_url: {url}\n  ca_file: {identity.authority}\n  plain_http_ports: [{port.port}]"
        with api_for(url, folder, text + OPERATIONS, timeout_seconds=1) as opened:
            operations = load_operations(opened.target, opened, {})
            own, declared = PlainHttp(opened, operations).ports()
            yield own, declared, port.heard


def served(port):
    return [item.operation.id for item in port.answers if item.from_application]


def test_the_application_is_known_by_its_own_refusals(tmp_path, monkeypatch):
    with asked(tmp_path, application, monkeypatch) as (own, port, _):
        assert own.closed
        assert served(port) == ["GET /health", "GET /notes", "GET /notes/{note_id}", "DELETE /notes/{note_id}"]


@pytest.mark.parametrize(
    "refusal",
    [
        answer(b"<h1>403</h1>", "403 Forbidden", "Content-Type: text/html"),
        answer(b"", "426 Upgrade Required", "Upgrade: TLS/1.2"),
        answer(b"400 The plain HTTP request was sent to HTTPS port", "400 Bad Request"),
        answer(b"", "503 Service Unavailable"),
        NOT_FOUND,
        NO_TOKEN,
    ],
    ids=["forbidden", "upgrade", "wrong-port", "unavailable", "like-its-404", "like-its-403"],
)
def test_a_refusal_of_everything_is_not_the_application(tmp_path, monkeypatch, refusal):
    with asked(tmp_path, always(refusal), monkeypatch) as (_, port, _):
        assert len(port.answers) == 4
        assert served(port) == []
        assert not port.undecided


@pytest.mark.parametrize(
    "said",
    [answer(b"", "401 Unauthorized"), answer(b"", "403 Forbidden", "WWW-Authenticate: Bearer"), answer(b"", "422 No")],
    ids=["401", "challenge", "422"],
)
def test_who_wants_a_credential_reads_it(tmp_path, monkeypatch, said):
    with asked(tmp_path, always(said), monkeypatch) as (_, port, _):
        assert len(served(port)) == 4


def test_the_same_refusal_of_everything_on_both_sides_decides_nothing(tmp_path, monkeypatch):
    """A firewall that blocks the verifier everywhere says nothing about the port."""
    block = always(answer(b"blocked", "403 Forbidden"))
    with asked(tmp_path, block, monkeypatch, secure=block) as (_, port, _):
        assert port.undecided


def test_one_page_for_every_path_is_another_site(tmp_path, monkeypatch):
    page = always(answer(b"<h1>It works</h1>", "200 OK", "Content-Type: text/html"))
    with asked(tmp_path, page, monkeypatch) as (_, port, _):
        assert served(port) == []


def test_one_operation_that_is_passed_on_is_found(tmp_path, monkeypatch):
    def forgotten(connection, request):
        passed = request.startswith(b"DELETE /notes/")
        connection.sendall(NO_TOKEN if passed else answer(b"closed", "403 Forbidden"))

    with asked(tmp_path, forgotten, monkeypatch) as (_, port, _):
        assert served(port) == ["DELETE /notes/{note_id}"]


def test_a_redirect_to_tls_is_no_answer_of_the_application(tmp_path, monkeypatch):
    redirect = always(answer(b"", "308 Permanent Redirect", "Location: https://api.example.com/"))
    with asked(tmp_path, redirect, monkeypatch) as (_, port, _):
        assert all(item.redirects for item in port.answers)
        assert served(port) == []


def test_http_2_without_tls_is_recognised(tmp_path, monkeypatch):
    settings = b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64"
    with asked(tmp_path, always(settings), monkeypatch) as (_, port, _):
        assert port.is_http_2


@pytest.mark.parametrize(
    "said",
    [b"SSH-2.0-OpenSSH_9.9\r\n", b"\x15\x03\x01\x00\x02\x02\x46", b"HTTP/9.9 hello\r\n\r\n", bytes(3000)],
    ids=["ssh", "tls-alert", "http-9", "zeros"],
)
def test_what_is_not_http_serves_nothing(tmp_path, monkeypatch, said):
    with asked(tmp_path, always(said), monkeypatch) as (_, port, _):
        assert port.closed
        assert port.answers == ()


def test_a_server_that_never_ends_costs_little(tmp_path, monkeypatch):
    stop = threading.Event()

    def endless(connection, request):
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not stop.is_set():
            connection.sendall(b"5\r\nhello\r\n" * 500)

    with asked(tmp_path, endless, monkeypatch) as (_, port, _):
        stop.set()
        assert len(port.answers) == 4


def test_nothing_secret_is_sent(tmp_path, monkeypatch):
    with asked(tmp_path, application, monkeypatch) as (_, _, heard):
        sent = b"".join(heard)
    assert b"Bearer made-up-by-the-verifier" in sent
    assert b"edge-key-value" not in sent
    assert b"-of-all" not in sent


def test_a_port_out_of_scope_is_left_alone(tmp_path):
    with serving(application) as port:
        own = "127.0.0.1:1"
        text = f"api: {{base_url: 'https://{own}', openapi: null, plain_http_ports: [{port.port}]}}"
        with api_for(f"https://{own}", tmp_path, text, hosts=f"['{own}']") as api:
            _, declared = PlainHttp(api, []).ports()
        assert declared.unasked
        assert port.heard == []


def test_a_plain_base_url_fails_and_leaves_tls_undecided(tmp_path):
    with serving(application) as server:
        target = tmp_path / "target.yaml"
        target.write_text(f"name: plain\napi:\n  base_url: http://127.0.0.1:{server.port}\n" + OPERATIONS)
        command = ["verify", "--controls", "C09", "--out", str(tmp_path / "out"), "--target", str(target)]
        environment = {"PATH": "/usr/bin:/bin", "EDGE_KEY": "x" * 12}
        run = subprocess.run(
            [sys.executable, "-m", "chimera_compliance.cli", *command],
            cwd=HOME, env=environment, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    controls = json.loads((tmp_path / "out" / "results.json").read_text())["controls"]
    outcomes = {item["id"]: item["outcome"] for control in controls for item in control["requirements"]}
    assert run.returncode == 1, run.stderr
    assert {name for name, outcome in outcomes.items() if outcome == "failed"} == {"C09.1", "C09.2", "C09.3"}
    assert {outcomes[f"C09.{number}"] for number in range(5, 10)} == {"inconclusive"}


# Links


def links(body=b"", *headers):
    exchange = Exchange(Request("GET", "/notes"), 200, "OK", headers, body)
    return [link.address for link in plain_links(exchange, frozenset({"api.example.com"}))]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"next": "http://api.example.com/notes?page=2"}', 1),
        (rb'{"next": "http:\/\/API.example.com\/notes"}', 1),
        (b"ws://api.example.com:8080/live", 1),
        (b"<a href='HTTP://user@api.example.com/'>", 1),
        (b"https://api.example.com/notes", 0),
        (b"http://api.example.com.evil.example/ http://notapi.example.com http://www.w3.org/2000/svg", 0),
        (b"xhttp://api.example.com http:/api.example.com http://[::1", 0),
    ],
    ids=["own", "escaped", "websocket", "upper-case", "https", "other-hosts", "no-addresses"],
)
def test_addresses_of_the_api_itself_are_found_in_bodies(body, found):
    assert len(links(body)) == found


def test_redirects_anywhere_without_tls_are_found():
    assert links(b"", ("Location", "http://login.example.net/")) == ["http://login.example.net/"]
    assert links(b"", ("Refresh", "0; url=http://login.example.net/")) == ["http://login.example.net/"]
    assert links(b"", ("Link", "<http://other.example>; rel=license")) == []
    assert links(b"", ("Location", "/notes/1")) == []


DOCUMENTS = {
    "3": ({"servers": [{"url": "http://a.example"}, {"url": "/v1"}]}, ["http://a.example"]),
    "3-path": ({"paths": {"/n": {"servers": [{"url": "http://b.example"}], "get": {}}}}, ["http://b.example"]),
    "3-scheme": (
        {"servers": [{"url": "{s}://c.example", "variables": {"s": {"default": "https", "enum": ["https", "http"]}}}]},
        ["https://c.example", "http://c.example"],
    ),
    "2": ({"host": "d.example", "schemes": ["https", "http"]}, ["https://d.example", "http://d.example"]),
    "2-flow": (
        {"securityDefinitions": {"o": {"type": "oauth2", "tokenUrl": "http://e.example/t"}}},
        ["http://e.example/t"],
    ),
    "odd": ({"servers": [None, 5, {"url": 7}, {"url": "{a}", "variables": [1]}], "components": [], "schemes": 3}, []),
}


@pytest.mark.parametrize("version", DOCUMENTS)
def test_the_addresses_of_a_document_are_found(version):
    raw, found = DOCUMENTS[version]
    assert [item.url for item in addresses(Document({"paths": {}, **raw}))] == found
