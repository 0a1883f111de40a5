"""The git repository of a Chimera deployment: source, skills, pipeline and a short history."""

import os
import shutil
import subprocess
from collections.abc import Callable
from importlib.resources import as_file, files
from pathlib import Path

_QUIET = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "Chimera",
    "GIT_AUTHOR_EMAIL": "dev@chimera.example",
    "GIT_COMMITTER_NAME": "Chimera",
    "GIT_COMMITTER_EMAIL": "dev@chimera.example",
    "GIT_AUTHOR_DATE": "2026-02-06T09:00:00Z",
    "GIT_COMMITTER_DATE": "2026-02-06T09:00:00Z",
}
_HISTORY = {"Decide on the security architecture": ["SECURITY.md", ".gitignore"], "The rest": ["."]}


def make(folder: Path) -> None:
    """Make the repository, once in a run."""
    with as_file(files(__package__) / "repository_files") as source:
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in sorted(folder.rglob("dot_*"), reverse=True):  # Deepest first: a renamed folder moves its files.
        file.rename(file.with_name("." + file.name.removeprefix("dot_")))
    git(folder, "init", "--quiet", "--initial-branch=main", "--template=")
    for message, paths in _HISTORY.items():
        git(folder, "add", "--", *paths)
        git(folder, "commit", "--quiet", "-m", message)


def copy(made: Path, folder: Path, changes: list[Callable[[Path], None]]) -> None:
    """A variant's own repository, with its changes applied to the work tree."""
    shutil.copytree(made, folder, symlinks=True)
    for change in changes:
        change(folder)


def git(folder: Path, *arguments: str) -> None:
    """Run git there, deaf to the machine's own configuration."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    subprocess.run(["git", *arguments], cwd=folder, env=environment | _QUIET, check=True)
