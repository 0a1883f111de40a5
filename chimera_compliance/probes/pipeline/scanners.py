"""What a scanner's own options make of it: what it looks at, and what it lets pass.

Options as of gitleaks 8.30 (`git`, `dir`, `stdin`; `detect` and `protect` are their older names) and Bandit 1.9.
"""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch

from chimera_compliance.probes.pipeline.scan import Scan
from chimera_compliance.probes.pipeline.words import UNKNOWN

_GITLEAKS_SHORT = {"-b": "baseline-path", "-c": "config", "-i": "gitleaks-ignore-path", "-l": "log-level",
                   "-f": "report-format", "-r": "report-path", "-s": "source", "-v": "verbose"}  # fmt: skip
_GITLEAKS_FLAGS = {"ignore-gitleaks-allow", "no-banner", "no-color", "verbose", "no-git", "pre-commit", "staged",
                   "follow-symlinks", "pipe", "redact", "debug", "unstaged"}  # fmt: skip
_BANDIT_SHORT = {"-a": "aggregate", "-n": "number", "-c": "configfile", "-p": "profile", "-t": "tests", "-s": "skip",
                 "-f": "format", "-o": "output", "-x": "exclude", "-b": "baseline"}  # fmt: skip
_BANDIT_VALUED = {*_BANDIT_SHORT.values(), "severity-level", "confidence-level", "msg-template", "ini"}
_BANDIT_FLAGS = {"recursive", "verbose", "debug", "quiet", "silent", "ignore-nosec", "exit-zero"}
_LEVELS = ("all", "low", "medium", "high")
# A walk of less than all commits: a range, a count, a date, an author, a path.
_NARROW = re.compile(r"\.\.|^-\d+$|^-n|^--max-count|^--since|^--after|^--until|^--before|^--author|^--grep|^--$|^\^")
_WIDE = {"--all", "-m", "--full-history", "--no-merges", "--branches", "--remotes", "--tags", "HEAD", "-c", "--cc"}


@dataclass(frozen=True)
class Options:
    """Options by their long name, words that are none, and options that are not known."""

    named: dict[str, list[str]] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)

    def last(self, name: str) -> str:
        """The value that counts; "" if the option is not there."""
        return self.named.get(name, [""])[-1]

    def has(self, name: str) -> bool:
        """Whether a flag is set; `--redact=false` is not."""
        return name in self.named and self.last(name).lower() not in ("false", "0")


def options(scan: Scan) -> Options:
    """The options of a scan's command."""
    return _gitleaks(list(scan.argv[1:])) if scan.tool == "gitleaks" else _bandit(list(scan.argv[1:]))


def _gitleaks(argv: list[str]) -> Options:
    made = Options()
    words = iter(argv)
    for word in words:
        if not word.startswith("-") or word == "-":
            made.words.append(word)
            continue
        name, equals, value = word.partition("=")
        name = _GITLEAKS_SHORT.get(name[:2], name) if not name.startswith("--") else name[2:]
        if not word.startswith("--") and len(word) > 2 and name not in _GITLEAKS_FLAGS and not equals:
            value, equals = word[2:], "="
        if name in _GITLEAKS_FLAGS:
            made.named.setdefault(name, []).append(value)
        else:
            made.named.setdefault(name, []).append(value if equals else next(words, ""))
        if name.startswith("-"):
            made.strange.append(word)
    return made


def _bandit(argv: list[str]) -> Options:
    made = Options()
    words = iter(argv)
    for word in words:
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            if name in _BANDIT_VALUED:
                made.named.setdefault(name, []).append(value if equals else next(words, ""))
            elif name in _BANDIT_FLAGS:
                made.named.setdefault(name, []).append("")
            elif name == "level" or name == "confidence":
                _raise(made, "severity-level" if name == "level" else "confidence-level", 1)
            elif word != "--":
                made.strange.append(word)
        elif word.startswith("-") and len(word) > 1:
            _cluster(made, word, words)
        else:
            made.words.append(word)
    return made


