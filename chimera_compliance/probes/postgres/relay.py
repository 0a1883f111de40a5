"""A relay between an application and its server that asks each session, when it is let go of, what is left in it.

A pool hands a session to the next request as it is. Nobody else can see a session's settings or read its temporary
tables, so the relay keeps the server's side open for a moment after the application has said goodbye and asks in its
place. It speaks just enough of the protocol: https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

import socket
import ssl
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass, field

_SSL_REQUEST, _GSS_REQUEST = 80877103, 80877104
_TERMINATE = b"X"


class _Gone(Exception):
    """The other side closed the connection."""


def _exactly(stream: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        piece = stream.recv(count - len(data))
        if not piece:
            raise _Gone
        data += piece
    return bytes(data)


def _message(stream: socket.socket) -> tuple[bytes, bytes]:
    """One typed message: its type, and all of it as sent."""
    head = _exactly(stream, 5)
    return head[:1], head + _exactly(stream, struct.unpack("!I", head[1:])[0] - 4)


def _query(text: str) -> bytes:
    body = text.encode() + b"\0"
    return b"Q" + struct.pack("!I", len(body) + 4) + body


@dataclass
class Relay:
    """Listens on loopback; `left` gathers the first column of what `questions` answer at the end of each session."""

    host: str
    port: int
    questions: list[str]
    encrypted: bool = False
    left: list[str] = field(default_factory=list)
    sessions: int = 0

    def __enter__(self) -> "Relay":
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    @property
    def listens_on(self) -> int:
        """The port to connect to."""
        return self._listener.getsockname()[1]

    def _start(self, work, *arguments) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError, _Gone, struct.error), client, self._server() as server:
            self._relay(client, server)

    def _server(self) -> socket.socket:
        if self.host.startswith("/"):
            server = socket.socket(socket.AF_UNIX)
            server.connect(f"{self.host}/.s.PGSQL.{self.port}")
            return server
        server = socket.create_connection((self.host, self.port), timeout=30)
        if not self.encrypted:
            return server
        server.sendall(struct.pack("!II", 8, _SSL_REQUEST))
        if _exactly(server, 1) != b"S":
            raise OSError("the server does not offer TLS")
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context.wrap_socket(server)

    def _relay(self, client: socket.socket, server: socket.socket) -> None:
        self._greet(client, server)
        backwards = _Backwards(server, client)
        backwards.start()
        try:
            while True:
                kind, message = _message(client)
                if kind == _TERMINATE:
                    break
                server.sendall(message)
        except (_Gone, OSError):
            pass
        backwards.detach()
        if backwards.ready.wait(10):
            self.sessions += 1
            for question in ["ROLLBACK", *self.questions]:
                self.left += [value for value in backwards.ask(question) if value not in self.left]
        server.sendall(_TERMINATE + struct.pack("!I", 4))

    def _greet(self, client: socket.socket, server: socket.socket) -> None:
        """Pass the startup message on; encryption ends here, which is loopback."""
        while True:
            (length,) = struct.unpack("!I", head := _exactly(client, 4))
            body = _exactly(client, length - 4)
            if length == 8 and struct.unpack("!I", body)[0] in (_SSL_REQUEST, _GSS_REQUEST):
                client.sendall(b"N")
                continue
            server.sendall(head + body)
            return


class _Backwards(threading.Thread):
    """The server's messages on their way to the application, and to us once it has gone."""

    def __init__(self, server: socket.socket, client: socket.socket) -> None:
        super().__init__(daemon=True)
        self.server, self.client = server, client
        self.ready = threading.Event()
        self._detached = threading.Event()
        self._cells: list[str] = []

    def detach(self) -> None:
        """The application is gone: send it nothing more."""
        self._detached.set()

    def run(self) -> None:
        with suppress(_Gone, OSError, struct.error):
            while True:
                kind, message = _message(self.server)
                if self._detached.is_set() and kind == b"D":
                    self._cells.append(_first_cell(message))
                if kind == b"Z":
                    self.ready.set()
                elif kind in b"TDCEN12":
                    self.ready.clear()
                if not self._detached.is_set():
                    with suppress(OSError):
                        self.client.sendall(message)

    def ask(self, question: str) -> list[str]:
        """The first column of a query's answer, sent in the application's place."""
        self._cells = []
        self.ready.clear()
        self.server.sendall(_query(question))
        return list(self._cells) if self.ready.wait(10) else []


def _first_cell(message: bytes) -> str:
    (count,) = struct.unpack("!H", message[5:7])
    (length,) = struct.unpack("!i", message[7:11]) if count else (-1,)
    return message[11 : 11 + length].decode("utf-8", "replace") if length >= 0 else ""
