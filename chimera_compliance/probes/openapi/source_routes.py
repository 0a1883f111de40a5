"""The routes that the source tree declares, so that one missing from the OpenAPI document is asked for too.

Read from the syntax of decorators (`@router.get("/x")`, `@app.route("/x")`); nothing of the tree is run.
"""

import ast
import warnings
from collections.abc import Iterator
from pathlib import Path

_VERBS = frozenset({"get", "route", "api_route", "websocket"})
_SKIPPED = frozenset({".git", ".venv", "venv", "node_modules", "tests", "test", "site-packages", "build", "dist"})
_MOST_FILES = 2000
_LARGEST = 1_000_000


def routes_of(folder: Path) -> list[str]:
    """Paths that a GET may be sent to; those with parameters in them are left out, as no id is known."""
    found: dict[str, None] = {}
    for file in _sources(folder):
        for path in _routes_in(file):
            found.setdefault(path, None)
    return [path for path in found if path.startswith("/") and not set(path) & set("{}<>?# ")]


def _sources(folder: Path) -> Iterator[Path]:
    files = (file for file in sorted(folder.rglob("*.py")) if not _SKIPPED & set(file.relative_to(folder).parts))
    for count, file in enumerate(files):
        if count >= _MOST_FILES:
            return
        if file.is_file() and not file.is_symlink() and file.stat().st_size <= _LARGEST:
            yield file


def _routes_in(file: Path) -> Iterator[str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, RecursionError, OSError):
        return
    prefixes = ["", *_prefixes(tree)]
    for node in ast.walk(tree):
        for decorator in getattr(node, "decorator_list", []):
            if path := _path_of(decorator):
                yield from (prefix + path for prefix in prefixes)


def _path_of(decorator: ast.expr) -> str | None:
    if isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Attribute) and decorator.args:
        first = decorator.args[0]
        if decorator.func.attr in _VERBS and isinstance(first, ast.Constant) and isinstance(first.value, str):
            return first.value
    return None


def _prefixes(tree: ast.Module) -> Iterator[str]:
    """``prefix=`` of a router made in the same file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            for keyword in node.keywords:
                value = keyword.value
                if keyword.arg in ("prefix", "url_prefix") and isinstance(value, ast.Constant) and value.value:
                    yield str(value.value).rstrip("/")
