"""A tree of files as git keeps it: what the pipeline would check out, whether or not anybody has.

Reading objects rather than folders means that a bare repository is no special case, and that a symbolic link is
seen as one and leads nowhere.
"""

import posixpath
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from chimera_compliance.probes.pipeline.git import run

_LARGEST = 1_000_000
_LINK = "120000"


class Unreadable(Exception):
    """A file cannot be taken for what its name promises; `line` is where, from 1, or 0."""

    def __init__(self, reason: str, line: int = 0) -> None:
        super().__init__(reason)
        self.line = line


@dataclass(frozen=True)
class Entry:
    """A file of the tree."""

    mode: str
    object: str
    size: int


@dataclass
class Snapshot:
    """The files of one commit or work tree; `label` says which, `branches` for which of the branches it stands."""

    clone: Path
    home: Path
    tree: str
    label: str
    branches: tuple[str, ...] = ("main",)
    _texts: dict[str, str] = field(default_factory=dict)

    @cached_property
    def entries(self) -> dict[str, Entry]:
        """Every file by its path."""
        listing = run(self.clone, self.home, "ls-tree", "-r", "-l", "-z", "--full-tree", self.tree)
        entries = {}
        for line in listing.split(b"\0"):
            head, _, name = line.partition(b"\t")
            if len(parts := head.decode().split()) == 4 and parts[1] == "blob":
                path = name.decode("utf-8", "surrogateescape")
                entries[path] = Entry(parts[0], parts[2], int(parts[3]))
        return entries

    def is_file(self, path: str) -> bool:
        """Whether there is a file of that path."""
        return self.resolve(path) in self.entries

    def resolve(self, path: str) -> str:
        """The path without `./` and `..`; "" if it leads out of the repository."""
        clean = posixpath.normpath(path)
        return "" if clean.startswith(("../", "/")) or clean in ("..", ".") else clean

    def under(self, folder: str) -> list[str]:
        """The files below a folder."""
        clean = posixpath.normpath(folder)
        return list(self.entries) if clean == "." else [path for path in self.entries if path.startswith(clean + "/")]

    def text(self, path: str) -> str:
        """A file's text.

        Raises:
            Unreadable: there is no such file, or it is a link, too large, or not UTF-8.
        """
        path = self.resolve(path)
        if path not in self._texts:
            self._texts[path] = self._read(path)
        return self._texts[path]

    def _read(self, path: str) -> str:
        entry = self.entries.get(path)
        if entry is None:
            raise Unreadable("there is no such file")
        if entry.mode == _LINK:
            raise Unreadable("a symbolic link, which is not followed")
        if entry.size > _LARGEST:
            raise Unreadable(f"larger than {_LARGEST // 1_000_000} MB")
        raw = run(self.clone, self.home, "cat-file", "blob", entry.object)
        try:
            return raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise Unreadable("not UTF-8 text", raw[: error.start].count(b"\n") + 1) from None
