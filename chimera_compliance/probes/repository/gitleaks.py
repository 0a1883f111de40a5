"""The repository's own .gitleaks.toml: its rules are looked for as well, and its allow-lists are honoured.

Format: github.com/gitleaks/gitleaks, configuration. Its default rules are not copied; where it extends them, ours
take their place.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from chimera_compliance.probes.repository.allowlists import AllowList, Ignored
from chimera_compliance.probes.repository.candidates import Candidate
from chimera_compliance.probes.repository.engine import Trigger, usable
from chimera_compliance.probes.repository.golang_regex import compiled, translated
from chimera_compliance.probes.repository.judgement import entropy

NAMES = (".gitleaks.toml", ".gitleaks/config.toml", "gitleaks.toml", ".github/.gitleaks.toml", ".github/gitleaks.toml")
_DEEPEST = 3


@dataclass(frozen=True)
class OwnRule:
    """A rule of the repository's own."""

    id: str
    regex: re.Pattern[str] | None
    path: re.Pattern[str] | None
    group: int = 0
    least_entropy: float = 0.0
    keywords: tuple[str, ...] = ()
    expression: str = ""

    @property
    def reach(self) -> int:
        """Whether it may match over several lines."""
        return 400 if re.search(r"\\[ns]|\(\?[a-z]*s", self.expression) else 0

    @property
    def triggers(self) -> Sequence[Trigger]:
        """The expression itself, or where the engine cannot take it, the rule's keywords."""
        return _triggers(self)

    def applies(self, content: bytes) -> bool:
        """Gitleaks asks a rule only where one of its keywords occurs."""
        return not self.keywords or any(word.encode() in content.lower() for word in self.keywords)

    def judge(self, text: str) -> Iterator[Candidate]:
        """What gitleaks would report."""
        for found in self.regex.finditer(text) if self.regex else ():
            value, begin = self._secret(found)
            if not value or value.endswith("EXAMPLE") or (self.least_entropy and entropy(value) <= self.least_entropy):
                continue
            start = text.rfind("\n", 0, found.start()) + 1
            stop = text.find("\n", found.end())
            line = text[start : stop if stop >= 0 else len(text)]
            yield Candidate(self.id, "match of the repository's own rule", value, found[0], line, begin)

    def _secret(self, found: re.Match[str]) -> tuple[str, int]:
        if self.group:
            return (
                (found[self.group] or "", found.start(self.group)) if self.group <= (found.re.groups or 0) else ("", 0)
            )
        number = next((n for n, part in enumerate(found.groups(), 1) if part), 0)
        return found[number], found.start(number)


def _triggers(rule: OwnRule) -> tuple[Trigger, ...]:
    expression = Trigger(translated(rule.expression).encode(), lenient=True)
    if rule.regex is None:
        return ()
    if usable(expression):
        return (expression,)
    return tuple(Trigger(word.encode(), ignores_case=True, fixed=True) for word in rule.keywords)


@dataclass
class Configuration:
    """What was read; `problems` are the parts that could not be used."""

    file: str = ""
    rules: list[OwnRule] = field(default_factory=list)
    allow_lists: list[AllowList] = field(default_factory=list)
    ignored: Ignored = field(default_factory=Ignored)
    problems: list[str] = field(default_factory=list)
    extends_default: bool = False


def load(files: Mapping[str, bytes]) -> Configuration:
    """The configuration among some files of the repository, by path."""
    made = Configuration()
    made.file = next((name for name in NAMES if name in files), "")
    if made.file:
        _take(made, made.file, files, 0)
    if ignored := files.get(".gitleaksignore"):
        made.ignored = Ignored.of(ignored.decode("utf-8", "replace"))
    return made


def _take(made: Configuration, name: str, files: Mapping[str, bytes], depth: int) -> None:
    try:
        document = tomllib.loads(files[name].decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        made.problems.append(f"{name} is no valid TOML: {str(error).splitlines()[0]}")
        return
    extend = document.get("extend")
    if isinstance(extend, dict):
        made.extends_default |= extend.get("useDefault") is True
        path = str(extend.get("path", "")).removeprefix("./")
        if path and depth < _DEEPEST:
            if path in files:
                _take(made, path, files, depth + 1)
            else:
                made.problems.append(f"{name} extends {path}, which is not in the repository")
    for number, table in enumerate(_tables(document, "allowlist", "allowlists"), 1):
        _allow(made, table, f"{name}, allow-list {number}")
    for number, table in enumerate(_tables(document, "rules"), 1):
        _rule(made, table, f"{name}, rule {table.get('id') or number}")


def _tables(document: dict, *names: str) -> list[dict]:
    found = []
    for name in names:
        value = document.get(name, [])
        found += [value] if isinstance(value, dict) else [one for one in value if isinstance(one, dict)]
    return found


def _allow(made: Configuration, table: dict, place: str, rules: tuple[str, ...] = ()) -> None:
    try:
        made.allow_lists.append(AllowList.of(table, place, rules))
    except (re.error, TypeError, ValueError) as error:
        made.problems.append(f"{place}: {error}")


def _rule(made: Configuration, table: dict, place: str) -> None:
    name = str(table.get("id", place))
    for number, inner in enumerate(_tables(table, "allowlist", "allowlists"), 1):
        _allow(made, inner, f"{place}, allow-list {number}", (name,))
    if not table.get("regex") and not table.get("path"):
        return
    try:
        rule = OwnRule(
            name,
            compiled(table["regex"]) if table.get("regex") else None,
            compiled(table["path"]) if table.get("path") else None,
            int(table.get("secretGroup", 0)),
            float(table.get("entropy", 0)),
            tuple(str(word).lower() for word in table.get("keywords", [])),
            str(table.get("regex", "")),
        )
    except (re.error, TypeError, ValueError) as error:
        made.problems.append(f"{place}: {error}")
        return
    if rule.regex is not None and not rule.triggers:
        made.problems.append(f"{place}: its expression cannot be looked for")
        return
    made.rules = [one for one in made.rules if one.id != name] + [rule]
