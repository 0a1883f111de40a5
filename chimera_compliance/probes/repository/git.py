"""Asks git about a repository that nobody vouches for, without running anything of it.

A repository's own configuration can name programs (`core.fsmonitor`, `core.sshCommand`, filters, hooks, aliases)
and its attributes can route contents through them. Only plumbing that reads objects is called, with those settings
overruled, no configuration but the repository's own, no lazy fetching, and no prompt (SECURITY of git(1)).
"""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from chimera_compliance.errors import ConfigurationError

_OVERRULED = (
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.sshCommand=false",
    "core.pager=cat",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "core.quotePath=false",
    "core.untrackedCache=false",
    "diff.external=",
    "protocol.allow=never",
    "gc.auto=0",
    "maintenance.auto=false",
    "log.showSignature=false",
    "safe.directory=*",
)
_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_PAGER": "cat",
    "GIT_ASKPASS": "false",
    "LC_ALL": "C",
}
_PATIENCE = 300


@dataclass(frozen=True)
class Git:
    """Git plumbing on one repository; `folder` is its work tree, or the repository itself where that is bare."""

    folder: Path
    bare: bool = False
    shallow: bool = False
    object_format: str = "sha1"

    @classmethod
    def open(cls, folder: Path) -> "Git":
        """The repository at a path: a clone, a linked work tree or a bare repository.

        Raises:
            ConfigurationError: there is no git, no such folder, or no repository in it.
        """
        if not folder.is_dir():
            raise ConfigurationError(f"repo.path: {folder} is no folder")
        named = cls(folder)
        asked = ("--is-bare-repository", "--is-shallow-repository", "--show-object-format", "--show-cdup")
        answer = named.run("rev-parse", *asked, check=False)
        if answer is None:
            raise ConfigurationError(f"repo.path: {folder} is no git repository")
        bare, shallow, object_format, *up = answer.decode("utf-8", "replace").splitlines()
        if up and up[0]:
            raise ConfigurationError(f"repo.path: {folder} lies inside a repository: name its top folder")
        return cls(folder, bare == "true", shallow == "true", object_format)

    def command(self, *arguments: str) -> list[str]:
        """The argument list: never a shell, never the repository's own programs."""
        overruled = [part for setting in _OVERRULED for part in ("-c", setting)]
        return ["git", "--no-pager", *overruled, *arguments]

    @property
    def environment(self) -> dict[str, str]:
        """The caller's, without what would steer git elsewhere."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        return kept | _ENVIRONMENT

    def run(self, *arguments: str, check: bool = True, given: bytes | None = None) -> bytes | None:
        """What a command prints; None where it fails and `check` is off.

        Raises:
            ConfigurationError: git is missing, or the command fails; with the first line of what it says.
        """
        try:
            done = subprocess.run(
                self.command(*arguments),
                cwd=self.folder,
                env=self.environment,
                input=given,
                stdin=subprocess.DEVNULL if given is None else None,
                capture_output=True,
                timeout=_PATIENCE,
                check=False,
            )
        except FileNotFoundError:
            raise ConfigurationError("there is no git on PATH: install it") from None
        except subprocess.TimeoutExpired:
            raise ConfigurationError(f"git {arguments[0]} took more than {_PATIENCE} s") from None
        if done.returncode == 0:
            return done.stdout
        if not check:
            return None
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or [f"exit code {done.returncode}"]
        raise ConfigurationError(f"git {arguments[0]} in {self.folder}: {said[0]}")

    def open_pipe(self, *arguments: str, feeding: bool = False) -> subprocess.Popen:
        """A running command whose output is read as it comes."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.PIPE if feeding else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )

    @property
    def has_commits(self) -> bool:
        """Whether there is any history to look at."""
        return bool(self.run("rev-list", "--all", "--reflog", "--max-count=1", check=False))

    def object_ids(self) -> bytes:
        """Every object there is, reachable or not, one id a line, in the order of the packs."""
        return self.run("cat-file", "--batch-all-objects", "--batch-check=%(objectname)", "--unordered")

    def tracked_files(self) -> list[bytes]:
        """Paths of the work tree that are tracked, or would be if added; of a bare repository those of HEAD."""
        if self.bare:
            listed = self.run("ls-tree", "-r", "-z", "--name-only", "HEAD", check=False) or b""
        else:
            listed = self.run("ls-files", "-z", "--cached", "--others", "--exclude-standard")
        return list(dict.fromkeys(path for path in listed.split(b"\0") if path))

    def ignores(self, path: str) -> bool:
        """Whether git would leave the path out of a commit."""
        return self.run("check-ignore", "--quiet", "--no-index", path, check=False) is not None
