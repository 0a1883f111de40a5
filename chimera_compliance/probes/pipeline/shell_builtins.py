"""The shell's builtins that steer a script, as `shell` runs it in the mind."""

import posixpath
import re

from chimera_compliance.probes.pipeline import words
from chimera_compliance.probes.pipeline.shell import CALLS_DEEP, Exit, Program, Return, Shell, Status, parse
from chimera_compliance.probes.pipeline.words import UNKNOWN


def _exit(shell: Shell, argv: list[str], line: int) -> Status:
    raise Exit(_given(shell, argv))


def _return(shell: Shell, argv: list[str], line: int) -> Status:
    raise Return(_given(shell, argv))


def _given(shell: Shell, argv: list[str]) -> Status:
    if len(argv) < 2:
        return shell.last
    return int(int(argv[1]) % 256 != 0) if re.fullmatch(r"\d{1,9}", argv[1]) else None


def _set(shell: Shell, argv: list[str], line: int) -> Status:
    for number, word in enumerate(argv[1:], 1):
        if word[:1] not in "+-" or word == "--":
            continue
        on = word[0] == "-"
        if "e" in word[1:] and not word.startswith("--"):
            shell.errexit = on
        named = argv[number + 1] if word.endswith("o") and number + 1 < len(argv) else ""
        if named == "pipefail":
            shell.pipefail = on
        if named == "errexit":
            shell.errexit = on
    return 0


def _cd(shell: Shell, argv: list[str], line: int) -> Status:
    where = argv[1] if len(argv) > 1 else UNKNOWN
    root = shell.variables.get("GITHUB_WORKSPACE", UNKNOWN)
    shell.cwd = posixpath.normpath(posixpath.join(shell.cwd, where)) if where != root else "."
    return 0


def _trap(shell: Shell, argv: list[str], line: int) -> Status:
    if len(argv) > 2:
        for name in argv[2:]:
            shell.traps[{"0": "EXIT"}.get(name, name).removeprefix("SIG")] = argv[1]
    return 0


def _eval(shell: Shell, argv: list[str], line: int) -> Status:
    if shell.depth > CALLS_DEEP:
        return None
    shell.depth += 1
    try:
        return shell.sequence(parse(" ".join(argv[1:])).root_node.children, tested=False)
    finally:
        shell.depth -= 1


def _exec(shell: Shell, argv: list[str], line: int) -> Status:
    if len(argv) < 2:
        return 0
    raise Exit(shell.call(argv[1:], line))


BUILTINS: dict[str, Program] = {
    "exit": _exit,
    "return": _return,
    "set": _set,
    "cd": _cd,
    "pushd": _cd,
    "trap": _trap,
    "eval": _eval,
    "exec": _exec,
    "false": lambda shell, argv, line: 1,
    "true": lambda shell, argv, line: 0,
    ":": lambda shell, argv, line: 0,
    "test": lambda shell, argv, line: words.test(shell, argv[1:]),
    "[": lambda shell, argv, line: words.test(shell, argv[1:-1]),
}
