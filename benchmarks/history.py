"""Times C02's search over whole histories, beside the engines that it could have been built on.

    python benchmarks/history.py CLONE… [--gitleaks PATH]

For each clone, one run: git handing out all objects, `git log -p --all`, our search (first, and again with what it
remembers) and gitleaks. Nothing of the clones is kept.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from chimera_compliance.probes.repository import review
from chimera_compliance.probes.repository.detectors import built_in
from chimera_compliance.probes.repository.engine import engine
from chimera_compliance.probes.repository.rule import filled
from chimera_compliance.probes.secrets.needles import SecretValue, needles

_SAMPLE = 64 << 20


def _git(clone: Path, *arguments: str) -> int:
    """Run git and count what it prints."""
    command = ["git", "-C", str(clone), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        count = 0
        while data := process.stdout.read(1 << 20):
            count += len(data)
    return count


def _timed(label: str, work: Callable[[], object], size: Callable[[object], float] = lambda _: 0.0) -> object:
    """Do it, and print how long it took; `size` says of how many bytes its outcome speaks."""
    begun = time.monotonic()
    outcome = work()
    seconds = time.monotonic() - begun
    rate = f"{size(outcome) / seconds / 1e6:8.0f} MB/s" if size(outcome) else ""
    print(f"  {label:<52} {seconds:8.2f} s {rate}", flush=True)
    return outcome


def _engines(clone: Path) -> None:
    """How fast the engines look at a sample of the clone's objects, without anything around them."""
    command = ["git", "-C", str(clone), "cat-file", "--batch-all-objects", "--batch", "--unordered"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        sample = process.stdout.read(_SAMPLE)
        process.kill()
    triggers = [trigger for one in built_in() for trigger in one.triggers]
    fast, slow = engine(triggers), engine(triggers, portable=True)
    _timed(f"engine alone: {fast.name}, {len(sample) >> 20} MB", lambda: fast.hits(sample), lambda _: len(sample))
    _timed("engine alone: re, 1 MB", lambda: slow.hits(sample[: 1 << 20]), lambda _: 1 << 20)


def _ours(clone: Path, kept: Path) -> None:
    values = needles(SecretValue(f"s{n}", filled("{alnum:40}", n).encode()) for n in range(15))
    for label, sought, cache in (
        ("ours, rules", (), None),
        ("ours, rules and 15 real secrets in all spellings", values, None),
        ("ours, remembering", values, kept),
        ("ours, again", values, kept),
    ):
        made = _timed(label, partial(review, clone, sought, cache), lambda made: made.looked.bytes + made.bytes)
        looked = made.looked
        seen = f"{looked.objects} objects, {looked.bytes / 1e6:.0f} MB, {looked.known} known"
        print(f"      {seen}, {len(made.leaks)} findings")


def main() -> int:
    """Time all of it for each clone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clones", nargs="+", type=Path)
    parser.add_argument("--gitleaks", default=shutil.which("gitleaks"))
    chosen = parser.parse_args()
    for clone in chosen.clones:
        print(clone.name)
        objects = ("cat-file", "--batch-all-objects", "--batch", "--unordered")
        _timed("git cat-file --batch-all-objects --batch", partial(_git, clone, *objects), float)
        with tempfile.TemporaryDirectory() as folder:
            _ours(clone, Path(folder))
        _engines(clone)
        _timed("git log -p --all", partial(_git, clone, "log", "-p", "--all"), float)
        if chosen.gitleaks:
            command = [chosen.gitleaks, "git", "--log-opts=--all", "--no-banner", "--log-level=error", str(clone)]
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": False}
            _timed("gitleaks git --log-opts=--all", partial(subprocess.run, command, **quiet))
    return 0


if __name__ == "__main__":
    sys.exit(main())
