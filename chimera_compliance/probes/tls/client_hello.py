"""Client hellos made by hand, to offer what this machine's own OpenSSL no longer offers (RFC 2246, 5246, 6101).

A server that answers with a server hello has accepted the version and one of the suites; no handshake is ever
completed, and nothing is sent after the hello.
"""

import ipaddress
import os
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

VERSIONS = {"SSL 3.0": 0x0300, "TLS 1.0": 0x0301, "TLS 1.1": 0x0302, "TLS 1.2": 0x0303}
USUAL_GROUPS = (0x001D, 0x0017, 0x0018, 0x0019, 0x001E, 0x0100, 0x0101)
USUAL_SUITES = (
    0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0x009E, 0x009F, 0xC009, 0xC013, 0xC00A, 0xC014, 0x009C, 0x009D,
    0x0033, 0x0039, 0x002F, 0x0035, 0x000A,
)  # fmt: skip
_ALERT, _HANDSHAKE = 21, 22
_SERVER_HELLO, _SERVER_KEY_EXCHANGE, _SERVER_HELLO_DONE = 2, 12, 14
_NAMED_CURVE = b"\x03"
_LONGEST_ANSWER = 1 << 17
_SIGNATURES = "0403 0503 0603 0807 0808 0804 0805 0806 0809 080a 080b 0401 0501 0601 0203 0201 0202"


@dataclass(frozen=True)
class Hello:
    """What is offered; code points are those of the IANA registries."""

    version: int
    suites: Sequence[int] = USUAL_SUITES
    groups: Sequence[int] = USUAL_GROUPS
    compressions: Sequence[int] = (0,)
    asks_for_exchange: bool = False


@dataclass(frozen=True)
class Answer:
    """What a server made of a hello; all None where it chose nothing, and `detail` then says what it did.

    Where the hello asks for the key exchange, `group` is the named curve of it, or `prime_bits` the length of the
    finite field's prime. `reached` is False where no connection came about, which says nothing about the offer.
    """

    version: int | None = None
    suite: int | None = None
    compression: int | None = None
    group: int | None = None
    prime_bits: int | None = None
    detail: str = ""
    reached: bool = True

    @property
    def accepted(self) -> bool:
        """Whether the server goes on with something that was offered."""
        return self.suite is not None


def offer(host: str, port: int, hello: Hello, *, timeout: float = 5) -> Answer:
    """Send a hello and read what the server chooses. Never raises: whatever a server does is an answer."""
    try:
        connection = socket.create_connection((host, port), timeout=timeout)
    except OSError as error:
        return Answer(detail=f"no connection ({type(error).__name__})", reached=False)
    try:
        with connection:
            connection.sendall(client_hello(host, hello))
            return _read(connection, time.monotonic() + timeout, hello.asks_for_exchange)
    except TimeoutError:
        return Answer(detail="no answer")
    except OSError as error:
        return Answer(detail=f"closed ({type(error).__name__})")


def client_hello(host: str, hello: Hello) -> bytes:
    """The record that carries the hello."""
    compressions = _sized(bytes(hello.compressions), 1)
    body = struct.pack(">H", hello.version) + os.urandom(32) + b"\0" + _words(hello.suites) + compressions
    if hello.version > VERSIONS["SSL 3.0"]:
        body += _sized(_extensions(host, hello), 2)
    record_version = struct.pack(">H", min(hello.version, VERSIONS["TLS 1.0"]))
    return bytes([_HANDSHAKE]) + record_version + _sized(b"\x01" + _sized(body, 3), 2)


def _extensions(host: str, hello: Hello) -> bytes:
    parts = [(0x000A, _words(hello.groups)), (0x000B, b"\x01\x00"), (0xFF01, b"\0"), (0x0017, b"")]
    if name := _server_name(host):
        parts.insert(0, (0x0000, _sized(b"\0" + _sized(name, 2), 2)))
    if hello.version >= VERSIONS["TLS 1.2"]:
        parts.append((0x000D, _sized(bytes.fromhex(_SIGNATURES), 2)))
    return b"".join(struct.pack(">H", kind) + _sized(content, 2) for kind, content in parts)


