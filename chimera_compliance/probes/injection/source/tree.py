"""The Python of a repository, file by file, read once; Bandit's B608 as a second opinion."""

import ast
import logging
import os
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from chimera_compliance.probes.injection.source.statements import Statements

if TYPE_CHECKING:
    from chimera_compliance.journal import Journal

_SKIPPED = {".git", ".venv", "venv", "env", "node_modules", "site-packages", "build", "dist", "__pycache__", ".tox"}
_SKIPPED |= {"tests", "test", "testing", ".nox", ".eggs", "vendor", "third_party"}
_TESTS = re.compile(r"(test_.*|.*_test|conftest)\.py")
_LARGEST = 2_000_000
_SQL = re.compile(
    rb"select\b|insert\s+into|update\b|delete\s+from|\bset\b|order.?by|where\b|\btext\(|execute|truncate|alter\s|create\s",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Place:
    """A line of the source at which a statement is made of text."""

    file: str
    line: int
    actual: str
    observation: str = ""
    message: str = ""

    @property
    def subject(self) -> str:
        """``src/tasks.py:41``."""
        return f"{self.file}:{self.line}"


@dataclass
class Source:
    """What the repository's Python shows."""

    files: list[str] = field(default_factory=list)
    made: list[Place] = field(default_factory=list)
    doubtful: list[Place] = field(default_factory=list)
    """What Bandit finds beyond, and nothing here refutes."""
    unreadable: dict[str, str] = field(default_factory=dict)


def read(folder: Path, journal: "Journal") -> Source:
    """Every Python file but tests and what others wrote."""
    source, modules = Source(), {}
    for path in _python(folder):
        name = path.relative_to(folder).as_posix()
        content = path.read_bytes()
        source.files.append(name)
        if not _SQL.search(content):
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                modules[name] = (Statements(ast.parse(content)), content)
        except (SyntaxError, ValueError, RecursionError) as error:
            source.unreadable[name] = f"cannot be read as Python: {type(error).__name__}"
    for name, (statements, content) in modules.items():
        source.made += [_place(journal, name, made, content) for made in statements.made()]
    known = {(place.file, place.line) for place in source.made}
    spans = {name: statements for name, (statements, _) in modules.items()}
    for name, line, text in second_opinion(folder, list(modules)):
        near = any((name, at) in known for at in range(line - 3, line + 4))
        if not near and not spans[name].innocent(line):
            observation = _note(journal, name, line, _line(modules[name][1], line), "Bandit B608")
            source.doubtful.append(Place(name, line, f"Bandit B608: {text}", observation))
    received = {"files": len(source.files), "statements made of text": len(source.made)}
    journal.record(
        "repo", "the repository's Python", sent={"read": "statements and what they are made of"}, received=received
    )
    return source


def _python(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED)
        for name in sorted(names):
            path = Path(parent, name)
            ours = name.endswith(".py") and not _TESTS.fullmatch(name) and path.is_file() and not path.is_symlink()
            if ours and path.stat().st_size <= _LARGEST:
                yield path


def _place(journal: "Journal", name: str, made, content: bytes) -> Place:
    code = _line(content, made.line)
    told = f"{made.loose} is put into the text that {made.by}() runs" + (
        f" in line {made.run_at}" if made.run_at != made.line else ""
    )
    return Place(name, made.line, f"{told}: {code}", _note(journal, name, made.line, code, "syntax tree"))


def _line(content: bytes, line: int) -> str:
    lines = content.decode("utf-8", "replace").splitlines()
    return lines[line - 1].strip()[:160] if 0 < line <= len(lines) else ""


def _note(journal: "Journal", name: str, line: int, code: str, by: str) -> str:
    return journal.record(
        "repo",
        f"{name}:{line}",
        sent={"read": by},
        received={"code": code},
        raw=code.encode(),
        reproduce=f"sed -n {line}p {name}" if re.fullmatch(r"[\w./-]+", name) else "",
    )


def second_opinion(folder: Path, names: list[str]) -> list[tuple[str, int, str]]:
    """(file, line, what) of Bandit's B608, `nosec` or not: a comment binds nothing."""
    if not names:
        return []
    from bandit.core import config, manager

    logging.getLogger("bandit").setLevel(logging.CRITICAL)
    scan = manager.BanditManager(
        config.BanditConfig(), "file", ignore_nosec=True, profile={"include": ["B608"]}, quiet=True
    )
    scan.discover_files([str(folder / name) for name in names])
    scan.run_tests()
    return [
        (Path(issue.fname).relative_to(folder).as_posix(), issue.lineno, issue.text.split("\n")[0])
        for issue in scan.get_issue_list()
    ]
