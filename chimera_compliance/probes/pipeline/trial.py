"""The repository's own scanner commands, run in throw-away clones: one as it is, one with canaries in it.

What counts is the scanner's own report: malformed settings make gitleaks exit with 1 just as a leak does.
"""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from chimera_compliance.probes.pipeline import arguments, canaries
from chimera_compliance.probes.pipeline.arguments import Refused
from chimera_compliance.probes.pipeline.canaries import Planted
from chimera_compliance.probes.pipeline.git import environment, run
from chimera_compliance.probes.pipeline.scan import Scan
from chimera_compliance.probes.pipeline.snapshot import Snapshot

_SECONDS = 60
_LARGEST_REPORT = 50_000_000
_MOST_TRIALS = 8
_ALLOWED_ENV = ("GITLEAKS_CONFIG", "GITLEAKS_CONFIG_TOML")


@dataclass(frozen=True)
class Hit:
    """Something that a scanner reports."""

    rule: str
    file: str
    line: int
    severity: str = ""


@dataclass(frozen=True)
class Run:
    """One execution: its exit code, and what its report holds; None if it left none that can be read."""

    code: int | None
    hits: tuple[Hit, ...] | None
    said: str = ""
    seconds: float = 0.0

    def reports(self, file: str, rule: str = "") -> bool:
        """Whether something is reported in that file."""
        found = (hit for hit in self.hits or () if hit.file.endswith(file))
        return any(not rule or hit.rule == rule for hit in found)


@dataclass
class Trial:
    """A scan tried out; `refused` says why it was not."""

    scan: Scan
    refused: str = ""
    clean: Run | None = None
    planted: Run | None = None
    output: str = field(default="", repr=False)


@dataclass
class Trials:
    """All that was tried on one snapshot."""

    canaries: Planted
    trials: list[Trial]

    def of(self, tool: str) -> list[Trial]:
        """The trials of one scanner."""
        return [trial for trial in self.trials if trial.scan.tool == tool]


