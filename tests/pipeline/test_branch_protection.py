"""Branch rules, as a GitHub on loopback tells them."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from chimera_compliance.errors import ConfigurationError
from chimera_compliance.journal import Journal
from chimera_compliance.outcomes import Inconclusive, NotReviewed
from chimera_compliance.probes.pipeline.branch_protection import GitHubApi
from chimera_compliance.probes.pipeline.gates import is_required
from chimera_compliance.stack import github
from chimera_compliance.stack.flaws.c08_correct import ruleset
from chimera_compliance.target import Target


@pytest.fixture
def served(tmp_path):
    """Starts a GitHub of some state; `answers` overrule it by path."""
    servers = []

    def start(state=None, answers=None, **more):
        state, heard = state or github.reference(), []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                path = self.path.split("?")[0]
                heard.append((self.path, self.headers.get("Authorization")))
                status, body = (answers or {}).get(path) or github.answer(path, state)
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                if status in (301, 302):
                    self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments):
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        (tmp_path / "token").write_text("a-token-for-tests")
        url = f"http://127.0.0.1:{server.server_port}"
        settings = {"repository": github.SLUG, "token": "file:token", "api_url": url, **more}
        target = Target.model_validate({"name": "x", "repo": {"path": ".", "github": settings}})
        target._path = tmp_path / "target.yaml"
        return target, heard

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def rules(target, journal=None):
    return GitHubApi(target, journal or Journal()).rules("main")


def test_classic_protection_is_read(served):
    found = rules(served()[0])
    assert found.checks == {"secret-scan", "static-analysis"}
    assert (found.no_force_push, found.no_deletion, found.bypassed_by, found.unread) == (True, True, [], "")


def test_a_ruleset_says_the_same(served):
    found = rules(served({**github.reference(), "protection": {}, "rulesets": [ruleset()]})[0])
    assert found.checks == {"secret-scan", "static-analysis"}
    assert (found.no_force_push, found.no_deletion, found.bypassed_by, found.unread) == (True, True, [], "")


def test_who_may_bypass_is_named(served):
    actor = {"actor_id": 5, "actor_type": "RepositoryRole", "bypass_mode": "always"}
    state = {**github.reference(), "protection": {}, "rulesets": [ruleset(bypass_actors=[actor])]}
    assert rules(served(state)[0]).bypassed_by == ["RepositoryRole 5"]


def test_a_list_of_bypasses_that_is_not_shown_is_told(served):
    state = {**github.reference(), "protection": {}}
    hidden = ruleset()
    del hidden["bypass_actors"]
    assert "not shown" in rules(served({**state, "rulesets": [hidden]})[0]).unread


def test_a_refused_call_is_told_and_nothing_else_is_lost(served):
    path = f"/repos/{github.SLUG}/branches/main/protection"
    found = rules(served(answers={path: (403, {"message": "Resource not accessible"})})[0])
    assert "403" in found.unread


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((401, {"message": "Bad credentials"}), ConfigurationError),
        ((404, {"message": "Not Found"}), Inconclusive),
        ((302, {}), Inconclusive),
        ((200, b"<html>"), Inconclusive),
        ((500, {}), Inconclusive),
    ],
)
def test_a_repository_that_is_not_shown_decides_nothing(served, answer, error):
    target, heard = served(answers={f"/repos/{github.SLUG}": answer})
    with pytest.raises(error):
        rules(target)
    assert len(heard) == 1  # no redirect was followed


def test_a_server_that_is_away_decides_nothing(served):
    with pytest.raises(Inconclusive, match="does not answer"):
        rules(served(api_url="http://127.0.0.1:1")[0])


def test_the_token_is_never_written_down(served, tmp_path):
    journal = Journal(tmp_path / "observations.jsonl")
    target, heard = served()
    rules(target, journal)
    assert all(given == "Bearer a-token-for-tests" for _, given in heard)
    assert "a-token-for-tests" not in (tmp_path / "observations.jsonl").read_text()


def test_a_host_out_of_scope_is_not_contacted(served):
    target, heard = served()
    target.scope.hosts = ["api.example.com"]
    with pytest.raises(NotReviewed, match="not in scope"):
        rules(target)
    assert not heard


def test_the_token_does_not_go_out_in_the_clear(served):
    with pytest.raises(NotReviewed, match="without TLS"):
        rules(served(api_url="http://github.example.com")[0])


@pytest.mark.parametrize(
    ("required", "expected"),
    [({"scan"}, True), ({"Security / scan"}, True), ({"rescan"}, False), ({"scan (3.11)"}, False), (set(), False)],
)
def test_a_check_is_required_by_its_name(required, expected):
    assert is_required("scan", required) is expected
