"""Reads the files of a work tree without ever leaving it: links are not followed, what is no file is not opened."""

import mmap
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from chimera_compliance.probes.repository.git import Git

_IN_MEMORY = 64 << 20
_LARGEST = 4 << 30
_POINTER = b"version https://git-lfs.github.com/spec/"


@dataclass(frozen=True)
class File:
    """A file of the tree; `unread` says why its content could not be looked at."""

    path: str
    content: bytes | mmap.mmap = b""
    unread: str = ""


def files(git: Git) -> Iterator[File]:
    """Every file that is tracked, or would be if added."""
    if git.bare:
        yield from _of_head(git)
        return
    top = os.open(git.folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for path in git.tracked_files():
            name = path.decode("utf-8", "surrogateescape")
            if not path.endswith(b"/"):  # another repository inside
                yield from _read(top, path, name)
    finally:
        os.close(top)


def _read(top: int, path: bytes, name: str) -> Iterator[File]:
    try:
        descriptor = _opened(top, path)
    except FileNotFoundError:
        return  # deleted in the work tree: its blob is part of the history
    except OSError as error:
        yield from _link(top, path, name, error)
        return
    with os.fdopen(descriptor, "rb") as opened:
        facts = os.fstat(opened.fileno())
        if not stat.S_ISREG(facts.st_mode):
            return
        if facts.st_size > _LARGEST:
            yield File(name, unread=f"it is larger than {_LARGEST >> 30} GB")
        elif facts.st_size > _IN_MEMORY:
            with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
                yield File(name, content)
        else:
            yield _told(name, opened.read())


def _opened(top: int, path: bytes) -> int:
    """Every folder on the way is opened by itself, so that no link leads out of the tree."""
    *folders, last = path.split(b"/")
    here, flags = os.dup(top), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        for folder in folders:
            inner = os.open(folder, flags | os.O_DIRECTORY, dir_fd=here)
            os.close(here)
            here = inner
        return os.open(last, flags, dir_fd=here)
    finally:
        os.close(here)


def _link(top: int, path: bytes, name: str, error: OSError) -> Iterator[File]:
    """Of a link, the text that it holds; all else could not be read."""
    try:
        yield File(name, os.readlink(path, dir_fd=top))
    except OSError:
        if not isinstance(error, NotADirectoryError | IsADirectoryError):
            yield File(name, unread=error.strerror or str(error))


def _told(name: str, content: bytes) -> File:
    return File(name, content)


def is_pointer(content: bytes) -> bool:
    """Whether a file is kept elsewhere (git-lfs), and only its digest is here."""
    return bytes(content[:60]).startswith(_POINTER)


def _of_head(git: Git) -> Iterator[File]:
    for line in (git.run("ls-tree", "-r", "-z", "--full-tree", "HEAD", check=False) or b"").split(b"\0"):
        facts, _, path = line.partition(b"\t")
        if facts.split(b" ")[1:2] == [b"blob"]:
            content = git.run("cat-file", "blob", facts.split(b" ")[2].decode(), check=False)
            name = path.decode("utf-8", "surrogateescape")
            yield File(name, content) if content is not None else File(name, unread="git cannot read it")


def dotenv_files(folder: Path) -> list[Path]:
    """The environment files that lie in the top folder, committed or not."""
    try:
        found = sorted(folder.glob(".env*"))
    except OSError:
        return []
    return [path for path in found if path.is_file() and not path.is_symlink() and path.stat().st_size < 1 << 20]
