"""A variant's web server: a fork of the supervisor, warm, on a socket that listens before it serves."""

import gc
import os
import socket
import ssl
from collections.abc import Callable, Iterable
from typing import Any

from chimera_compliance.stack import StackError
from chimera_compliance.stack.certificates import Identity
from chimera_compliance.stack.reaper import Reaper

_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


def listen() -> socket.socket:
    """A loopback socket; connections wait in its queue until the server takes them."""
    # The protocol is named: asyncio switches Nagle's algorithm off only then, and with it on an answer takes 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(512)
    return listener


def reserve() -> socket.socket:
    """A loopback port that is closed and stays so: nobody else can take it."""
    reserved = socket.socket()
    reserved.bind(("127.0.0.1", 0))
    return reserved


def start(
    reaper: Reaper,
    build: Callable,
    listener: socket.socket,
    settings: dict[str, Any],
    identity: Identity | None,
    bends: Iterable[Callable[[ssl.SSLContext], None]] = (),
) -> int:
    """Serve what `build` makes, in a child; returns its process id once it is up. Without an identity, without TLS.

    Raises:
        StackError: the application could not be built or did not start.
    """
    read_end, write_end = os.pipe()

    def serve() -> None:
        os.close(read_end)
        gc.freeze()  # What was imported stays: to look through it again and again takes a fifth of the time.
        try:
            config = _config(build(), settings, identity, bends)
            _run(config, listener, lambda: os.write(write_end, b"up"))
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


def _config(app, settings: dict[str, Any], identity: Identity | None, bends: Iterable[Callable]):
    import uvicorn

    config = uvicorn.Config(
        app,
        **{
            "ssl_certfile": identity.certificate if identity else None,
            "ssl_keyfile": identity.key if identity else None,
            "ssl_ciphers": _CIPHERS,
            "proxy_headers": False,
            "server_header": False,
            "access_log": False,
            "log_level": "warning",
            "loop": "asyncio",
            "ws": "none",
            "lifespan": "off",
            "h11_max_incomplete_event_size": 32_768,
            "timeout_keep_alive": 20,
            **settings,
        },
    )
    config.load()
    if config.ssl:
        config.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
        config.ssl.options |= ssl.OP_NO_RENEGOTIATION
        for bend in bends:
            bend(config.ssl)
    return config


def _run(config, listener: socket.socket, ready: Callable) -> None:
    import uvicorn

    ready()
    uvicorn.Server(config).run(sockets=[listener])
