"""The Python files of a repository, parsed; tests, environments and vendored code are left out."""

import ast
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_SKIPPED = frozenset(
    {".git", ".venv", "venv", "env", "node_modules", "tests", "test", "site-packages", "build", "dist", "migrations"}
    | {"__pycache__", ".tox", ".nox", "docs", "examples"}
)
_MOST_FILES = 5000
_LARGEST = 1_000_000


@dataclass(frozen=True)
class Module:
    """A parsed file; ``file`` is its path within the repository."""

    file: str
    tree: ast.Module


def modules(root: Path) -> Iterator[Module]:
    """Every file that can be read and parsed, in order."""
    count = 0
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED)
        for name in sorted(files):
            path = Path(folder, name)
            if not name.endswith(".py") or name.startswith("test_") or name == "conftest.py" or path.is_symlink():
                continue
            if (count := count + 1) > _MOST_FILES:
                return
            if (tree := _parsed(path)) is not None:
                yield Module(path.relative_to(root).as_posix(), tree)


def _parsed(path: Path) -> ast.Module | None:
    try:
        if path.stat().st_size > _LARGEST:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, RecursionError, MemoryError, OSError):
        return None


def last_name(node: ast.expr) -> str:
    """`dict` for `dict`, `builtins.dict` and `Dict[str, Any]`: the word that a type or a function goes by."""
    while isinstance(node, ast.Subscript):
        node = node.value
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
