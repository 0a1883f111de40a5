"""What answers on an API's ports without TLS, and whether it is the application.

Nothing secret is sent: the token is made up, ids are too, and the headers that the target file adds to every request
stay at home. A refusal that never reaches the application (a proxy's 403) is told from the application's own by
comparing it with the answer over TLS, and with the answer to a path that nobody has.
"""

import re
import socket
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chimera_compliance.errors import OutOfScope
from chimera_compliance.probes.http.api import Api, BudgetExhausted
from chimera_compliance.probes.http.exchange import Exchange, Headers, Request
from chimera_compliance.probes.http.reproduce import curl
from chimera_compliance.probes.http.trust import RUN_HEADER, USER_AGENT, in_scope

if TYPE_CHECKING:
    from chimera_compliance.probes.openapi.operations import Operation

MADE_UP_TOKEN = "made-up-by-the-verifier"
_NOWHERE = "/chimera-compliance-no-such-path"
_LONGEST_WAIT = 3.0
_LARGEST_ANSWER = 32_768
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3})(?: ([^\r\n]*))?\r?\n")
_VARIABLE = re.compile(rb"[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}|\d+")


@dataclass(frozen=True)
class PlainAnswer:
    """One operation over plain HTTP; `twin` is the same request over TLS, `nowhere` a path that nobody has."""

    operation: "Operation"
    exchange: Exchange
    twin: Exchange | None
    nowhere: Exchange

    @property
    def takes_credentials(self) -> bool:
        """Whether a client would send a secret here: a token, or what a public operation such as a login reads."""
        return not self.operation.public or self.operation.unsafe

    @property
    def redirects(self) -> bool:
        """Whether it sends the client on to another address."""
        return self.exchange.status in (301, 302, 303, 307, 308)

    @property
    def redirects_to_tls(self) -> bool:
        """Whether that is https."""
        return self.redirects and (self.exchange.header("Location") or "").lower().startswith("https://")

    @property
    def from_application(self) -> bool | None:
        """Whether the application has read the request; None where its own refusal would look the same.

        One page for every path, which TLS does not show, is some other site's.
        """
        exchange, status = self.exchange, self.exchange.status
        if status is None or self.redirects_to_tls:
            return False
        if self.twin is None or status in (401, 422) or exchange.header("WWW-Authenticate"):
            return True
        if not self.twin.answered:
            return True if exchange.ok else None
        same, everywhere = alike(exchange, self.twin), alike(exchange, self.nowhere)
        if exchange.ok:
            return same or not everywhere
        return same if not (same and everywhere) else None


@dataclass(frozen=True)
class PlainPort:
    """A port and what it makes of plain HTTP; `closed` says why nothing answered, `unasked` why nothing was sent."""

    url: str
    closed: str = ""
    unasked: str = ""
    observation: str = ""
    is_http_2: bool = False
    answers: Sequence[PlainAnswer] = field(default=())

    @property
    def subject(self) -> str:
        """Its address."""
        return self.url

    @property
    def actual(self) -> str:
        """What was seen."""
        return self.unasked or self.closed or ("HTTP/2" if self.is_http_2 else f"{len(self.answers)} answers")

    @property
    def undecided(self) -> bool:
        """Whether something answers of which nobody can say whether it is the application."""
        found = [answer.from_application for answer in self.answers]
        return None in found and True not in found and False not in found


def alike(one: Exchange, other: Exchange) -> bool:
    """Whether two answers are the same but for ids, times and the like."""
    return one.status == other.status and _type(one) == _type(other) and _constant(one) == _constant(other)


def _type(exchange: Exchange) -> str:
    return (exchange.header("Content-Type") or "").partition(";")[0].strip().lower()


def _constant(exchange: Exchange) -> bytes:
    return _VARIABLE.sub(b"0", exchange.body[:8192].strip())


