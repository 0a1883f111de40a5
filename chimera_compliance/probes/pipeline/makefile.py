"""make, as far as a pipeline's targets need it: variables, prerequisites, recipes, and what ignores a failure."""

import posixpath
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chimera_compliance.probes.pipeline.shell import Exit, Shell, Status
from chimera_compliance.probes.pipeline.words import UNKNOWN

if TYPE_CHECKING:
    from chimera_compliance.probes.pipeline.world import World

_ASSIGNMENT = re.compile(r"^(?:export\s+|override\s+)?([\w.-]+)\s*(\?=|:=|::=|\+=|!=|=)\s*(.*)$")
_RULE = re.compile(r"^([^\s:#=][^:#=]*?)\s*:(?!=)([^=]*?)(?:;(.*))?$")
_REFERENCE = re.compile(r"\$(?:\$|\(([^()]*(?:\([^()]*\)[^()]*)*)\)|\{([^{}]*)\}|(.))")
_NAMES = ("GNUmakefile", "makefile", "Makefile")


@dataclass
class Rule:
    """A target's prerequisites and recipe lines."""

    needs: list[str] = field(default_factory=list)
    recipe: list[tuple[int, str]] = field(default_factory=list)


@dataclass
class Makefile:
    """The rules of one file, its variables unexpanded."""

    file: str
    rules: dict[str, Rule] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def default(self) -> str:
        """The first target, which is made when none is named."""
        stated = self.variables.get(".DEFAULT_GOAL")
        return stated or next((name for name in self.rules if not name.startswith(".")), "")

    def expand(self, text: str, depth: int = 0) -> str:
        """The text with its variables replaced."""

        def one(found: re.Match[str]) -> str:
            name = found[1] or found[2] or found[3] or ""
            if found[0] == "$$":
                return "$"
            if name in ("MAKE",):
                return "make"
            if name in self.variables and depth < 10:
                return self.expand(self.variables[name], depth + 1)
            return "" if re.fullmatch(r"[\w.-]+", name) and name not in ("CURDIR",) else UNKNOWN

        return _REFERENCE.sub(one, text)


def read(file: str, text: str) -> Makefile:
    """Parse a makefile; conditionals are taken as if all of their branches were written."""
    made, current = Makefile(file), []
    for number, line in _joined(text):
        if line.startswith("\t"):
            for rule in current:
                rule.recipe.append((number, line.strip()))
            continue
        bare = line.strip()
        if not bare or bare.startswith("#"):
            continue
        if found := _ASSIGNMENT.match(bare):
            name, sign, value = found.groups()
            value = UNKNOWN if sign == "!=" else value.split(" #")[0].strip()
            made.variables[name] = f"{made.variables.get(name, '')} {value}".strip() if sign == "+=" else value
        elif found := _RULE.match(bare):
            names = made.expand(found[1]).split()
            current = [made.rules.setdefault(name, Rule()) for name in names]
            for rule in current:
                rule.needs += made.expand(found[2].lstrip(":").split("#")[0]).replace("|", " ").split()
                rule.recipe += [(number, found[3].strip())] if found[3] else []
    return made


def _joined(text: str) -> list[tuple[int, str]]:
    """Lines with their continuations, each with the number of its first."""
    lines: list[tuple[int, str]] = []
    open_ended = False
    for number, line in enumerate(text.splitlines(), 1):
        if open_ended:
            first, so_far = lines[-1]
            lines[-1] = (first, f"{so_far[:-1].rstrip()} {line.strip()}")
        else:
            lines.append((number, line))
        open_ended = line.endswith("\\")
    return lines


def run(world: "World", shell: Shell, argv: list[str], line: int) -> Status:
    """`make TARGET`: its prerequisites, then its recipe, until something fails."""
    folder, file, goals, given, ignores = shell.cwd, "", [], {}, False
    words = iter(argv[1:])
    for word in words:
        if word in ("-C", "--directory"):
            folder = posixpath.normpath(posixpath.join(folder, next(words, ".")))
        elif word in ("-f", "--file", "--makefile"):
            file = next(words, "")
        elif word in ("-j", "-l", "-o", "-W"):
            continue
        elif word.startswith("-"):
            ignores |= word == "--ignore-errors" or ("i" in word and not word.startswith("--"))
        elif "=" in word:
            name, _, value = word.partition("=")
            given[name] = value
        elif not word.isdigit():
            goals.append(word)
    names = [file] if file else _NAMES
    path = next((p for p in (posixpath.normpath(posixpath.join(folder, n)) for n in names) if _is(world, p)), None)
    if path is None:
        return 0
    made = read(path, world.snapshot.text(path))
    made.variables |= given
    runner = _Making(world, shell, made, folder, line, ignores or ".IGNORE" in made.rules)
    for goal in goals or [made.default]:
        if (status := runner.make(goal)) != 0:
            return status
    return 0


def _is(world: "World", path: str) -> bool:
    return world.snapshot.is_file(path)


@dataclass
class _Making:
    world: "World"
    shell: Shell
    made: Makefile
    folder: str
    line: int
    ignores: bool
    done: set[str] = field(default_factory=set)

    def make(self, goal: str) -> Status:
        """The status of a target, made once."""
        rule = self.made.rules.get(goal)
        if goal in self.done:
            return 0
        self.done.add(goal)
        if rule is None:
            if goal and not self.world.snapshot.is_file(goal) and UNKNOWN not in goal:
                self.world.unseen(f"make {goal}", "no rule of the makefile makes it", self.shell.file, self.line)
            return 0
        for need in rule.needs:
            if (status := self.make(need)) != 0:
                return status
        return self._recipe(rule)

    def _recipe(self, rule: Rule) -> Status:
        flags = self.made.variables.get(".SHELLFLAGS", "-c")
        options = {"errexit": bool(re.search(r"-\w*e", flags)), "pipefail": "pipefail" in flags}
        lines = rule.recipe
        if ".ONESHELL" in self.made.rules and lines:
            lines = [(lines[0][0], "\n".join(text for _, text in lines))]
        for number, text in lines:
            prefix = text[: len(text) - len(text.lstrip("@-+ "))]
            inner = self.shell.within(self.made.file, number, self.line, cwd=self.folder, **options)
            try:
                status = inner.run(self.made.expand(text[len(prefix) :]))
            except Exit as end:
                status = end.status
            if status != 0 and "-" not in prefix and not self.ignores:
                return status
        return 0
