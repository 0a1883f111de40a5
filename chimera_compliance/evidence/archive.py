"""The zip archive of a bundle, of which every byte is decided by its contents.

Ordinary zip archives leave room for bytes that nobody looks at: comments, extra fields, gaps, times, members behind
members. So a bundle is written in one way only, and read by making it again: what differs by a byte is named. For the
same reason nothing in it can lie about sizes, share a name or point outside (CWE-22, CWE-409).
"""

import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

MOST_MEMBERS = 1_000
MOST_BYTES = 1 << 30
_STORED, _DEFLATED = 0, 8
_DATE = 33  # 1 January 1980, where the calendar of zip begins
_UNIX_FILE = 0o100644 << 16
_NAME = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*")
_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")


class BadArchive(Exception):
    """Not a bundle's archive, or one that is dangerous to open, and why."""


@dataclass(frozen=True)
class Member:
    """A file in the archive; `packed` is as it lies there."""

    name: str
    content: bytes
    packed: bytes

    @classmethod
    def of(cls, name: str, content: bytes, *, stored: bool = False) -> "Member":
        """Pack a file; `stored` leaves it as it is, so that its bytes do not depend on a version of zlib."""
        return cls(name, content, content if stored else _deflated(content))

    @property
    def stored(self) -> bool:
        """Whether it lies there as it is."""
        return self.packed == self.content


def _deflated(content: bytes) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(content) + packer.flush()
    return packed if len(packed) < len(content) else content


def write(members: Iterable[Member]) -> bytes:
    """The archive of these members, in the order of their names."""
    local, central = bytearray(), bytearray()
    ordered = sorted(members, key=lambda member: member.name)
    for member in ordered:
        facts = _facts(member)
        name = member.name.encode()
        offset = len(local)
        local += _LOCAL.pack(b"PK\3\4", 20, 0, *facts, len(name), 0) + name + member.packed
        central += _CENTRAL.pack(b"PK\1\2", 0x0314, 20, 0, *facts, len(name), 0, 0, 0, 0, _UNIX_FILE, offset) + name
    count = len(ordered)
    return bytes(local + central + _END.pack(b"PK\5\6", 0, 0, count, count, len(central), len(local), 0))


def _facts(member: Member) -> tuple[int, ...]:
    method = _STORED if member.stored else _DEFLATED
    return method, 0, _DATE, zlib.crc32(member.content), len(member.packed), len(member.content)


def read(path: Path) -> tuple[list[Member], bytes, bytes]:
    """The members of an archive, its bytes, and the bytes that an archive of these members has.

    Raises:
        BadArchive: it cannot be read, is no zip archive, or its members are unsafe.
        OSError: the file cannot be read.
    """
    if path.stat().st_size > MOST_BYTES:
        raise BadArchive(f"larger than {MOST_BYTES >> 20} MiB")
    data = path.read_bytes()
    members = list(_members(data))
    return members, data, write(members)


def _members(data: bytes) -> Iterator[Member]:
    """The members as the directory at the end lists them, in order and one after the other."""
    count, place = _end(data)
    if count > MOST_MEMBERS:
        raise BadArchive(f"{count:,} members: a bundle has {MOST_MEMBERS:,} at most")
    left, seen = MOST_BYTES, set()
    for _ in range(count):
        fields = _unpack(_CENTRAL, data, place)
        if fields[0] != b"PK\1\2":
            raise BadArchive("its directory is broken")
        method, size, length, offset = fields[4], fields[9], fields[10], fields[16]
        name = _name(data[place + _CENTRAL.size : place + _CENTRAL.size + length])
        if name in seen:
            raise BadArchive(f"two members are named {name}")
        if size > left:
            raise BadArchive(f"{name} says that it unpacks to {size:,} bytes, more than a bundle may hold")
        seen.add(name)
        left -= size
        place += _CENTRAL.size + length + fields[11] + fields[12]
        packed = _packed(data, name, offset, fields[8])
        yield Member(name, _unpacked(name, packed, method, size), packed)


def _end(data: bytes) -> tuple[int, int]:
    if len(data) < _END.size:
        raise BadArchive("not a zip archive, or cut off")
    end = _END.unpack_from(data, len(data) - _END.size)
    if end[0] != b"PK\5\6":
        raise BadArchive("not a bundle's zip archive, cut off, or followed by other bytes")
    return end[4], end[6]


def _unpack(layout: struct.Struct, data: bytes, place: int) -> tuple:
    if place + layout.size > len(data):
        raise BadArchive("its directory points outside of the file")
    return layout.unpack_from(data, place)


def _name(raw: bytes) -> str:
    name = raw.decode("ascii", "backslashreplace")
    if not _NAME.fullmatch(name) or ".." in name.split("/") or "." in name.split("/"):
        raise BadArchive(f"a member is named {name[:80]!r}, which may lead outside of a folder")
    return name


def _packed(data: bytes, name: str, offset: int, size: int) -> bytes:
    fields = _unpack(_LOCAL, data, offset)
    begin = offset + _LOCAL.size + fields[9] + fields[10]
    if fields[0] != b"PK\3\4" or begin + size > len(data):
        raise BadArchive(f"{name} is not where the directory says")
    return data[begin : begin + size]


def _unpacked(name: str, packed: bytes, method: int, size: int) -> bytes:
    if method == _STORED and len(packed) == size:
        return packed
    if method != _DEFLATED:
        raise BadArchive(f"{name} is packed in a way that no bundle uses")
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        content = unpacker.decompress(packed, size + 1)
    except zlib.error:
        raise BadArchive(f"{name} cannot be unpacked: its bytes were changed") from None
    if len(content) != size or not unpacker.eof or unpacker.unused_data:
        raise BadArchive(f"{name} does not unpack to the size that it says")
    return content
