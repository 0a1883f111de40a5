"""Stands between an application and Secrets Manager: counts its reads, and takes the store away for a moment.

The application's endpoint is set to the relay (`AWS_ENDPOINT_URL_SECRETS_MANAGER`). A signature names the host that it
was made for (AWS Signature Version 4), so requests to AWS itself are signed again, with the relay's own credentials; an
emulator takes them as they are. The relay is for a staging environment, on an address that only the stack reaches.

Its own interface: ``GET /.compliance/reads``, ``POST /.compliance/away?seconds=N`` (it comes back by itself, whatever
becomes of whoever asked) and ``POST /.compliance/back``.
"""

import http.client
import json
import re
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from urllib.parse import parse_qs, urlsplit

from chimera_compliance.errors import ConfigurationError

_AWS = re.compile(r"secretsmanager(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")
_LONGEST_AWAY = 300.0
_READS = ("secretsmanager.GetSecretValue", "secretsmanager.BatchGetSecretValue")
_AWAY = b'{"__type":"InternalServiceError","message":"away"}'
Sign = Callable[[str, dict[str, str], bytes], dict[str, str]]


class Relay(ThreadingHTTPServer):
    """Serves on `address` in front of `upstream`; `sign` makes the headers that the upstream believes."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], upstream: str, sign: Sign | None = None):
        super().__init__(address, _Handler)
        self.upstream, self.sign = urlsplit(upstream), sign
        self.reads: Counter[str] = Counter()
        self.refused = 0
        self._away_until, self._lock = 0.0, Lock()

    @property
    def away(self) -> bool:
        """Whether the store is away."""
        return time.monotonic() < self._away_until

    def leave(self, seconds: float) -> None:
        """Be away for so long, from now on."""
        self._away_until = time.monotonic() + min(seconds, _LONGEST_AWAY)

    def count(self, names: list[str], answered: bool) -> None:
        """Keep who was read, or that nobody could be."""
        with self._lock:
            if answered:
                self.reads.update(names)
            else:
                self.refused += 1

    def told(self) -> dict:
        """What has been counted since the start."""
        with self._lock:
            return {"reads": dict(self.reads), "refused": self.refused, "away": self.away}


def serve(listen: str, upstream: str, write_line: Callable[[str], None]) -> None:
    """Relay until interrupted.

    Raises:
        ConfigurationError: the address cannot be listened on, the upstream is no URL, or there are no credentials.
    """
    host, _, port = listen.rpartition(":")
    address = urlsplit(upstream)
    if not port.isdigit() or address.scheme not in ("http", "https") or not address.hostname:
        raise ConfigurationError("relay: --listen is HOST:PORT and --upstream a URL")
    region = _AWS.fullmatch(address.hostname)
    try:
        relay = Relay((host or "127.0.0.1", int(port)), upstream.rstrip("/"), signer(region[1]) if region else None)
    except (OSError, OverflowError) as error:
        raise ConfigurationError(f"relay: cannot listen on {listen}: {error}") from None
    with relay:
        write_line(f"relaying http://{host}:{relay.server_address[1]} to {upstream}; Ctrl-C ends it")
        relay.serve_forever()


def signer(region: str) -> Sign:
    """Signs as the credentials of the environment, for AWS itself."""
    import boto3
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    if (credentials := boto3.Session().get_credentials()) is None:
        raise ConfigurationError("relay: requests to AWS are signed again, and there are no AWS credentials")

    def sign(url: str, headers: dict[str, str], body: bytes) -> dict[str, str]:
        kept = {name: value for name, value in headers.items() if name.lower() in ("content-type", "x-amz-target")}
        request = AWSRequest("POST", url, headers=kept, data=body)
        SigV4Auth(credentials.get_frozen_credentials(), "secretsmanager", region).add_auth(request)
        return dict(request.headers)

    return sign


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Relay

    def do_GET(self) -> None:
        if urlsplit(self.path).path == "/.compliance/reads":
            return self._answer(200, json.dumps(self.server.told()).encode())
        return self._answer(404, b"{}")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        asked = urlsplit(self.path)
        if asked.path in ("/.compliance/away", "/.compliance/back"):
            seconds = float(parse_qs(asked.query).get("seconds", ["30"])[0]) if asked.path.endswith("away") else 0.0
            self.server.leave(seconds)
            return self._answer(200, json.dumps(self.server.told()).encode())
        names = _names(body) if self.headers.get("x-amz-target") in _READS else []
        if self.server.away:
            self.server.count(names, answered=False)
            return self._answer(500, _AWAY)
        return self._forward(body, names)

    def _forward(self, body: bytes, names: list[str]) -> None:
        upstream, headers = self.server.upstream, dict(self.headers.items())
        if self.server.sign:
            headers = self.server.sign(upstream.geturl() + self.path, headers, body)
        kind = http.client.HTTPSConnection if upstream.scheme == "https" else http.client.HTTPConnection
        connection = kind(upstream.hostname, upstream.port, timeout=30)
        try:
            connection.request("POST", self.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        except OSError:
            self.server.count(names, answered=False)
            return self._answer(502, _AWAY)
        finally:
            connection.close()
        self.server.count(names if answer.status == 200 else [], answered=True)
        return self._answer(answer.status, content, answer.getheader("content-type") or "application/x-amz-json-1.1")

    def _answer(self, status: int, content: bytes, kind: str = "application/x-amz-json-1.1") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing: a log line would hold nothing that is not counted."""


def _names(body: bytes) -> list[str]:
    try:
        asked = json.loads(body)
        named = asked.get("SecretIdList") or [asked.get("SecretId")]
    except (ValueError, AttributeError):
        return []
    return [str(name) for name in named if name]