def _cluster(made: Options, word: str, words: Iterator[str]) -> None:
    """`-rll`, `-c pyproject.toml`, `-xtests`."""
    for number, letter in enumerate(word[1:], 1):
        short = f"-{letter}"
        if short in _BANDIT_SHORT:
            rest = word[number + 1 :]
            made.named.setdefault(_BANDIT_SHORT[short], []).append(rest.lstrip("=") or next(words, ""))
            return
        if letter in "li":
            _raise(made, "severity-level" if letter == "l" else "confidence-level", 1)
        elif letter in "rvdq":
            name = {"r": "recursive", "v": "verbose", "d": "debug", "q": "quiet"}[letter]
            made.named.setdefault(name, []).append("")
        else:
            made.strange.append(word)


def _raise(made: Options, name: str, by: int) -> None:
    level = _LEVELS.index(made.last(name)) if made.last(name) in _LEVELS else 0
    made.named[name] = [_LEVELS[min(level + by, 3)]]


def silenced(scan: Scan) -> str:
    """The option with which the scanner succeeds whatever it finds, or "" ."""
    given = options(scan)
    if scan.tool == "gitleaks" and given.last("exit-code") and re.fullmatch(r"0+", given.last("exit-code")):
        return "--exit-code 0"
    return "--exit-zero" if scan.tool == "bandit" and given.has("exit-zero") else ""


def narrowed_history(scan: Scan) -> str:
    """Why a gitleaks run does not see all commits, or ""."""
    if scan.depth is None:
        return "no checkout comes before it whose fetch-depth is known"
    if scan.depth:
        return f"the checkout fetches {scan.depth} commit{'s' if scan.depth > 1 else ''} (fetch-depth is not 0)"
    if scan.action:
        return ""
    given = options(scan)
    mode = given.words[0] if given.words else ""
    if mode in ("dir", "directory", "file", "stdin") or given.has("no-git") or given.has("pipe"):
        return "it scans files and not the history"
    if mode == "protect" or given.has("staged") or given.has("pre-commit") or given.has("unstaged"):
        return "it scans what is staged, which in CI is nothing"
    return _narrow(given.last("log-opts"))


def _narrow(text: str) -> str:
    words = text.replace('"', "").replace("'", "").split()
    narrow = [word for word in words if _NARROW.search(word) or UNKNOWN in word]
    narrow += [word for word in words if word not in _WIDE and not word.startswith("-") and word not in narrow]
    return f"--log-opts {' '.join(narrow).replace(UNKNOWN, '…')} leaves commits out" if narrow else ""


def loosened(scan: Scan) -> Iterator[str]:
    """The options with which a scanner lets findings pass."""
    given = options(scan)
    if scan.tool == "gitleaks":
        yield from (f"--{name} {given.last(name)}" for name in ("baseline-path", "enable-rule") if given.last(name))
        if re.fullmatch(r"\d+", size := given.last("max-target-megabytes")) and 0 < int(size) < 1:
            yield f"--max-target-megabytes {size}"
        return
    for name, what in (("severity-level", "severity"), ("confidence-level", "confidence")):
        if (level := given.last(name)) in ("medium", "high"):
            yield f"findings below {level} {what} pass"
    yield from (f"--{name} {given.last(name)}" for name in ("baseline", "profile") if given.last(name))


def listed(given: Options, name: str) -> list[str]:
    """The values of an option that takes a comma-separated list."""
    return [part.strip() for value in given.named.get(name, []) for part in value.split(",") if part.strip()]


def targets(scan: Scan) -> list[str]:
    """What Bandit is told to look at, as it is written."""
    if scan.action:
        given = dict(scan.env)
        return (given.get("INPUT_TARGETS") or given.get("INPUT_PATH") or ".").split()
    return options(scan).words


def spelled(scan: Scan, path: str) -> str:
    """The path of a file as Bandit writes it when it comes upon it, by a folder above or by name; "" if it does not."""
    if scan.selection is not None:
        return path if scan.selection.takes(path) else ""
    recursive = bool(scan.action) or options(scan).has("recursive")
    for word in targets(scan):
        target = posixpath.normpath(posixpath.join(scan.cwd, word))
        if path == target or fnmatch(path, target):
            return path
        if recursive and target == ".":
            return posixpath.join(word, path)
        if recursive and path.startswith(f"{target}/"):
            return posixpath.join(word, path[len(target) + 1 :])
    return ""


def excluded(name: str, patterns: list[str]) -> str:
    """The pattern by which Bandit leaves a file out: as a glob, or as any part of the path."""
    return next((pattern for pattern in patterns if fnmatch(name, pattern) or pattern in name), "")
