"""User data as what it runs: base64 and gzip undone, cloud-init parts taken apart, assignments found in scripts."""

import base64
import binascii
import re
import zlib
from collections.abc import Iterator
from email import message_from_bytes

_MOST = 1 << 18
_LONGEST_LINE = 4096
_ASSIGNMENT = re.compile(
    r"""(?m)^[ \t>-]*(?:export[ \t]+|set[ \t]+|setx[ \t]+|ENV[ \t]+|\$env:)?["']?([A-Za-z_][\w.-]*)["']?"""
    r"""[ \t]*(?:=|:[ \t])[ \t]*(["']?)(.+?)\2[ \t]*;?[ \t]*\r?$"""
)
_OPTION = re.compile(r"""(--?[A-Za-z][\w-]{0,60})(?:=|\s+)(["']?)([^\s"'|;&<>]+)\2""")
_BLOB = re.compile(rb"[A-Za-z0-9+/]{40,}={0,2}")


def decoded(place: str, text: str, observation: str) -> list:
    """The settings in some user data, and each of its texts as a whole, for the exact values."""
    from chimera_compliance.probes.secrets.places import Setting

    found = []
    for octets in texts(text):
        found.append(Setting(place, "", octets, observation))
        found += [
            Setting(place, name, value, observation) for name, value in assignments(octets.decode("utf-8", "replace"))
        ]
    return found


def texts(text: str) -> Iterator[bytes]:
    """Every text in some user data: the script itself, the parts of a multi-part one, and what is encoded within."""
    octets = text.encode("utf-8", "surrogatepass")
    outer = inflated(_unbased(octets) or octets)
    parts = list(_parts(outer))
    yield from parts
    for part in parts:
        for blob in _BLOB.findall(part):
            if inner := _unbased(blob):
                yield inflated(inner)


def _parts(octets: bytes) -> Iterator[bytes]:
    if not octets.lstrip()[:200].lower().startswith((b"content-type: multipart", b"mime-version")):
        yield octets
        return
    for part in message_from_bytes(octets.lstrip()).walk():
        if not part.is_multipart():
            yield inflated(part.get_payload(decode=True) or b"")


def inflated(octets: bytes) -> bytes:
    """Undo gzip, up to a quarter of a megabyte: more is no user data but a bomb."""
    if not octets.startswith(b"\x1f\x8b"):
        return octets
    try:
        return zlib.decompressobj(wbits=31).decompress(octets, _MOST)
    except zlib.error:
        return octets


def _unbased(octets: bytes) -> bytes | None:
    try:
        return base64.b64decode(b"".join(octets.split()), validate=True)
    except (binascii.Error, ValueError):
        return None


def assignments(text: str) -> Iterator[tuple[str, str]]:
    """The settings of a script or a cloud-config: `NAME=value`, `name: value`, `--option value`."""
    lines = "\n".join(line for line in text.splitlines() if len(line) <= _LONGEST_LINE)
    for name, _, value in _ASSIGNMENT.findall(lines):
        yield name, value
    for option, _, value in _OPTION.findall(lines):
        if not value.startswith("-"):
            yield option, value
