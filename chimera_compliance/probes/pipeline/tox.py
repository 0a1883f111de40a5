"""tox: which environments a command line runs, and their commands (tox.ini, setup.cfg, tox.toml, pyproject.toml)."""

import configparser
import re
import shlex
from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING, Any

from chimera_compliance.probes.pipeline.documents import line_with, load_toml
from chimera_compliance.probes.pipeline.shell import Shell, Status
from chimera_compliance.probes.pipeline.snapshot import Snapshot, Unreadable
from chimera_compliance.probes.pipeline.words import UNKNOWN

if TYPE_CHECKING:
    from chimera_compliance.probes.pipeline.world import World

_BRACES = re.compile(r"\{([\w.,-]*,[\w.,-]*)\}")
_POSARGS = re.compile(r"\{posargs(?::([^{}]*))?\}")
_ROOT = re.compile(r"\{(?:toxinidir|tox_root|:root)\}/?")


def run(world: "World", shell: Shell, argv: list[str], line: int) -> Status:
    """The status of tox: the first environment that fails."""
    names, rest = _selected(argv[1:], shell)
    project = _Project.of(world.snapshot)
    if project is None:
        world.unseen("tox", "there is no configuration of it", shell.file, line)
        return None
    status: Status = 0
    for name in names or project.default():
        if (commands := project.commands(name, rest)) is None:
            world.unseen(f"tox -e {name}", "there is no such environment", shell.file, line)
            continue
        ended = _commands(world, shell, project.file, commands, line)
        status = status or (0 if project.flag(name, "ignore_outcome") else ended)
    return status


def _selected(words: list[str], shell: Shell) -> tuple[list[str], list[str]]:
    names, rest = [], []
    if "--" in words:
        words, rest = words[: words.index("--")], words[words.index("--") + 1 :]
    for number, word in enumerate(words):
        if word in ("-e", "--env") and number + 1 < len(words):
            names += words[number + 1].split(",")
        elif found := re.match(r"(?:-e|--env=)(.+)", word):
            names += found[1].split(",")
    chosen = names or shell.variables.get("TOXENV", "").split(",")
    return [name for name in chosen if name], rest


def _commands(world: "World", shell: Shell, file: str, commands: list[str], line: int) -> Status:
    for command in commands:
        bare = command.lstrip("-! ")
        marks = command[: len(command) - len(bare)]
        try:
            argv = shlex.split(bare)
        except ValueError:
            continue
        if not argv:
            continue
        at = line_with(world.snapshot.text(file), *argv[:2]) or 1
        status = shell.within(file, at, line, cwd=".").call(argv, at)
        if "!" in marks:
            status = None if status is None else 1 - status
        if status and "-" not in marks:
            return status
    return 0


class _Project:
    """A configuration: sections by environment."""

    def __init__(self, file: str, core: dict[str, Any], base: dict[str, Any], envs: dict[str, dict[str, Any]]) -> None:
        self.file, self._core, self._base, self._envs = file, core, base, envs

    @classmethod
    def of(cls, snapshot: Snapshot) -> "_Project | None":
        """The first configuration that tox would take."""
        for file, prefix in (("tox.ini", ""), ("setup.cfg", "tox:")):
            if snapshot.is_file(file) and (found := _ini(file, snapshot.text(file), prefix)):
                return found
        for file in ("pyproject.toml", "tox.toml"):
            if snapshot.is_file(file) and (found := _toml(file, load_toml(snapshot.text(file)))):
                return found
        return None

    def default(self) -> list[str]:
        """The environments that are run when none is named."""
        listed = self._core.get("env_list", self._core.get("envlist", []))
        text = "\n".join(listed) if isinstance(listed, list) else str(listed)
        return [name for part in re.split(r"[\s]+|,(?![^{]*\})", text) if part for name in _generated(part)]

    def flag(self, name: str, key: str) -> bool:
        """A yes-or-no setting of an environment."""
        value = {**self._base, **self._envs.get(name, {})}.get(key, False)
        return str(value).strip().lower() in ("true", "1", "yes")

    def commands(self, name: str, rest: list[str]) -> list[str] | None:
        """Its commands, or nothing if there is no such environment."""
        if name not in self._envs and not self._base:
            return None
        made: list[str] = []
        for key in ("commands_pre", "commands", "commands_post"):
            value = self._envs.get(name, {}).get(key, self._base.get(key, ""))
            lines = [shlex.join(map(str, item)) for item in value] if isinstance(value, list) else _lines(str(value))
            made += [text for line in lines if (text := _of_factors(line, name)) is not None]
        given = shlex.join(rest)
        return [_filled(text, given) for text in made]


def _filled(text: str, given: str) -> str:
    text = _POSARGS.sub(lambda found: given or (found[1] or ""), text)
    return re.sub(r"\{[^{}\s]*\}", UNKNOWN, _ROOT.sub("./", text))


def _lines(text: str) -> Iterator[str]:
    return (line.strip() for line in text.replace("\\\n", " ").splitlines() if line.strip())


def _of_factors(line: str, name: str) -> str | None:
    """A line such as `lint,security: bandit -r src` belongs to environments with one of the factors."""
    found = re.match(r"^([\w!.,{}-]+)\s*:\s+(.*)$", line)
    if not found:
        return line
    factors = set(re.split(r"[-]", name)) | {name}
    wanted = [part for option in found[1].split(",") for part in _generated(option)]
    return found[2] if any(set(part.split("-")) <= factors for part in wanted) else None


def _generated(text: str) -> list[str]:
    """`py{311,312}-lint` is two names."""
    pieces = [part.split(",") if number % 2 else [part] for number, part in enumerate(_BRACES.split(text))]
    return ["".join(parts) for parts in product(*pieces)][:50]


def _ini(file: str, text: str, prefix: str) -> _Project | None:
    parser = configparser.RawConfigParser(strict=False, interpolation=None, comment_prefixes=("#", ";"))
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise Unreadable(
            f"malformed {file}: {error.message.splitlines()[0]}", getattr(error, "lineno", 0) or 0
        ) from None
    sections = {name.removeprefix(prefix) if prefix else name: dict(parser[name]) for name in parser.sections()}
    if not any(name == "tox" or name.startswith("testenv") for name in sections):
        return None
    envs = {}
    for name, section in sections.items():
        if name.startswith("testenv:"):
            envs |= dict.fromkeys(_generated(name.removeprefix("testenv:")), section)
    return _Project(file, sections.get("tox", {}), sections.get("testenv", {}), envs)


def _toml(file: str, document: dict[str, Any]) -> _Project | None:
    settings = document.get("tool", {}).get("tox") if file == "pyproject.toml" else document
    if not isinstance(settings, dict):
        return None
    if legacy := settings.get("legacy_tox_ini"):
        found = _ini(file, str(legacy), "")
        return found
    envs = settings.get("env", {})
    return _Project(file, settings, settings.get("env_run_base", {}), envs if isinstance(envs, dict) else {})