class PlainHttp:
    """Asks the API's own port and the declared ones in plain text."""

    def __init__(self, api: Api, operations: Iterable["Operation"]) -> None:
        self._api, self._target = api, api.target
        parts = urlsplit(self._target.api.base_url)
        self._host, self._base, self._is_https = parts.hostname or "", parts.path, parts.scheme == "https"
        self._own_port = parts.port or (443 if self._is_https else 80)
        self._operations = [item for item in operations if not item.unsafe or item.can_be_harmless]
        self._timeout = min(self._target.scope.timeout_seconds, _LONGEST_WAIT)

    def ports(self) -> list[PlainPort]:
        """Every port, the API's own first."""
        declared = self._target.api.plain_http_ports if self._is_https else []
        wanted = list(dict.fromkeys((self._own_port, *declared)))
        with ThreadPoolExecutor(len(wanted)) as pool:
            return list(pool.map(self._port, wanted))

    def _port(self, port: int) -> PlainPort:
        host = f"[{self._host}]" if ":" in self._host else self._host
        url = f"http://{host}:{port}"
        try:
            in_scope(self._target, url)
        except OutOfScope:
            return PlainPort(url, unasked="is not in scope.hosts")
        nowhere = self._ask(port, url, Request("GET", _NOWHERE, note="a path that nobody has"))
        if nowhere.status is None:
            is_http_2 = nowhere.error == _HTTP_2
            return PlainPort(url, "" if is_http_2 else nowhere.error, "", nowhere.observation, is_http_2)
        return PlainPort(url, observation=nowhere.observation, answers=self._answers(port, url, nowhere))

    def _answers(self, port: int, url: str, nowhere: Exchange) -> list[PlainAnswer]:
        requests = [self._request(operation) for operation in self._operations]
        if self._api.requests_sent + 2 * len(requests) > self._target.scope.requests:
            raise BudgetExhausted(f"{2 * len(requests)} requests to {url} are more than scope.requests leaves")
        twins = self._api.send(requests, retry_limited=False) if self._is_https else [None] * len(requests)
        with ThreadPoolExecutor(self._target.scope.concurrency) as pool:
            exchanges = list(pool.map(lambda request: self._ask(port, url, request), requests))
        triples = zip(self._operations, exchanges, twins, strict=True)
        return [PlainAnswer(operation, exchange, twin, nowhere) for operation, exchange, twin in triples]

    def _request(self, operation: "Operation") -> Request:
        credential = self._api.authorization(MADE_UP_TOKEN)
        made = operation.request(None, harmless=True, headers=credential, body=False)
        path = made.path.partition("?")[0]  # A query may hold an API key that the target file names.
        return replace(made, path=path, headers=credential, note="with a made-up token")

    def _ask(self, port: int, url: str, request: Request) -> Exchange:
        path = urlsplit(request.path).path if "://" in request.path else self._base + request.path
        headers = (*request.headers, ("User-Agent", USER_AGENT), (RUN_HEADER, self._api.run_id))
        time.sleep(1 / self._target.scope.requests_per_second)
        exchange = self._exchanged(port, request, path or "/", headers)
        command = curl(request.method, url + path, request.headers, None, authorities=False, placeholders=())
        observation = self._api.journal.record(
            "http",
            f"{request.subject} over plain HTTP, port {port}",
            sent={"method": request.method, "url": url + path, "headers": [f"{k}: {v}" for k, v in headers]},
            received={"answer": exchange.actual, "headers": [f"{k}: {v}" for k, v in exchange.headers]},
            raw=exchange.body,
            reproduce=command,
        )
        return replace(exchange, observation=observation)

    def _exchanged(self, port: int, request: Request, path: str, headers: Headers) -> Exchange:
        host = f"[{self._host}]" if ":" in self._host else self._host
        lines = [f"{request.method} {path} HTTP/1.1", f"Host: {host}:{port}", "Accept: */*", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers]
        lines += [] if request.method in ("GET", "HEAD") else ["Content-Length: 0"]
        wire = "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")
        try:
            with socket.create_connection((self._host, port), timeout=self._timeout) as connection:
                connection.sendall(wire)
                return _parsed(request, _received(connection, request.method, time.monotonic() + self._timeout))
        except OSError as error:
            return Exchange(request, error=error.strerror or type(error).__name__)


_HTTP_2 = "speaks HTTP/2 without TLS"


def _received(connection: socket.socket, method: str, deadline: float) -> bytes:
    """What comes until the answer ends, the deadline passes, or it is more than is looked at."""
    data = b""
    try:
        while len(data) < _LARGEST_ANSWER and not _is_complete(data, method):
            connection.settimeout(max(deadline - time.monotonic(), 0.001))
            part = connection.recv(8192)
            if not part:
                break
            data += part
    except OSError:
        if not data:
            raise
    return data


def _is_complete(data: bytes, method: str) -> bool:
    """Whether the answer has ended although the connection has not."""
    head, end, body = data.partition(b"\r\n\r\n")
    if length := re.search(rb"\r\ncontent-length:[ \t]*(\d+)", head, re.IGNORECASE):
        return bool(end) and (method == "HEAD" or len(body) >= int(length[1]))
    bodiless = method == "HEAD" or head[9:12] in (b"204", b"304")
    return bool(end) and (bodiless or body.endswith(b"\r\n0\r\n\r\n"))


def _parsed(request: Request, data: bytes) -> Exchange:
    found = _STATUS_LINE.match(data)
    if not found:
        is_settings = len(data) >= 9 and data[3] == 4 and data[5:9] == bytes(4)  # RFC 9113, 6.5
        return Exchange(request, error=_HTTP_2 if is_settings else "no HTTP answer" if data else "closed")
    head, _, body = data.partition(b"\r\n\r\n")
    lines = (line.decode("latin-1").partition(":") for line in head.split(b"\n")[1:])
    headers = tuple((name.strip(), value.strip()) for name, colon, value in lines if colon)
    reason = (found[2] or b"").decode("latin-1")
    return Exchange(request, int(found[1]), reason, headers, _unchunked(headers, body))


def _unchunked(headers: Headers, body: bytes) -> bytes:
    """The content of a chunked body (RFC 9112, 7.1), as far as it came."""
    if not any(name.lower() == "transfer-encoding" and "chunked" in value.lower() for name, value in headers):
        return body
    content = b""
    while found := re.match(rb"([0-9a-fA-F]{1,8})[^\r\n]*\r\n", body):
        size = int(found[1], 16)
        if not size:
            break
        content += body[found.end() : found.end() + size]
        body = body[found.end() + size + 2 :]
    return content
