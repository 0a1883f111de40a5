"""The scanners' settings in the repository: what they take away from what the scanner would see by itself.

Patterns of the repository are never matched here, since one could be made to take for ever: what they let pass is
seen when the scanner itself is tried out.
"""

import configparser
import contextlib
import io
import posixpath
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from chimera_compliance.probes.pipeline.documents import line_with, load_toml, load_yaml
from chimera_compliance.probes.pipeline.scan import Scan
from chimera_compliance.probes.pipeline.scanners import listed, options
from chimera_compliance.probes.pipeline.snapshot import Snapshot, Unreadable

# The scanner's own rules for what ADR-005 §6 names and for what its patterns miss.
GUARDING = {"github-pat", "github-fine-grained-pat", "aws-access-token", "private-key", "generic-api-key"}
_ANYTHING = re.compile(r"(?:\(\?\w+\))?\^?\(?(?:\.[*+]\??|\.|\[\\s\\S\][*+]|\.\{\d,?\d*\})?\)?\$?")
# Tests that speak of style, of imports alone, or of what is noise in most projects; all the others find weaknesses.
TUNING = {"B101", "B110", "B112", "B311", "B603", "B606", "B607", *(f"B{number}" for number in range(401, 416))}


@dataclass(frozen=True)
class Remark:
    """Something in a settings file: what it says, and where."""

    file: str
    line: int
    text: str


@dataclass
class Gutted:
    """What a gitleaks configuration takes away."""

    file: str
    extends: str = ""
    """The file of the repository that it builds upon."""
    malformed: Remark | None = None
    without_defaults: Remark | None = None
    disabled: list[Remark] = field(default_factory=list)
    swallowing: list[Remark] = field(default_factory=list)


def gitleaks_file(scan: Scan, snapshot: Snapshot) -> str:
    """The configuration that a scan takes; "" for the scanner's own."""
    given = options(scan)
    named = given.last("config") or dict(scan.env).get("GITLEAKS_CONFIG", "")
    if named:
        return posixpath.normpath(posixpath.join(scan.cwd, named))
    words = [word for word in given.words[1:] if word] or [given.last("source") or "."]
    found = posixpath.normpath(posixpath.join(scan.cwd, words[0], ".gitleaks.toml"))
    return found if snapshot.is_file(found) else ""


def gitleaks(snapshot: Snapshot, file: str, depth: int = 0) -> Gutted:
    """What a configuration takes away from the scanner's own rules."""
    made = Gutted(file)
    try:
        text = snapshot.text(file)
        document = load_toml(text)
    except Unreadable as error:
        made.malformed = Remark(file, error.line, str(error))
        return made
    extend = document.get("extend") if isinstance(document.get("extend"), dict) else {}
    base = _extended(snapshot, file, extend, depth)
    if not extend.get("useDefault") and not (base and not base.malformed and not base.without_defaults):
        what = "has rules of its own and no [extend] useDefault = true" if document.get("rules") else "holds no rules"
        line = line_with(text, "[extend]") or line_with(text, "[[rules]]") or 1
        made.without_defaults = Remark(file, line, f"{what}, so that the scanner's own rules are not used")
    for name in extend.get("disabledRules") or []:
        if name in GUARDING:
            made.disabled.append(Remark(file, line_with(text, f'"{name}"') or 1, f"switches the rule {name} off"))
    for table in _allowlists(document):
        made.swallowing += _swallowing(file, text, table)
    if base:
        made.extends = base.file
        made.disabled += base.disabled
        made.swallowing += base.swallowing
    return made


def _extended(snapshot: Snapshot, file: str, extend: dict[str, Any], depth: int) -> Gutted | None:
    path = extend.get("path")
    return gitleaks(snapshot, posixpath.normpath(path), depth + 1) if isinstance(path, str) and depth < 2 else None


