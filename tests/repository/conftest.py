"""Repositories that are made for one test."""

import os
import subprocess
from pathlib import Path

import pytest

QUIET = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "Dev",
    "GIT_AUTHOR_EMAIL": "dev@chimera.example",
    "GIT_COMMITTER_NAME": "Dev",
    "GIT_COMMITTER_EMAIL": "dev@chimera.example",
}


class Repo:
    """A git repository in a temporary folder."""

    def __init__(self, path: Path, *init: str) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main", "--template=", *init)

    def git(self, *arguments: str, given: bytes | None = None) -> str:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")} | QUIET
        done = subprocess.run(
            ["git", *arguments], cwd=self.path, env=environment, check=True, capture_output=True, input=given
        )
        return done.stdout.decode("utf-8", "replace").strip()

    def write(self, name: str, content) -> None:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(self, name: str = "a.txt", content="nothing\n", message: str = "More") -> str:
        self.write(name, content)
        self.git("add", "-A", "-f")
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repo(tmp_path):
    made = Repo(tmp_path / "repo")
    made.commit()
    return made
