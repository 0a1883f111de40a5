"""Named commands in a project's files: hatch, pdm, poe, npm, just and Taskfile."""

import posixpath
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from chimera_compliance.probes.pipeline.documents import line_with, load_toml, load_yaml
from chimera_compliance.probes.pipeline.shell import Shell, Status
from chimera_compliance.probes.pipeline.snapshot import Snapshot

if TYPE_CHECKING:
    from chimera_compliance.probes.pipeline.world import World

_PYPROJECT = "pyproject.toml"
_TASKFILES = ("Taskfile.yml", "Taskfile.yaml", "taskfile.yml")
_JUSTFILES = ("justfile", "Justfile", ".justfile")
_PROGRAMS = {"bandit", "gitleaks", "python", "python3", "pre-commit", "tox", "nox", "make", "bash", "sh"}
_BUILT_IN = {"install", "ci", "publish", "build", "version", "sync", "add", "lock", "exec", "update", "self", "env"}


def knows(words: list[str]) -> bool:
    """Whether these words may name a task rather than a program."""
    return bool(words) and words[0] not in _PROGRAMS and "/" not in words[0] and not words[0].startswith("-")


def run(world: "World", shell: Shell, argv: list[str], line: int) -> Status:
    """The status of a task: its commands, one after another, until one fails."""
    runner, words = argv[0].rpartition("/")[2], [word for word in argv[1:] if not word.startswith("-")]
    if words[:1] in (["run"], ["run-script"]):
        words = words[1:]
    if not words or words[0] in _BUILT_IN:
        return 0
    found = list(_commands(world.snapshot, runner, words[0], shell.cwd))
    if not found and runner in ("hatch", "pdm") and "run" in argv:
        return world.program(shell, argv[argv.index("run") + 1 :], line)
    if not found:
        world.unseen(f"{runner} {words[0]}", "it cannot be followed", shell.file, line)
        return None
    for file, number, command, tolerated in found:
        status = shell.within(file, number, line, cwd=".").run(command)
        if status and not tolerated:
            return status
    return 0


_Command = tuple[str, int, str, bool]


def _commands(snapshot: Snapshot, runner: str, name: str, folder: str) -> Iterator[_Command]:
    match runner:
        case "npm" | "yarn" | "pnpm":
            yield from _in_table(snapshot, posixpath.normpath(f"{folder}/package.json"), "scripts", name=name)
        case "hatch":
            environment, _, script = name.rpartition(":")
            path = ("tool", "hatch", "envs", environment or "default", "scripts")
            yield from _in_table(snapshot, _PYPROJECT, *path, name=script)
        case "pdm":
            yield from _in_table(snapshot, _PYPROJECT, "tool", "pdm", "scripts", name=name)
        case "poe":
            yield from _in_table(snapshot, _PYPROJECT, "tool", "poe", "tasks", name=name)
        case "just":
            yield from _just(snapshot, name)
        case "task":
            yield from _taskfile(snapshot, name)


def _in_table(snapshot: Snapshot, file: str, *path: str, name: str) -> Iterator[_Command]:
    if not snapshot.is_file(file):
        return
    text = snapshot.text(file)
    table: Any = load_toml(text) if file.endswith(".toml") else load_yaml(text)  # JSON is YAML
    for step in path:
        table = table.get(step, {}) if isinstance(table, dict) else {}
    for command in _texts(table.get(name)) if isinstance(table, dict) else ():
        yield file, line_with(text, command.split("\n")[0]) or 1, re.sub(r"\{args[^}]*\}", "", command), False


def _texts(task: Any) -> Iterator[str]:
    """A text, a list of texts, or a table that holds one of them under the key that says how it is run."""
    match task:
        case str():
            yield task
        case list():
            for item in task:
                yield from _texts(item)
        case dict():
            for key in ("cmd", "shell", "composite", "sequence", "script"):
                yield from _texts(task.get(key))


def _just(snapshot: Snapshot, name: str) -> Iterator[_Command]:
    file = next((one for one in _JUSTFILES if snapshot.is_file(one)), None)
    if file is None:
        return
    inside = False
    for number, line in enumerate(snapshot.text(file).splitlines(), 1):
        if not line[:1].isspace() and line.strip():
            head = re.match(r"@?([\w-]+)[^:=]*:(?!=)\s*(.*)$", line)
            inside = bool(head) and head[1] == name
            if inside:
                for need in head[2].split():
                    yield from _just(snapshot, need) if need != name else ()
        elif inside and line.strip():
            text = line.strip()
            yield file, number, text.lstrip("@-"), text.startswith("-")


def _taskfile(snapshot: Snapshot, name: str) -> Iterator[_Command]:
    file = next((one for one in _TASKFILES if snapshot.is_file(one)), None)
    document = load_yaml(snapshot.text(file)) if file else None
    task = (document.get("tasks") or {}).get(name) if isinstance(document, dict) else None
    steps = (
        task.get("cmds", [task.get("cmd")]) if isinstance(task, dict) else task if isinstance(task, list) else [task]
    )
    for step in steps:
        tolerated = isinstance(step, dict) and step.get("ignore_error") is True
        command = step.get("cmd", "") if isinstance(step, dict) else step
        if isinstance(command, str) and command:
            yield file, getattr(command, "line", 1), command, tolerated
