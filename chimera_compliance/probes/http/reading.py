"""What is read of an answer, never more than a bound, whatever the server sends."""

import zlib
from collections.abc import Iterable

import aiohttp

from chimera_compliance.probes.http.exchange import Exchange, Request

LARGEST_BODY = 1 << 20
LARGEST_FIELD = 1 << 16


async def read(content: aiohttp.StreamReader, seen: dict) -> None:
    """Read the body into `seen`, piece by piece, so that a stream that never ends leaves what it sent."""
    seen["body"] = b""
    chunks: list[bytes] = []
    size = 0
    try:
        while chunk := await content.read(LARGEST_BODY):
            chunks.append(chunk)
            size += len(chunk)
            if size >= LARGEST_BODY:
                seen["truncated"] = True
                break
    finally:
        seen["body"] = b"".join(chunks)[:LARGEST_BODY]


def head(status: int, reason: str | None, raw_headers: Iterable[tuple[bytes, bytes]]) -> dict:
    """What an answer begins with."""
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in raw_headers)
    return {"status": status, "reason": reason or "", "headers": headers}


def exchange_of(request: Request, seen: dict) -> Exchange:
    """The exchange of what was seen, its body decompressed."""
    encoding = next((v for k, v in seen.get("headers", ()) if k.lower() == "content-encoding"), "").lower()
    if encoding in ("gzip", "x-gzip", "deflate") and seen.get("body"):
        seen |= _decompressed(seen["body"], seen.get("truncated", False))
    return Exchange(request, **seen)


def _decompressed(body: bytes, truncated: bool) -> dict:
    """The first 1 MiB of a gzip or deflate body; the body as it came where it is neither."""
    for window in (47, -15):
        try:
            stream = zlib.decompressobj(window)
            plain = stream.decompress(body, LARGEST_BODY)
        except zlib.error:
            continue
        return {"body": plain, "truncated": truncated or bool(stream.unconsumed_tail)}
    return {"body": body, "truncated": truncated}
