"""Servers on loopback that behave as a test says, byte for byte, and remember what they were sent."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from chimera_compliance.journal import Journal
from chimera_compliance.probes.http.api import Api
from chimera_compliance.target import Target

Behaviour = Callable[[socket.socket, bytes], None]


@dataclass
class Loopback:
    """A server that reads one request at a time from each connection and then does what `behave` does."""

    behave: Behaviour
    tls: ssl.SSLContext | None = None
    heard: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection:
            try:
                if self.tls:
                    connection = self.tls.wrap_socket(connection, server_side=True)
                while request := read_request(connection):
                    self.heard.append(request)
                    self.behave(connection, request)
            except OSError:
                return

    def close(self) -> None:
        self._listener.close()


def read_request(connection: socket.socket) -> bytes:
    """The head, and the body if its length is given; empty when the client has gone."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            while len(body) < int(line.partition(b":")[2]):
                body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def answer(body: bytes = b"{}", status: str = "200 OK", *headers: str) -> bytes:
    """A whole answer."""
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def always(data: bytes) -> Behaviour:
    return lambda connection, request: connection.sendall(data)


def path_of(request: bytes) -> str:
    return request.split(b" ", 2)[1].decode("latin-1")


@contextmanager
def serving(behave: Behaviour, tls: ssl.SSLContext | None = None) -> Iterator[Loopback]:
    server = Loopback(behave, tls)
    try:
        yield server
    finally:
        server.close()


def target_for(url: str, folder: Path, text: str = "", **scope: object) -> Target:
    """A target file in `folder` for an API at `url`; `text` is the rest of it."""
    limits = {"timeout_seconds": 2, "requests_per_second": 50_000, "writes": "true", **scope}
    settings = ", ".join(f"{name}: {value}" for name, value in limits.items())
    api = "" if "\napi:" in f"\n{text}" else f"api: {{base_url: '{url}'}}\n"
    path = folder / "target.yaml"
    path.write_text(f"name: under test\nscope: {{{settings}}}\n{api}{text.replace('URL', url)}")
    return Target.load(path)


@contextmanager
def api_for(url: str, folder: Path, text: str = "", **scope: object) -> Iterator[Api]:
    journal = Journal(folder / "observations.jsonl")
    with Api(target_for(url, folder, text, **scope), journal) as api:
        yield api
    journal.close()
