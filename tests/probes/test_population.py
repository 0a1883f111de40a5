"""The population that headers are judged on: what is sent, what is kept of it, and how sets of it are named."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from chimera_compliance.journal import Journal
from chimera_compliance.outcomes import Inconclusive
from chimera_compliance.probes.headers.conflicts import conflicts
from chimera_compliance.probes.headers.csp_sources import Address
from chimera_compliance.probes.headers.population import gather
from chimera_compliance.probes.headers.provocations import Provocations
from chimera_compliance.probes.headers.responses import Response, Responses, name_sets, problems
from chimera_compliance.probes.http.api import Api
from chimera_compliance.probes.http.exchange import Exchange, Request
from chimera_compliance.probes.openapi.operations import Operation, Parameter, load_operations
from chimera_compliance.probes.principals.principal import load_principals
from chimera_compliance.target import Target

TARGET = """
name: small
scope: {{requests_per_second: 2000, writes: {writes}, timeout_seconds: 2}}
api:
  base_url: {url}
  openapi: null
  public: [GET /health]
  operations:
    - operation: GET /health
    - operation: GET /notes
    - operation: GET /notes/{{note_id}}
    - operation: DELETE /notes/{{note_id}}
    - operation: POST /notes
      body: {{text: hello}}
  roles: {{GET /notes: [reader]}}
roles: [reader, writer]
principals:
  alice:
    role: reader
    resources: {{note_id: n-1}}
    token: {{given: "${{SMALL_TOKEN}}"}}
    role_tokens: {{writer: {{given: "${{SMALL_WRITER}}"}}}}
