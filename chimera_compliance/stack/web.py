"""A variant's web server: a fork of the supervisor, warm, on a socket that listens before it serves."""

import os
import socket
import ssl

from chimera_compliance.stack import StackError
from chimera_compliance.stack.api import build
from chimera_compliance.stack.certificates import Identity
from chimera_compliance.stack.database import Login
from chimera_compliance.stack.postgres import Server
from chimera_compliance.stack.reaper import Reaper
from chimera_compliance.stack.target_file import Place
from chimera_compliance.stack.variant import Variant

_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


def listen() -> socket.socket:
    """A loopback socket; connections wait in its queue until the server takes them."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(512)
    return listener


def start(
    reaper: Reaper,
    variant: Variant,
    place: Place,
    server: Server,
    login: Login,
    listener: socket.socket,
    identity: Identity,
) -> int:
    """Serve in a child and return its process id once it is up.

    Raises:
        StackError: the application could not be built or did not start.
    """
    read_end, write_end = os.pipe()

    def serve() -> None:
        os.close(read_end)
        try:
            app = build(variant, place, server, login)
            _run(app, variant, listener, identity, lambda: os.write(write_end, b"up"))
        except BaseException as error:
            os.write(write_end, f"{type(error).__name__}: {error}".encode())
            raise

    pid = reaper.fork(serve)
    os.close(write_end)
    listener.close()
    said = os.read(read_end, 400)
    os.close(read_end)
    if said != b"up":
        reaper.kill(pid)
        raise StackError(f"the web server did not start: {said.decode(errors='replace').splitlines()[:1]}")
    return pid


def _run(app, variant: Variant, listener: socket.socket, identity: Identity, ready) -> None:
    import uvicorn

    config = uvicorn.Config(
        app,
        **{
            "ssl_certfile": identity.certificate,
            "ssl_keyfile": identity.key,
            "ssl_ciphers": _CIPHERS,
            "proxy_headers": False,
            "server_header": False,
            "access_log": False,
            "log_level": "warning",
            "ws": "none",
            "lifespan": "off",
            "h11_max_incomplete_event_size": 32_768,
            "timeout_keep_alive": 20,
            **variant.tls,
        },
    )
    config.load()
    if config.ssl:
        config.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
        config.ssl.options |= ssl.OP_NO_RENEGOTIATION
    ready()
    uvicorn.Server(config).run(sockets=[listener])
