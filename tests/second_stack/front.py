"""The front of the helpdesk: TLS, HTTP/1.1 and the headers of every response, in the manner of a proxy.

What the front answers itself (a malformed request line, an unknown method) carries the same headers as the rest.
"""

import json
import socket
import ssl
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any
from urllib.parse import unquote

from chimera_compliance.stack.certificates import Identity

HEADERS = {
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-site",
    "Cache-Control": "no-cache, no-store, must-revalidate",
}
_LONGEST_BODY = 262_144
_PATIENCE_SECONDS = 15


class Front(ThreadingHTTPServer):
    """Accepts, and shakes hands in the connection's own thread, so that nobody waits for a silent client."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, app: Any, listener: socket.socket, identity: Identity) -> None:
        super().__init__(listener.getsockname(), _Exchange, bind_and_activate=False)
        self.socket.close()
        self.socket, self.app, self._tls = listener, app, _context(identity)

    def finish_request(self, request: socket.socket, client_address: tuple) -> None:
        """One connection, from the handshake to its end."""
        request.settimeout(_PATIENCE_SECONDS)
        try:
            with self._tls.wrap_socket(request, server_side=True) as connection:
                self.RequestHandlerClass(connection, client_address, self)
        except OSError:
            return  # A client that does not speak TLS or has gone; there is nobody to tell.


def _context(identity: Identity) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.load_cert_chain(identity.certificate, identity.key)
    return context


class _Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _PATIENCE_SECONDS
    disable_nagle_algorithm = True
    wbufsize = -1

    def serve(self) -> None:
        """Read the request whole, let the application answer it whole."""
        if (length := self._length()) is None:
            return
        body, answer = self.rfile.read(length), {}

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
            answer.update(status=status, headers=headers)

        content = self._whole(self.server.app(self._environment(body), start))
        code, _, reason = answer["status"].partition(" ")
        self._answer(int(code), reason, answer["headers"], content)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_TRACE = serve

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What could not be given to the application is answered in its manner."""
        reason = self.responses.get(code, ("Error", ""))[0]
        problem = json.dumps({"type": "about:blank", "title": reason, "status": int(code)}).encode()
        headers = [("Content-Type", "application/problem+json"), ("Connection", "close")]
        self._answer(int(code), reason, headers, problem)
        self.close_connection = True

    def _length(self) -> int | None:
        """How long the body is; None when that has been answered with an error."""
        told = set(self.headers.get_all("Content-Length", ["0"]))
        text = told.pop()
        if "Transfer-Encoding" in self.headers:
            self.send_error(411)
        elif told or not (text.isascii() and text.isdigit()):
            self.send_error(400)
        elif len(text) > 9 or int(text) > _LONGEST_BODY:
            self.send_error(413)
        else:
            return int(text)
        return None

    def _environment(self, body: bytes) -> dict[str, Any]:
        path, _, query = self.path.partition("?")
        host, port = self.server.socket.getsockname()
        environment = {
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote(path, "latin-1"),
            "QUERY_STRING": query,
            "SERVER_NAME": host,
            "SERVER_PORT": str(port),
            "SERVER_PROTOCOL": self.request_version,
            "REMOTE_ADDR": self.client_address[0],
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "https",
            "wsgi.input": BytesIO(body),
            "wsgi.errors": _Nowhere(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name in {name.lower() for name in self.headers} - {"content-type", "content-length"}:
            if "_" not in name:  # or X_Desk_Badge would pass for X-Desk-Badge
                environment["HTTP_" + name.upper().replace("-", "_")] = ",".join(self.headers.get_all(name))
        return environment

    def _whole(self, parts: Iterable[bytes]) -> bytes:
        try:
            return b"".join(parts)
        finally:
            getattr(parts, "close", lambda: None)()

    def _answer(self, code: int, reason: str, headers: list[tuple[str, str]], content: bytes) -> None:
        self.request_version = self.protocol_version  # or an answer to a malformed request line has no headers
        self.send_response(code, reason)
        told = {name: value for name, value in headers if name != "Content-Length"}
        for name, value in (HEADERS | told).items():
            self.send_header(name, value)
        if code not in (204, 304):
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD" and code not in (204, 304):
            self.wfile.write(content)

    def version_string(self) -> str:
        """What the Server header says: no version."""
        return "nginx"

    def log_message(self, *_: object) -> None:
        """Requests are not logged: a query could hold what nobody should read."""


class _Nowhere:
    def write(self, _: str) -> None: ...

    def flush(self) -> None: ...
