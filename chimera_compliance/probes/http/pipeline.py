"""HTTP/1.1 pipelining (RFC 9112, 9.3.2): requests written at once on one connection, answered in their order.

aiohttp's client writes no request before the last answer has ended, so they are written here; its parser reads.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ssl import SSLContext

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from chimera_compliance.probes.http.exchange import Exchange, Outgoing
from chimera_compliance.probes.http.explain import explain
from chimera_compliance.probes.http.reading import LARGEST_FIELD, exchange_of, head, read

_LINE_BREAK = re.compile(r"[\r\n\0]")


async def pipelined(batch: list[Outgoing], tls: SSLContext, seconds: float) -> list[Exchange]:
    """The exchanges, in order; what broke the connection, or took too long, is the error of all that had no answer."""
    clock = asyncio.get_running_loop()
    began, seen, reason = clock.time(), [{} for _ in batch], ""
    try:
        wire = b"".join(map(_serialized, batch))
        async with asyncio.timeout(seconds), _connection(batch[0].url, tls) as connection:
            connection.transport.write(wire)
            for answer in seen:
                await _next(connection, answer)
                answer["seconds"] = clock.time() - began
                if answer.get("truncated"):
                    reason = "the answer before it is too long to be read to its end"
                    break
    except (aiohttp.ClientError, HttpProcessingError, OSError, TimeoutError, ValueError) as error:
        reason = explain(error, seconds)
    missing = {"seconds": clock.time() - began, "error": reason}
    return [
        exchange_of(item.request, answer if "seconds" in answer else answer | missing)
        for item, answer in zip(batch, seen, strict=True)
    ]


def _serialized(outgoing: Outgoing) -> bytes:
    """The request as it is written; a GET, for nothing else may safely be sent before the answer to the last is known.

    Raises:
        ValueError: it is none, or a line break would make another request of it.
    """
    request, url = outgoing.request, outgoing.url
    if request.method != "GET" or request.body is not None:
        raise ValueError("only a GET without a body is pipelined")
    named = {name.lower() for name, _ in outgoing.headers}
    host = () if "host" in named else (("Host", url.host_port_subcomponent),)
    lines = [f"GET {url.raw_path_qs} HTTP/1.1", *(f"{name}: {value}" for name, value in (*host, *outgoing.headers))]
    if any(map(_LINE_BREAK.search, lines)):
        raise ValueError("a header holds a line break")
    return "\r\n".join([*lines, "", ""]).encode()


@asynccontextmanager
async def _connection(url: URL, tls: SSLContext) -> AsyncIterator[ResponseHandler]:
    loop = asyncio.get_running_loop()
    context = tls if url.scheme == "https" else None
    transport, protocol = await loop.create_connection(lambda: ResponseHandler(loop), url.host, url.port, ssl=context)
    try:
        protocol.set_response_params(
            read_until_eof=True, auto_decompress=False, max_line_size=LARGEST_FIELD, max_field_size=LARGEST_FIELD
        )
        yield protocol
    finally:
        transport.abort()


async def _next(connection: ResponseHandler, seen: dict) -> None:
    """Read the next answer into `seen`, without those that only announce it (RFC 9110, 15.2)."""
    status = 100
    while 100 <= status < 200 and status != 101:
        message, content = await connection.read()
        status = message.code
    seen |= head(status, message.reason, message.raw_headers)
    await read(content, seen)