class Laboratory:
    """The clones of one snapshot, and the programs to run there."""

    def __init__(self, snapshot: Snapshot, folders: list[str], commands: dict[str, list[str]]) -> None:
        self._snapshot, self._folders, self._commands = snapshot, folders, commands
        self._home = snapshot.home
        self._bench = snapshot.home / f"bench-{snapshot.tree[:12]}"
        self._bench.mkdir()
        self._gitleaks = arguments.find_gitleaks()

    def run(self, scans: Iterable[Scan]) -> Trials:
        """Try every scan, all at the same time."""
        source, home = self._snapshot.clone, self._home
        commit = self._snapshot.tree
        if run(source, home, "cat-file", "-t", commit).strip() == b"tree":  # a work tree that is not committed
            commit = run(source, home, "commit-tree", commit, "-p", "HEAD", "-m", "As it lies here").decode().strip()
        planted = canaries.plant(source, home, self._snapshot, commit, self._folders)
        wanted = list(
            {(scan.tool, scan.argv, scan.cwd, scan.env, scan.depth, scan.action): scan for scan in scans}.values()
        )
        trials = [Trial(scan) for scan in wanted[:_MOST_TRIALS]]
        with ThreadPoolExecutor(max_workers=4) as pool:
            depths = {self._depth(trial.scan) for trial in trials}
            made = {(branch, depth): pool.submit(self._clone, branch, depth)
                    for depth in depths for branch in (f"{planted.branch}-base", planted.branch)}  # fmt: skip
            running = [(trial, side, pool.submit(self._try, trial.scan, made, side, planted))
                       for trial in trials for side in ("clean", "planted")]  # fmt: skip
            for trial, side, future in running:
                _keep(trial, side, future)
        return Trials(planted, trials)

    def _depth(self, scan: Scan) -> int:
        return scan.depth or 0 if scan.tool == "gitleaks" else 0

    def _clone(self, branch: str, depth: int) -> Path:
        """A clone of the clone, as deep as the pipeline's checkout makes it; a link in it is a plain file."""
        folder = self._bench / f"{branch}-{depth}"
        how = ["--depth", str(depth)] if depth else ["--shared"]
        origin = f"file://{self._snapshot.clone}" if depth else str(self._snapshot.clone)
        run(self._bench, self._home, "clone", "--quiet", *how, "--template=", "-c", "core.symlinks=false",
            "--branch", branch, "--single-branch", "--", origin, str(folder))  # fmt: skip
        return folder

    def _try(self, scan: Scan, made: dict[tuple[str, int], Future], side: str, planted: Planted) -> Run:
        folder = made[planted.branch + ("" if side == "planted" else "-base"), self._depth(scan)].result()
        report = self._bench / f"{side}-{secrets.token_hex(8)}.json"
        if command := self._commands.get(scan.tool):
            return self._own(command, folder, planted)
        if scan.tool == "gitleaks":
            if self._gitleaks is None:
                raise Refused("gitleaks is not installed here: pip install 'chimera-compliance[gitleaks]'")
            argv = arguments.gitleaks(self._gitleaks, scan, planted if side == "planted" else None, report)
        else:
            files = run(folder, self._home, "ls-files", "-z").decode("utf-8", "surrogateescape").split("\0")
            argv = arguments.bandit(scan, files, report)
        more = {name: value for name, value in scan.env if name in _ALLOWED_ENV and not value.startswith(("/", ".."))}
        code, said, seconds = self._execute(argv, folder / scan.cwd, more)
        return Run(code, _hits(scan.tool, report), said, seconds)

    def _own(self, command: list[str], folder: Path, planted: Planted) -> Run:
        """A command that the target file names: what it prints is its report."""
        code, said, seconds = self._execute(command, folder, {"PATH": self._path()}, whole=True)
        named = {one.file for one in (*planted.secrets, *planted.weaknesses)} | {planted.harmless}
        lines = said.splitlines()
        hits = [Hit(_rule(line, lines), file, 0) for file in named for line in lines if file in line]
        return Run(code, tuple(hits), said[-200:], seconds)

    def _path(self) -> str:
        folder = self._bench / "bin"
        folder.mkdir(exist_ok=True)
        if self._gitleaks and not (folder / "gitleaks").exists():
            (folder / "gitleaks").symlink_to(self._gitleaks)
        beside = os.path.dirname(sys.executable)  # where Bandit was installed together with us
        return os.pathsep.join([str(folder), os.environ.get("PATH", os.defpath), beside])

    def _execute(
        self, argv: list[str], folder: Path, more: dict[str, str], *, whole: bool = False
    ) -> tuple[int | None, str, float]:
        if not folder.is_dir():
            raise Refused(f"there is no folder {folder.name}")
        began = time.monotonic()
        try:
            process = subprocess.Popen(
                argv,
                cwd=folder,
                env=environment(self._home) | more,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise Refused(f"{argv[0]} cannot be run: {error.strerror}") from None
        try:
            said, _ = process.communicate(timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return None, f"not done within {_SECONDS} s", time.monotonic() - began
        text = said[-1_000_000:].decode("utf-8", "replace").strip()
        return process.returncode, text if whole else text[-300:], time.monotonic() - began


def _keep(trial: Trial, side: str, future: Future) -> None:
    try:
        setattr(trial, side, future.result())
    except Refused as refused:
        trial.refused = str(refused)


def _rule(line: str, lines: list[str]) -> str:
    """The Bandit test that a line of output belongs to: the last one named before it."""
    before = " ".join(lines[: lines.index(line) + 1])
    return next((test for test in sorted(canaries.WEAKNESSES, key=before.rfind, reverse=True) if test in before), "")


def _hits(tool: str, report: Path) -> tuple[Hit, ...] | None:
    """What a report holds; None if there is none that can be read."""
    try:
        if report.stat().st_size > _LARGEST_REPORT:
            return None
        document = json.loads(report.read_text(encoding="utf-8", errors="replace") or "null")
        if tool == "gitleaks":
            return tuple(Hit(str(one["RuleID"]), str(one["File"]), int(one["StartLine"])) for one in document or [])
        found = document["results"]
        return tuple(
            Hit(str(one["test_id"]), str(one["filename"]), int(one["line_number"]), str(one["issue_severity"]).lower())
            for one in found
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