def _server_name(host: str) -> bytes:
    """The name to ask for; an address is never named (RFC 6066, 3)."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        try:
            return host.encode("idna")
        except UnicodeError:
            return host.encode("ascii", "replace")
    return b""


def _words(values: Sequence[int]) -> bytes:
    return _sized(b"".join(struct.pack(">H", value) for value in values), 2)


def _sized(content: bytes, width: int) -> bytes:
    return len(content).to_bytes(width, "big") + content


def _read(connection: socket.socket, deadline: float, to_key_exchange: bool) -> Answer:
    answer = Answer(detail="no server hello")
    for kind, body in _messages(connection, deadline):
        if kind == _ALERT and not answer.accepted:
            return Answer(detail=f"alert {body[1]}" if len(body) > 1 else "alert")
        if kind == _SERVER_HELLO:
            answer = _chosen(body)
        elif kind == _SERVER_KEY_EXCHANGE and answer.accepted:
            return _exchange(answer, body)
        if kind == _SERVER_HELLO_DONE or (answer.accepted and not to_key_exchange):
            break
    return answer


def _exchange(answer: Answer, body: bytes) -> Answer:
    """With the curve (RFC 8422, 5.4) or the prime (RFC 5246, 7.4.3) of the server's key exchange."""
    if answer.suite in FINITE_FIELD_SUITES:
        prime = body[2 : 2 + int.from_bytes(body[:2], "big")]
        return replace(answer, prime_bits=int.from_bytes(prime, "big").bit_length())
    return replace(answer, group=int.from_bytes(body[1:3], "big")) if body[:1] == _NAMED_CURVE else answer


def _chosen(body: bytes) -> Answer:
    """Version, suite and compression of a server hello (RFC 5246, 7.4.1.3)."""
    after = 35 + body[34] if len(body) > 34 else 35
    if len(body) < after + 3:
        return Answer(detail="a malformed server hello")
    version, suite = int.from_bytes(body[:2], "big"), int.from_bytes(body[after : after + 2], "big")
    return Answer(version, suite, body[after + 2])


def _messages(connection: socket.socket, deadline: float) -> Iterator[tuple[int, bytes]]:
    """The handshake messages of the server's first flight, across records; an alert ends them."""
    pending, total = b"", 0
    while total < _LONGEST_ANSWER:
        head = _exactly(connection, 5, deadline)
        if len(head) < 5 or head[0] not in (_ALERT, _HANDSHAKE) or head[1] != 3:
            return
        record = _exactly(connection, int.from_bytes(head[3:5], "big"), deadline)
        total += len(record) + 5
        if head[0] == _ALERT:
            yield _ALERT, record
            return
        pending += record
        while len(pending) >= 4 and len(pending) >= (size := 4 + int.from_bytes(pending[1:4], "big")):
            yield pending[0], pending[4:size]
            pending = pending[size:]


def _exactly(connection: socket.socket, count: int, deadline: float) -> bytes:
    """That many bytes, or fewer at the end.

    Raises:
        TimeoutError: the deadline has passed.
    """
    data = b""
    while len(data) < count:
        connection.settimeout(max(deadline - time.monotonic(), 0.001))
        part = connection.recv(count - len(data))
        if not part:
            break
        data += part
    return data


FINITE_FIELD_SUITES = (
    0x009E, 0x009F, 0xCCAA, 0xC09E, 0xC09F, 0xC0A2, 0xC0A3, 0xC052, 0xC053, 0xC07C, 0xC07D, 0x0067, 0x006B, 0x0033,
    0x0039, 0x0045, 0x0088, 0x00BE, 0x00C4, 0x0016, 0x0015, 0x0014, 0x0032, 0x0038, 0x0040, 0x006A, 0x00A2, 0x00A3,
    0x0013, 0x0012, 0x0011,
)  # fmt: skip
"""Ephemeral Diffie-Hellman (DHE) suites that a certificate vouches for."""


def offers_ssl_2(host: str, port: int, *, timeout: float = 5) -> Answer:
    """Whether a server speaks SSL 2.0, whose hello has another form (RFC 6101, appendix E)."""
    suites = bytes.fromhex("010080 020080 030080 040080 050080 060040 0700c0")
    body = b"\x01\x00\x02" + struct.pack(">HHH", len(suites), 0, 16) + suites + os.urandom(16)
    try:
        with socket.create_connection((host, port), timeout=timeout) as connection:
            connection.sendall(struct.pack(">H", 0x8000 | len(body)) + body)
            said = _exactly(connection, 7, time.monotonic() + timeout)
    except ConnectionRefusedError:
        return Answer(detail="no connection", reached=False)
    except OSError as error:
        return Answer(detail=f"closed ({type(error).__name__})")
    if len(said) == 7 and said[0] & 0x80 and said[2] == 4 and said[5:7] == b"\x00\x02":
        return Answer(version=0x0002, suite=0)
    return Answer(detail="refused")
