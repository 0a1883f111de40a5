"""Reads what a text search cannot: UTF-16 and archives, within bounds that a bomb does not pass."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

_MOST_BYTES = 64 << 20
_MOST_MEMBERS = 2000
_DEEPEST = 2
_MAGIC = {b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ"}
_FAILURES = (OSError, EOFError, ValueError, RuntimeError, NotImplementedError, zlib.error, lzma.LZMAError)
_FAILURES += (tarfile.TarError, zipfile.BadZipFile)


@dataclass(frozen=True)
class Part:
    """A member of an archive, or a text in another encoding."""

    name: str
    content: bytes


def is_packed(head: bytes) -> bool:
    """Whether a content that begins like this must be unpacked or decoded; eight bytes are enough."""
    if head[:2] in (b"PK", b"\x1f\x8b", b"\xff\xfe", b"\xfe\xff") or head[:3] == b"BZh" or head[:5] == b"\xfd7zXZ":
        return True
    return len(head) >= 8 and (head[1:8:2] == b"\0\0\0\0" or head[0:8:2] == b"\0\0\0\0") and head.strip(b"\0") != b""


def is_tar(head: bytes) -> bool:
    """Whether a content is a tar archive, which says so only at its byte 257."""
    return head[257:262] == b"ustar"


def unpacked(content: bytes, depth: int = 0) -> Iterator[Part]:
    """The texts in a content; what is damaged, encrypted or too large is left out."""
    if not (is_packed(content[:8]) or is_tar(content[:512])):
        return
    if (text := decoded(content)) is not None:
        yield Part("UTF-16", text)
        return
    budget = [_MOST_BYTES]
    try:
        for name, member in _members(content, budget):
            inner = list(unpacked(member, depth + 1)) if depth < _DEEPEST else []
            yield from (Part(f"{name} / {part.name}", part.content) for part in inner)
            if not inner:
                yield Part(name, member)
    except _FAILURES:
        return


def decoded(content: bytes) -> bytes | None:
    """UTF-16 as UTF-8, with or without a byte order mark; None if it is not UTF-16."""
    head = content[:64]
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        coding = "utf-16"
    elif _zeros(head[1::2]) and not _zeros(head[0::2]):
        coding = "utf-16-le"
    elif _zeros(head[0::2]) and not _zeros(head[1::2]):
        coding = "utf-16-be"
    else:
        return None
    text = content.decode(coding, "replace")
    printable = sum(character.isprintable() or character.isspace() or character == "\ufeff" for character in text[:200])
    return text.encode("utf-8", "replace") if printable > 0.9 * len(text[:200]) else None


def _zeros(column: bytes) -> bool:
    return len(column) > 3 and column.count(0) > 0.7 * len(column)


def _members(content: bytes, budget: list[int]) -> Iterator[tuple[str, bytes]]:
    if content[:2] == b"PK":
        yield from _of_zip(content, budget)
    elif is_tar(content[:512]):
        yield from _of_tar(content, budget)
    else:
        whole = _inflated(content, budget[0])
        budget[0] -= len(whole)
        if is_tar(whole[:512]):
            yield from _of_tar(whole, budget)
        else:
            yield "inside", whole


def _of_zip(content: bytes, budget: list[int]) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for entry in archive.infolist()[:_MOST_MEMBERS]:
            if entry.is_dir() or entry.flag_bits & 1:
                continue
            with archive.open(entry) as opened:
                yield entry.filename, _bounded(opened, budget)


def _of_tar(content: bytes, budget: list[int]) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
        for _, entry in zip(range(_MOST_MEMBERS), archive, strict=False):
            opened = archive.extractfile(entry) if entry.isfile() else None
            if opened is not None:
                yield entry.name, _bounded(opened, budget)


def _bounded(opened, budget: list[int]) -> bytes:
    data = opened.read(max(budget[0], 0))
    budget[0] -= len(data)
    return data


def _inflated(content: bytes, most: int) -> bytes:
    opener = gzip if content[:2] == b"\x1f\x8b" else bz2 if content[:3] == b"BZh" else lzma
    with opener.open(io.BytesIO(content)) as opened:
        return opened.read(max(most, 0))
