"""Archives that were made to hurt whoever opens them are refused, whatever they look like to an ordinary unzip."""

import io
import struct
import zipfile
import zlib

import pytest
from bundles import cli

from chimera_compliance.evidence import archive
from chimera_compliance.evidence.archive import BadArchive, Member


def ordinary(*members: tuple[str, bytes], method=zipfile.ZIP_DEFLATED) -> bytes:
    """As Python's own zipfile writes it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as opened:
        for name, content in members:
            opened.writestr(name, content)
    return file.getvalue()


def lying(size: int) -> bytes:
    """One member that says it unpacks to `size` bytes."""
    data = bytearray(archive.write([Member.of("a", b"x" * 100)]))
    place = data.index(b"PK\1\2")
    data[place + 24 : place + 28] = struct.pack("<I", size)
    return bytes(data)


BOMB = zlib.compressobj(9, zlib.DEFLATED, -15)
HOSTILE = {
    "traversal": ordinary(("../evil", b"x")),
    "deep traversal": ordinary(("a/../../evil", b"x")),
    "absolute": ordinary(("/etc/passwd", b"x")),
    "backslash": ordinary(("..\\evil", b"x")),
    "drive": ordinary(("C:evil", b"x")),
    "folder": ordinary(("inputs/", b"")),
    "empty name": archive.write([Member.of("", b"x")]),
    "unseen": ordinary(("a\u202eb", b"x")),
    "dot": ordinary(("./a", b"x")),
    "duplicate": archive.write([Member.of("a", b"x"), Member.of("a", b"y")]),
    "too many": archive.write([Member.of(f"m{n}", b"x") for n in range(1_001)]),
    "bzip2": ordinary(("a", b"x" * 999), method=zipfile.ZIP_BZIP2),
    "huge entry": lying(0xFFFFFFFF),
    "larger than it says": lying(50),
    "smaller than it says": lying(500),
    "bomb": archive.write([Member("a", b"x" * 10, BOMB.compress(bytes(50_000_000)) + BOMB.flush())]),
    "not a zip": b"%PDF-1.7" + bytes(100),
    "empty": b"",
    "cut off": ordinary(("a", b"x"))[:-5],
    "comment": ordinary(("a", b"x"))[:-2] + struct.pack("<H", 3) + b"abc",
    "directory outside": b"PK\x05\x06" + struct.pack("<4H2IH", 0, 0, 1, 1, 46, 9_999_999, 0),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_archive_is_refused(tmp_path, data):
    file = tmp_path / "evidence.zip"
    file.write_bytes(data)
    with pytest.raises(BadArchive):
        archive.read(file)


@pytest.mark.parametrize("name", ["traversal", "duplicate", "bomb", "not a zip", "empty"])
def test_the_command_line_says_so_in_one_line(tmp_path, name):
    file = tmp_path / "evidence.zip"
    file.write_bytes(HOSTILE[name])
    run = cli("verify", file)
    assert run.returncode == 4
    assert run.stderr.startswith("error: ")
    assert run.stderr.count("\n") == 1


def test_an_ordinary_archive_is_not_a_bundles(tmp_path):
    """It opens, and differs: other times, other flags."""
    file = tmp_path / "ordinary.zip"
    file.write_bytes(ordinary(("a", b"x")))
    members, data, canonical = archive.read(file)
    assert [member.name for member in members] == ["a"]
    assert data != canonical


def test_what_is_written_is_read_back(tmp_path):
    file = tmp_path / "a.zip"
    contents = {"empty": b"", "a/b.txt": b"x" * 10_000, "random": bytes(range(256))}
    file.write_bytes(archive.write(Member.of(name, content) for name, content in contents.items()))
    members, data, canonical = archive.read(file)
    assert {member.name: member.content for member in members} == contents
    assert data == canonical
