"""Whatever a target turns out to be: one clear line, a documented exit code, written results, never a false pass."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from chimera_compliance.home import HOME

KEY = "0123456789abcdef0123456789abcdef"
PRINCIPALS = """
principals:
  alice: {tenant: aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa, subject: alice, role: operator}
  bob: {tenant: bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb, subject: bob, role: operator}
tokens:
  mint: {key: "${A_SIGNING_KEY}"}
scope: {requests: 300, timeout_seconds: 1}
"""
SECURED = {
    "openapi": "3.1.0",
    "info": {"title": "x", "version": "1"},
    "paths": {"/things": {"get": {"responses": {"200": {"description": "ok"}}}}},
}


@contextmanager
def answering(respond):
    """An HTTP server on loopback; `respond(handler)` answers every request."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            respond(self)

        do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = do_GET

        def log_message(self, *arguments):
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def says(status: int, body: bytes, content_type: str = "application/json"):
    def respond(handler):
        handler.send_response(status)
        handler.send_header("Content-Type", content_type)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return respond


def document_then(rest):
    """Serves an OpenAPI document of one operation, and does `rest` to every other request."""

    document = says(200, json.dumps(SECURED).encode())
    return lambda handler: (document if handler.path == "/openapi.json" else rest)(handler)


def command(folder: Path, text: str, *arguments: str) -> list[str]:
    (folder / "target.yaml").write_text(f"name: hostile\n{text}")
    return [
        sys.executable,
        "-m",
        "chimera_compliance.cli",
        "verify",
        "--target=target.yaml",
        "--out=out",
        *(arguments or ("--controls=C03,C12",)),
    ]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(HOME), "A_SIGNING_KEY": KEY}


def verify(folder: Path, text: str, *arguments: str) -> tuple[subprocess.CompletedProcess, dict]:
    run = subprocess.run(
        command(folder, text, *arguments), cwd=folder, env=environment(), capture_output=True, text=True, timeout=100
    )
    assert "Traceback" not in run.stdout + run.stderr
    assert KEY not in run.stdout + run.stderr
    file = folder / "out" / "results.json"
    return run, json.loads(file.read_text()) if file.exists() else {}


def reasons(results: dict) -> str:
    found = [item["reasons"] for control in results["controls"] for item in control["requirements"]]
    return "\n".join(reason for one in found for reason in one)


def api(url: str) -> str:
    return f"api: {{base_url: '{url}'}}\n{PRINCIPALS}"


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_an_unreachable_api_is_told_and_nothing_passes(tmp_path):
    run, results = verify(tmp_path, api(f"https://127.0.0.1:{closed_port()}"))
    assert run.returncode == 2
    assert results["counts"]["requirements"]["passed"] == 0
    assert "cannot connect" in reasons(results)


@pytest.mark.parametrize(
    "respond",
    [
        says(200, b'{"openapi": "3.1.0", "info": {"title": "x", "version": "1"}, "paths": {}}'),
        says(200, b"<!doctype html><title>Sign in</title>", "text/html"),
        says(500, b"oops", "text/plain"),
        says(200, b"[" * 100_000),
        says(200, b'{"paths": ' + b'{"a":' * 50_000),
        says(200, b'{"openapi": "3.1.0", "paths": {"/a": {"$ref": "#/paths/~1a"}}}'),
    ],
    ids=["no operations", "html", "error", "deep list", "deep object", "cyclic reference"],
)
def test_a_document_that_lists_no_operation_leaves_nothing_passed(tmp_path, respond):
    with answering(respond) as url:
        run, results = verify(tmp_path, api(url))
    assert run.returncode == 2
    assert results["counts"]["requirements"]["passed"] == 0
    assert results["counts"]["requirements"]["failed"] == 0


def hang(handler):
    threading.Event().wait(3)


def reset(handler):
    linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    handler.connection.close()


def stream(handler):
    handler.send_response(200)
    handler.send_header("Content-Type", "text/plain")
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b"x" * 65536)
    except OSError:
        pass


@pytest.mark.parametrize("rest", [hang, reset, stream], ids=["hangs", "resets", "streams for ever"])
def test_a_server_that_misbehaves_is_never_a_pass(tmp_path, rest):
    with answering(document_then(rest)) as url:
        run, results = verify(tmp_path, api(url), "--controls=C03")
    assert run.returncode in (1, 2)
    assert results["verdict"] != "passed"


def test_a_stack_that_refuses_everybody_is_not_compliant(tmp_path):
    with answering(document_then(says(401, b"{}"))) as url:
        run, results = verify(tmp_path, api(url), "--controls=C03")
    assert run.returncode in (1, 2)
    outcomes = {item["test"]: item["outcome"] for item in results["controls"][0]["requirements"]}
    assert outcomes["test_valid_token_is_admitted"] == "failed"
    assert outcomes["test_missing_token_is_refused"] == "inconclusive"
    assert outcomes["test_unsigned_token_is_refused"] == "inconclusive"


def test_a_database_that_is_not_there_is_one_line(tmp_path):
    dsn = f"postgresql://nobody@127.0.0.1:{closed_port()}/nothing"
    run, results = verify(tmp_path, f"db: {{dsn: '{dsn}'}}\n", "--controls=C04")
    assert run.returncode == 2
    assert results["counts"]["requirements"]["passed"] == 0
    assert "refused" in reasons(results)


def test_the_rest_of_the_run_goes_on_beside_a_facet_that_fails(tmp_path):
    dsn = f"postgresql://nobody@127.0.0.1:{closed_port()}/nothing"
    with answering(document_then(says(200, b"{}"))) as url:
        text = f"db: {{dsn: '{dsn}'}}\n" + api(url)
        run, results = verify(tmp_path, text, "--controls=C04,C12")
    assert run.returncode == 1
    assert {control["id"]: control["outcome"] for control in results["controls"]}["C12"] == "failed"


def test_ctrl_c_writes_what_was_seen(tmp_path):
    asked = threading.Event()

    def rest(handler):
        asked.set()
        hang(handler)

    with answering(document_then(rest)) as url:
        run = subprocess.Popen(
            command(tmp_path, api(url), "--controls=C03"),
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert asked.wait(30)
        run.send_signal(signal.SIGINT)
        output, _ = run.communicate(timeout=30)
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert run.returncode == 130
    assert results["run"]["interrupted"]
    assert "Traceback" not in output


@pytest.mark.parametrize("folder", ["/proc/none", "target.yaml"])
def test_a_folder_that_cannot_be_written_is_one_line(tmp_path, folder):
    run = subprocess.run(
        [*command(tmp_path, "repo: {path: .}\n", "--controls=C03"), f"--out={folder}"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 4
    assert "cannot write to" in run.stderr
