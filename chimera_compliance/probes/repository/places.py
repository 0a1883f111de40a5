"""Where an object lies: asked for those in which something was found, since all would cost more than to read them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from chimera_compliance.probes.repository.git import Git

_NOTES = re.compile(r"[0-9a-f/]{38,}")
_MOST_PATHS = 200


@dataclass(frozen=True)
class Place:
    """`aside` is what no branch or tag leads to: a stash, the reflog, or nothing at all."""

    path: str = ""
    commit: str = ""
    aside: bool = False
    note: bool = False


def paths(git: Git, objects: Iterable[str]) -> dict[str, str]:
    """Where blobs lie, as far as anything leads to them; of commits and tags it tells that something does."""
    wanted = set(objects)
    return _paths(git, wanted, "--all", "--reflog") if wanted else {}


def places(git: Git, named: dict[str, str]) -> dict[str, Place]:
    """Of blobs and their paths, the oldest commit that brought each, and whether a branch or tag leads to it."""
    if not named:
        return {}
    kept, aside = _commits(git, named, "--exclude=refs/stash", "--all"), {}
    if missing := {one: path for one, path in named.items() if path and one not in kept}:
        aside = _commits(git, missing, "--all", "--reflog")
    return {
        one: Place(path, kept.get(one) or aside.get(one, ""), one not in kept, bool(_NOTES.fullmatch(path)))
        for one, path in named.items()
    }


def reachable(git: Git, objects: Iterable[str]) -> set[str]:
    """Which of some commits, tags and trees a branch or tag leads to."""
    wanted = set(objects)
    return set(_paths(git, wanted, "--exclude=refs/stash", "--all")) if wanted else set()


def _paths(git: Git, wanted: set[str], *which: str) -> dict[str, str]:
    found: dict[str, str] = {}
    listed = git.run("rev-list", "--objects", *which, check=False) or b""
    sought = {one.encode() for one in wanted}
    for line in listed.split(b"\n"):
        one, _, path = line.partition(b" ")
        if one in sought:
            found[one.decode()] = path.decode("utf-8", "surrogateescape")
    return found


def _commits(git: Git, paths: dict[str, str], *which: str) -> dict[str, str]:
    """The oldest commit whose tree has a blob that none of its parents had at that path."""
    named = sorted({path for path in paths.values() if path})
    narrowed = ["--", *(f":(literal){path}" for path in named)] if 0 < len(named) <= _MOST_PATHS else []
    shown = git.run(
        "log", *which, "-m", "--raw", "--no-abbrev", "--no-renames", "--format=commit %H", *narrowed, check=False
    )
    found: dict[str, str] = {}
    commit = ""
    for line in (shown or b"").split(b"\n"):
        if line.startswith(b"commit "):
            commit = line[7:].decode()
        elif line.startswith(b":"):
            fields = line.split(b" ", 4)
            if len(fields) == 5 and (one := fields[3].decode()) in paths:
                found[one] = commit
    return found
