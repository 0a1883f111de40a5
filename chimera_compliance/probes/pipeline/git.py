"""git, run on a repository that nobody vouches for.

A repository's own configuration can name programs to run (file system monitors, filters, hooks, credential helpers).
So it is read as little as possible: all work is done in a throw-away clone that borrows the objects and has a
configuration of ours; nothing is fetched from anywhere.
"""

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

from chimera_compliance.outcomes import NotReviewed

_SECONDS = 60
_OURS = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.attributesFile": os.devnull,
    "core.excludesFile": os.devnull,
    "protocol.allow": "never",
    "protocol.file.allow": "always",
    "safe.directory": "*",
    "commit.gpgSign": "false",
    "gc.auto": "0",
    "advice.detachedHead": "false",
    "user.name": "Compliance probe",
    "user.email": "probe@compliance.invalid",
}
_LARGEST = 1_000_000
_MOST_UNTRACKED = 2000


class RepositoryError(Exception):
    """The repository cannot be read; one line says why."""


def environment(home: Path) -> dict[str, str]:
    """What git and the scanners may see of this machine: where programs are, and an empty home."""
    settings = {
        f"GIT_CONFIG_{part}_{number}": text
        for number, pair in enumerate(_OURS.items())
        for part, text in zip(("KEY", "VALUE"), pair, strict=True)
    }
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "TMPDIR": str(home),
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_COUNT": str(len(_OURS)),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ALLOW_PROTOCOL": "file",
        **settings,
    }


def run(folder: Path, home: Path, *arguments: str, given: bytes = b"", more: dict[str, str] | None = None) -> bytes:
    """What a git command says.

    Raises:
        RepositoryError: it failed or took too long.
    """
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(
            command, input=given, capture_output=True, timeout=_SECONDS, env=environment(home) | (more or {})
        )
    except subprocess.TimeoutExpired:
        raise RepositoryError(f"git {arguments[0]} took more than {_SECONDS} s") from None
    except OSError as error:
        raise RepositoryError(f"git cannot be run: {error.strerror}") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"]
        reason = next((line for line in said if line.startswith(("fatal:", "error:"))), said[-1])
        raise RepositoryError(f"git {arguments[0]}: {reason}")
    return done.stdout


def borrow(repository: Path, folder: Path, *, home: Path) -> str:
    """A clone that borrows the repository's objects; the tree to judge when the work tree holds changes, or nothing.

    Raises:
        RepositoryError: it is no repository, or has no commit.
        NotReviewed: there is no git on this machine.
    """
    if shutil.which("git") is None:
        raise NotReviewed("git is not installed here")
    if not repository.is_dir():
        raise RepositoryError(f"{repository} is not a folder")
    run(repository.parent, home, "clone", "--quiet", "--shared", "--no-checkout", "--template=", "--",
        str(repository.resolve()), str(folder))  # fmt: skip
    try:
        run(folder, home, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    except RepositoryError:
        raise RepositoryError(f"{repository} has no commit on its current branch") from None
    return _work_tree(repository, folder, home)


def _work_tree(repository: Path, folder: Path, home: Path) -> str:
    """The work tree as a tree object of the clone, so that it is read like any commit; "" if it is as committed."""
    if run(repository, home, "rev-parse", "--is-inside-work-tree").strip() != b"true":
        return ""
    told = run(repository, home, "rev-parse", "--show-toplevel", "--absolute-git-dir", "--shared-index-path")
    lines = told.decode(errors="surrogateescape").splitlines()
    index = folder / ".git" / "index"
    with contextlib.suppress(OSError):  # with the index's memory of sizes and times, only changed files are read
        if len(lines) == 2:  # an index in two parts would miss the other one here
            shutil.copyfile(Path(lines[1]) / "index", index)
    if not index.exists():
        run(folder, home, "read-tree", "HEAD")
    over = {"GIT_WORK_TREE": lines[0], "GIT_DIR": str(folder / ".git")}
    changed = run(folder, home, "diff-files", "--name-only", "-z", more=over).split(b"\0")
    new = run(folder, home, "ls-files", "--others", "--exclude-standard", "-z", more=over).split(b"\0")
    small = [name for name in changed + new[:_MOST_UNTRACKED] if name and _is_small(Path(lines[0]), name)]
    if small:
        names = b"\0".join(small)
        run(folder, home, "add", "--pathspec-from-file=-", "--pathspec-file-nul", given=names,
            more=over | {"GIT_LITERAL_PATHSPECS": "1"})  # fmt: skip
    tree = run(folder, home, "write-tree", more=over).decode().strip()
    committed = run(folder, home, "rev-parse", "HEAD^{tree}").decode().strip()
    return "" if tree == committed else tree


def _is_small(root: Path, name: bytes) -> bool:
    path = root / os.fsdecode(name)
    try:
        return path.lstat().st_size <= _LARGEST and not (path.is_dir() and not path.is_symlink())
    except OSError:  # deleted: git add records that
        return True
