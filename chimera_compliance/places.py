"""Where a reader may look for the subject of a finding that stands in no file of the repository.

Code scanning shows nothing without a file and a line. So an operation is placed where the OpenAPI document describes
it, if that is a file below the working directory, and everything else at its section of the target file.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from chimera_compliance.results import Location
from chimera_compliance.target import Target

_LARGEST = 20_000_000
_OPERATION = re.compile(r"([A-Z]+) (/\S*)")
_SECTIONS = ("db", "aws", "repo", "api")


@dataclass(frozen=True)
class Places:
    """The files that describe a target, as they are named from the working directory."""

    target: Target
    folder: Path

    @cached_property
    def target_file(self) -> str:
        """The target file."""
        return self._below(self.target.path) or self.target.path.name

    def of(self, subject: str, facets: list[str]) -> Location:
        """Where the subject of a requirement on these facets is described."""
        operation = _OPERATION.match(subject)
        if operation and (line := self._line_of(*operation.groups())):
            return Location(file=self._document_name, line=line)
        section = next((name for name in _SECTIONS if name in facets), "api")
        return Location(file=self.target_file, line=_line(self._settings, rf"^{section}:", 0) or 1)

    def _below(self, file: Path) -> str:
        """The path from the working directory; empty if the file lies outside of it."""
        try:
            return file.resolve().relative_to(self.folder.resolve()).as_posix()
        except (ValueError, OSError):
            return ""

    @cached_property
    def _document_name(self) -> str:
        named = self.target.api.openapi if self.target.api else None
        file = self.target.file(named) if named and "://" not in named else None
        return self._below(file) if file and file.is_file() else ""

    @cached_property
    def _document(self) -> list[str]:
        return _lines(self.folder / self._document_name) if self._document_name else []

    @cached_property
    def _settings(self) -> list[str]:
        return _lines(self.target.path)

    def _line_of(self, method: str, path: str) -> int:
        """The line of an operation in a document whose keys stand on lines of their own, or of its path."""
        place = _line(self._document, _key(path), 0)
        return place and (_line(self._document[: place + 400], _key(method, re.IGNORECASE), place) or place)


def _key(name: str, flags: int = 0) -> str:
    quiet = "(?i)" if flags else ""
    return rf"""{quiet}^\s*["']?{re.escape(name)}["']?\s*:"""


def _line(lines: list[str], pattern: str, start: int) -> int:
    """The number, from 1, of the first line after `start` lines that matches; 0 if none does."""
    wanted = re.compile(pattern)
    return next((number for number, line in enumerate(lines[start:], start + 1) if wanted.match(line)), 0)


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines() if file.stat().st_size <= _LARGEST else []
    except (OSError, UnicodeDecodeError):
        return []
