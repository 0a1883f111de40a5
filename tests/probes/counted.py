"""A server with limits, kept and told as a test says, and what the probes observe of it."""

import contextlib
import io
import math
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from chimera_compliance.journal import Journal
from chimera_compliance.probes.http.api import Api
from chimera_compliance.probes.openapi.operations import load_operations
from chimera_compliance.probes.principals.principal import load_principals
from chimera_compliance.probes.rate_limits.round import observe
from chimera_compliance.target import Target

LIMIT, WINDOW = 12, 2
TARGET = """
name: counted
scope: {{requests_per_second: {rate}, requests: {requests}, writes: false, timeout_seconds: 2}}
api:
  base_url: {url}
  openapi: null
  public: [GET /health, POST /login]
  operations:
    - operation: GET /health
    - operation: GET /notes
    - operation: GET /notes/{{note_id}}
    - operation: DELETE /notes/{{note_id}}
    - {{operation: POST /login, body: {{username: alice, password: wrong}}}}
    - {{operation: GET /vault, body: null}}
principals:
  alice: {{tenant: a, resources: {{note_id: n-1}}, token: {{given: "${{COUNTED_ALICE}}"}}}}
  bob: {{tenant: b, resources: {{note_id: n-2}}, token: {{given: "${{COUNTED_BOB}}"}}}}
rate_limits:
  - {{paths: ["/*"], limit: {limit}, window_seconds: {window}}}
  - {{paths: ["/*"], limit: {limit}, window_seconds: {window}, per: address}}
"""


class Segments(socket.SocketIO):
    """Counts what arrives in one piece; `several` are the requests of the last."""

    count, several = 0, False

    def readinto(self, buffer):
        size = super().readinto(buffer)
        self.count, self.several = self.count + 1, bytes(buffer[:size]).count(b"\r\n\r\n") > 1
        return size


class Counted(BaseHTTPRequestHandler):
    """Answers who it is asked by; `server.key(handler)` is who is counted, None for nobody.

    `server.odd(handler)` is a status that nobody is counted for, 0 to hang up, or None; `server.slow(handler)` the
    seconds that an answer takes.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.rfile = io.BufferedReader(Segments(self.connection, "rb"))

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def _answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if (odd := self.server.odd(self)) is not None:
            self.close_connection = True
            return self._send(odd, {"Connection": "close"}) if odd else None
        time.sleep(self.server.slow(self))
        server, key = self.server, self.server.key(self)
        server.seen.append((self.command, self.path, body))
        with server.lock:
            now = time.time()
            kept = [moment for moment in server.counts.get(key, []) if moment > now - server.window]
            limited = key is not None and len(kept) >= server.limit
            if not limited:
                kept.append(now)
            server.counts[key] = kept
        status = server.refusal if limited else self._status()
        headers = {"X-RateLimit-Limit": server.limit, "X-RateLimit-Remaining": max(0, server.limit - len(kept))}
        if limited:
            headers["Retry-After"] = max(1, math.ceil(kept[0] + server.window - now))
        return self._send(status, headers | server.lie(status))

    def _status(self):
        if self.path.startswith("/health"):
            return 200
        return 200 if self.headers.get("Authorization") in ("Bearer alice-token", "Bearer bob-token") else 401

    def _send(self, status, headers):
        self.send_response(status)
        for name, value in {"Content-Length": 2, **headers}.items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


def caller(handler):
    """Members by their token, others by address and path."""
    who = handler.headers.get("Authorization", "")
    return who if who in ("Bearer alice-token", "Bearer bob-token") else f"stranger {urlsplit(handler.path).path}"


@contextlib.contextmanager
def serving(**settings):
    defaults = {
        "key": caller,
        "odd": lambda handler: None,
        "slow": lambda handler: 0,
        "refusal": 429,
        "lie": lambda status: {},
    }
    defaults |= {"limit": LIMIT, "window": WINDOW}
    with ThreadingHTTPServer(("127.0.0.1", 0), Counted) as server:
        server.daemon_threads = True
        server.seen, server.counts, server.lock = [], {}, threading.Lock()
        for name, value in {**defaults, **settings}.items():
            setattr(server, name, value)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def observer(folder, monkeypatch):
    """Returns what is observed of a server with these settings, and the server."""
    monkeypatch.setenv("COUNTED_ALICE", "alice-token")
    monkeypatch.setenv("COUNTED_BOB", "bob-token")

    def observe_it(rate=2000, requests=20_000, window=WINDOW, **settings):
        with serving(**{"window": window, **settings}) as server:
            path = folder / "target.yaml"
            url = f"http://127.0.0.1:{server.server_port}"
            path.write_text(TARGET.format(url=url, rate=rate, requests=requests, limit=LIMIT, window=WINDOW))
            target, journal = Target.load(path), Journal()
            with Api(target, journal) as api:
                principals = load_principals(target, journal)
                return observe(api, load_operations(target, api, principals), principals), server

    return observe_it


def by_subject(observed):
    return {quota.subject: quota for quota in observed.all}