rate_limits: [{{paths: ["/notes"], limit: 8}}]
"""


class Small(BaseHTTPRequestHandler):
    """An API of a few answers; `mode` is set on the server."""

    protocol_version = "HTTP/1.1"

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def _answer(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen.append((self.command, self.path))
        status = self._status()
        body = b"" if self.command == "HEAD" or status == 204 else b"{}"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _status(self):
        if self.path.endswith("/health"):
            return 200
        if self.server.mode == "refuses" or "Authorization" not in self.headers:
            return 401
        if self.command == "GET" and self.path.endswith("/notes"):
            self.server.reads += 1
            return 200 if self.server.reads <= 8 else 429
        return {"GET": 200, "POST": 201}.get(self.command, 405)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    """Takes as many connections at once as the suite opens."""

    request_queue_size = 64


@pytest.fixture
def server():
    with Server(("127.0.0.1", 0), Small) as server:
        server.mode, server.seen, server.reads = "", [], 0
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def gathered(tmp_path, monkeypatch):
    """Gathers the population of an API at a port, and says what the journal kept."""
    monkeypatch.setenv("SMALL_TOKEN", "opaque-reader-token")
    monkeypatch.setenv("SMALL_WRITER", "opaque-writer-token")

    def gather_at(port, writes=False):
        path = tmp_path / "target.yaml"
        path.write_text(TARGET.format(url=f"http://127.0.0.1:{port}/api", writes=str(writes).lower()))
        target, journal = Target.load(path), Journal()
        with Api(target, journal) as api:
            principals = load_principals(target, journal)
            return gather(target, api, journal, load_operations(target, api, principals), principals), journal

    return gather_at


def test_every_kind_of_answer_is_brought_out(server, gathered):
    responses, _ = gathered(server.server_port)
    kinds = {(response.label, response.status) for response in responses}
    assert {("public", 200), ("no token", 401), ("valid token", 200), ("over the limit", 429)} <= kinds
    assert {("unknown path", 401), ("wrong method", 401), ("preflight", 401), ("HEAD", 401)} <= kinds
    assert responses.unseen == {}


def test_nothing_is_created_where_writes_are_forbidden(server, gathered):
    gathered(server.server_port)
    assert ("DELETE", "/api/notes/n-1") not in server.seen
    assert "PUT" not in {method for method, _ in server.seen}


def test_where_they_are_allowed_something_is_created_and_nothing_deleted(server, gathered):
    responses, _ = gathered(server.server_port, writes=True)
    assert ("valid token", 201) in {(response.label, response.status) for response in responses}
    assert ("DELETE", "/api/notes/n-1") not in server.seen


def test_only_reads_of_guarded_operations_are_personal(server, gathered):
    responses, _ = gathered(server.server_port)
    assert {response.exchange.subject for response in responses if response.is_personal} == {
        "GET /notes",
        "GET /notes/{note_id}",
    }


def test_a_burst_counts_once_a_status(server, gathered):
    responses, _ = gathered(server.server_port)
    burst = [response.status for response in responses if response.label == "over the limit"]
    assert len(burst) == len(set(burst))


def test_the_score_is_kept_as_a_figure(server, gathered):
    _, journal = gathered(server.server_port)
    figures = [item for item in journal.made_since(0) if item.kind == "figure"]
    assert [item.received["highest"]["grade"] for item in figures] == ["F"]


def test_a_stack_that_refuses_everybody_leaves_its_successes_unseen(server, gathered):
    server.mode = "refuses"
    responses, _ = gathered(server.server_port)
    assert responses.unseen == {
        "successful responses of guarded operations": "every request with a valid token was refused"
    }


def test_silence_decides_nothing(gathered):
    with ThreadingHTTPServer(("127.0.0.1", 0), Small) as closed:
        port = closed.server_port
    with pytest.raises(Inconclusive, match=r"no request was answered|has not answered"):
        gathered(port)


def answer(status, subject="GET /x", label="valid token", headers=(), method="GET", body=b"", scheme="https"):
    request = Request(method, "/x", operation=subject, note=label)
    exchange = Exchange(request, status, headers=tuple(headers), body=body, observation=f"O{status}{subject}{label}")
    return Response(exchange, label, Address.of(f"{scheme}://api.example.com"), authenticated=True)


class TestNames:
    population = (
        answer(200),
        answer(201, "POST /x"),
        answer(401, label="no token"),
        answer(401, "GET /y", label="no token"),
        answer(404, "GET /y", label="unknown id"),
    )

    @pytest.mark.parametrize(
        ("places", "expected"),
        [
            ([0, 1, 2, 3, 4], ["every response"]),
            ([2, 3, 4], ["every error response"]),
            ([0, 1], ["every successful response"]),
            ([2, 3], ["every 401 response"]),
            ([3, 4], ["every response from /y"]),
            ([0, 2], ["GET /x (valid token) → 200", "GET /x (no token) → 401"]),
            ([0, 3, 4], ["every response from /y", "GET /x (valid token) → 200"]),
            ([], []),
        ],
    )
    def test_the_widest_true_name_is_taken(self, places, expected):
        offending = [self.population[place] for place in places]
        assert [name for name, _ in name_sets(offending, self.population)] == expected

    def test_many_that_fill_no_set_are_told_by_status(self):
        population = [answer(200, f"GET /{place}", f"label {place}") for place in range(14)]
        assert [name for name, _ in name_sets(population[:7], population)] == ["some 200 responses"]

    def test_problems_say_how_many_and_show_one(self):
        found = problems(self.population, lambda item: ["is bare"] if item.status == 401 else [], shows="Server")
        assert [(item.subject, item.message) for item in found] == [("every 401 response", "is bare")]
        assert found[0].actual == "2 of 5 responses, such as GET /x (no token) → 401 with no Server"


def test_what_a_browser_could_show():
    assert answer(404).is_rendered
    assert answer(307).is_rendered
    assert answer(200, method="HEAD").is_rendered
    assert not answer(204).is_rendered
    assert not answer(304).is_rendered
    assert not answer(200, method="OPTIONS").is_rendered


def test_governed_are_those_with_a_policy_in_force():
    reporting = answer(200, headers=[("Content-Security-Policy-Report-Only", "default-src 'none'")])
    enforced = answer(200, headers=[("content-security-policy", "default-src 'none'")])
    assert Responses([reporting, enforced]).governed == [enforced]


@pytest.mark.parametrize(
    ("headers", "conflict"),
    [
        ([("Strict-Transport-Security", "max-age=1")] * 2, True),
        ([("X-Frame-Options", "DENY"), ("X-Frame-Options", "SAMEORIGIN")], True),
        ([("X-Frame-Options", "DENY"), ("X-Frame-Options", "deny")], False),
        ([("X-Frame-Options", "DENY"), ("Content-Security-Policy", "frame-ancestors 'self'")], True),
        ([("X-Frame-Options", "DENY"), ("Content-Security-Policy", "frame-ancestors 'NONE'")], False),
        ([("X-Frame-Options", "DENY"), ("Content-Security-Policy", "frame-ancestors")], False),
        ([("Cache-Control", "no-store"), ("Cache-Control", "public, max-age=60")], True),
        ([("Cache-Control", "no-store, no-cache, must-revalidate, private, max-age=0")], False),
        ([("Content-Security-Policy", "default-src 'self'"), ("Content-Security-Policy", "img-src *")], False),
        ([("Referrer-Policy", "no-referrer, strict-origin")], False),
    ],
)
def test_conflicts(headers, conflict):
    assert bool(list(conflicts(answer(200, headers=headers)))) is conflict


class Somebody:
    role, token = "reader", "opaque"


@pytest.mark.parametrize(("schema", "length"), [({"type": "integer"}, "1"), ({"minimum": 5, "maximum": 50}, "5")])
def test_a_list_is_asked_for_a_page_that_has_a_next_one(tmp_path, schema, length):
    """Links to the next page are there only where the page is full."""
    (tmp_path / "target.yaml").write_text("name: paged\napi: {base_url: 'https://api.example.com'}")
    parameters = (Parameter("after", "query"), Parameter("pageSize", "query", schema=schema))
    lists = Operation("GET /notes", "GET", "/notes", parameters=parameters)
    planned = Provocations(Target.load(tmp_path / "target.yaml"), lambda token: (), [lists], [Somebody()]).all()
    assert [item.request.path for item in planned if item.request.note == "short page"] == [f"/notes?pageSize={length}"]