def _allowlists(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for key in ("allowlist", "allowlists"):
        found = document.get(key, [])
        yield from (table for table in (found if isinstance(found, list) else [found]) if isinstance(table, dict))


def _swallowing(file: str, text: str, table: dict[str, Any]) -> Iterator[Remark]:
    """Entries of a global allow-list that match anything at all."""
    for key in ("paths", "regexes", "stopwords"):
        for entry in table.get(key) or []:
            if isinstance(entry, str) and (_ANYTHING.fullmatch(entry) or (key == "stopwords" and len(entry) < 3)):
                line = line_with(text, key) or line_with(text, entry) or 1
                yield Remark(file, line, f"its allow-list lets everything pass ({key}: {entry!r})")


@dataclass
class BanditSettings:
    """What a configuration of Bandit leaves out."""

    file: str
    malformed: Remark | None = None
    skips: list[Remark] = field(default_factory=list)
    only: list[Remark] = field(default_factory=list)
    excludes: list[str] = field(default_factory=list)
    given: bool = False
    """Whether it has settings for Bandit at all."""


def bandit_files(scan: Scan, snapshot: Snapshot) -> list[str]:
    """The configuration and the `.bandit` files that a scan takes."""
    given = options(scan)
    named = given.last("configfile") or dict(scan.env).get("INPUT_CONFIGFILE", "")
    files = [posixpath.normpath(posixpath.join(scan.cwd, name)) for name in (named, given.last("ini")) if name]
    roots = [posixpath.normpath(posixpath.join(scan.cwd, word)) for word in given.words]
    found = (path for path in snapshot.entries if path.rpartition("/")[2] == ".bandit")
    files += [path for path in found if any(root == "." or path.startswith(f"{root}/") for root in roots)]
    return list(dict.fromkeys(files))


def bandit(snapshot: Snapshot, file: str) -> BanditSettings:
    """What a file of Bandit's leaves out."""
    made = BanditSettings(file)
    try:
        text = snapshot.text(file)
        table = _bandit_table(file, text)
    except Unreadable as error:
        made.malformed = Remark(file, error.line, str(error))
        return made
    made.given = bool(table)
    made.skips = [Remark(file, line_with(text, name) or 1, name) for name in _names(table.get("skips"))]
    made.only = [Remark(file, line_with(text, name) or 1, name) for name in _names(table.get("tests"))]
    for key in ("exclude_dirs", "exclude"):
        made.excludes += _names(table.get(key))
    return made


def _bandit_table(file: str, text: str) -> dict[str, Any]:
    if file.endswith(".toml"):
        table = load_toml(text).get("tool", {}).get("bandit", {})
    elif file.endswith((".yaml", ".yml")):
        table = load_yaml(text)
    else:
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read_string(text)
        except configparser.Error as error:
            line = getattr(error, "lineno", 0) or 0
            raise Unreadable(f"malformed settings: {error.message.splitlines()[0]}", line) from None
        table = dict(parser["bandit"]) if parser.has_section("bandit") else {}
    return table if isinstance(table, dict) else {}


def _names(value: Any) -> list[str]:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return [str(item) for item in value] if isinstance(value, list) else []


def skipped_tests(scan: Scan, found: list[BanditSettings]) -> Iterator[Remark]:
    """Tests that are switched off though they find weaknesses, and lists that name the only ones to run."""
    given = options(scan)
    skips = [Remark(scan.file, scan.line, name) for name in listed(given, "skip")]
    only = [Remark(scan.file, scan.line, name) for name in listed(given, "tests")]
    for settings in found:
        skips += settings.skips
        only += settings.only
    for remark in skips:
        if remark.text.upper() not in TUNING:
            yield Remark(remark.file, remark.line, f"switches Bandit's test {remark.text} off")
    if only:
        names = ", ".join(remark.text for remark in only[:6])
        yield Remark(only[0].file, only[0].line, f"runs the tests {names} of Bandit alone")


def bare_exceptions(snapshot: Snapshot, folders: list[str]) -> Iterator[Remark]:
    """`# nosec` that names no test silences every one, also those of tomorrow."""
    for path in dict.fromkeys(path for folder in folders for path in snapshot.under(folder)):
        if not path.endswith(".py") or snapshot.entries[path].size > 1_000_000:
            continue
        with contextlib.suppress(Unreadable):
            text = snapshot.text(path)
            yield from _bare(path, text) if "nosec" in text else ()


def _bare(path: str, text: str) -> Iterator[Remark]:
    """Comments alone count; a text that speaks of one does not."""
    with contextlib.suppress(tokenize.TokenError, SyntaxError):
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            found = re.search(r"#\s*nosec\b(.*)", token.string) if token.type == tokenize.COMMENT else None
            if found and not re.search(r"\bB\d{3}\b|[a-z]+_[a-z_]+", found[1]):
                yield Remark(path, token.start[0], token.line.strip()[:80])
