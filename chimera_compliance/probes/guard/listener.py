"""A stranger's server on this machine: whoever calls it has followed an address out of a forged token.

It serves the attacker's key in the form that the path asks for, so that a stack which fetches a key also admits
the token.
"""

import socket
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


def local_address(url: str) -> str:
    """The address of this machine from which a server is reached: loopback for a server on loopback."""
    parts = urlsplit(url)
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            parts.hostname, parts.port or 443, type=socket.SOCK_DGRAM
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.connect(address)
            return probe.getsockname()[0]
    except OSError:
        return "127.0.0.1"


class Listener:
    """Answers every path until closed; `calls` counts by the first part of the path.

    `serve` makes the body from the listener's URL and the path asked for.
    """

    def __init__(self, address: str = "127.0.0.1") -> None:
        self.calls: Counter[str] = Counter()
        self.serve: Callable[[str, str], bytes] = lambda url, path: b"{}"
        self._server = _Server((address, 0), _handler(lambda path: self.serve(self.url, path), self.calls))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def __enter__(self) -> "Listener":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self._server.server_address[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=2)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    address_family = socket.AF_INET

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, handler)

    def handle_error(self, request, client_address) -> None:
        """Somebody who hangs up has called all the same."""


def _handler(serve: Callable[[str], bytes], calls: Counter[str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def do_GET(self) -> None:
            calls[self.path.strip("/").partition("/")[0]] += 1
            body = serve(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "application/json" if body[:1] == b"{" else "application/x-pem-file")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_HEAD = do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            """What is called is counted, not printed."""

    return Handler
