"""nox: the sessions that a command line runs, read from noxfile.py without running it."""

import ast
import re
from typing import TYPE_CHECKING

from chimera_compliance.probes.pipeline.shell import Shell, Status
from chimera_compliance.probes.pipeline.snapshot import Unreadable
from chimera_compliance.probes.pipeline.words import UNKNOWN

if TYPE_CHECKING:
    from chimera_compliance.probes.pipeline.world import World

_FILE = "noxfile.py"
_RUNS = {"run", "run_always", "run_install"}


def run(world: "World", shell: Shell, argv: list[str], line: int) -> Status:
    """The status of nox: the first session that fails."""
    if not world.snapshot.is_file(_FILE):
        world.unseen("nox", f"there is no {_FILE}", shell.file, line)
        return None
    try:
        tree = ast.parse(world.snapshot.text(_FILE))
    except (SyntaxError, RecursionError, ValueError) as error:
        raise Unreadable(f"malformed {_FILE}: {error}", getattr(error, "lineno", 0) or 0) from None
    sessions = {_name(node): node for node in tree.body if isinstance(node, ast.FunctionDef) and _is_session(node)}
    constants = _constants(tree)
    status: Status = 0
    for name in _selected(argv[1:], tree, sessions):
        if name not in sessions:
            world.unseen(f"nox -s {name}", "there is no such session", shell.file, line)
            continue
        ended = _session(shell, sessions[name], constants, line)
        status = status or ended
    return status


def _selected(words: list[str], tree: ast.Module, sessions: dict) -> list[str]:
    named: list[str] = []
    taking = False
    for word in words:
        if word == "--":
            break
        if word in ("-s", "--session", "--sessions", "-e"):
            taking = True
        elif found := re.match(r"(?:--sessions?=|-s|-e)(.+)", word):
            named += found[1].split(",")
        elif word.startswith("-"):
            taking = False
        elif taking:
            named += word.split(",")
    named = [re.split(r"[-(]\d", name)[0] for name in named if name]
    return named or _default(tree) or list(sessions)


def _default(tree: ast.Module) -> list[str]:
    """`nox.options.sessions = […]`."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "nox.options.sessions":
            return [item.value for item in getattr(node.value, "elts", []) if isinstance(item, ast.Constant)]
    return []


def _is_session(node: ast.FunctionDef) -> bool:
    return any("session" in ast.unparse(mark).split("(")[0] for mark in node.decorator_list)


def _name(node: ast.FunctionDef) -> str:
    for mark in node.decorator_list:
        for keyword in getattr(mark, "keywords", []):
            if keyword.arg == "name" and isinstance(keyword.value, ast.Constant):
                return str(keyword.value.value)
    return node.name


def _constants(tree: ast.Module) -> dict[str, list[str]]:
    """Names that the file gives to a text or to a list of texts."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            values = getattr(node.value, "elts", [node.value])
            if values and all(isinstance(item, ast.Constant) for item in values):
                found[node.targets[0].id] = [str(item.value) for item in values]
    return found


def _session(shell: Shell, node: ast.FunctionDef, constants: dict[str, list[str]], line: int) -> Status:
    session = node.args.args[0].arg if node.args.args else "session"
    handled = {call for part in ast.walk(node) if isinstance(part, ast.Try) for call in ast.walk(part)}
    for call in sorted((n for n in ast.walk(node) if isinstance(n, ast.Call)), key=lambda n: n.lineno):
        target = call.func
        if not (isinstance(target, ast.Attribute) and target.attr in _RUNS and ast.unparse(target.value) == session):
            continue
        argv = [word for argument in call.args for word in _words(argument, constants, session)]
        if not argv:
            continue
        status = shell.within(_FILE, call.lineno, line, cwd=".").call(argv, call.lineno)
        if status and not _tolerates(call) and call not in handled:
            return status
    return 0


def _words(node: ast.expr, constants: dict[str, list[str]], session: str) -> list[str]:
    match node:
        case ast.Constant():
            return [str(node.value)]
        case ast.Name():
            return constants.get(node.id, [UNKNOWN])
        case ast.Starred(value=ast.Name(id=name)):
            return constants.get(name, [UNKNOWN])
        case ast.Starred() if ast.unparse(node.value).startswith(f"{session}.posargs"):
            return []
    return [UNKNOWN]


def _tolerates(call: ast.Call) -> bool:
    """`success_codes=[0, 1]` takes a finding for a success."""
    codes = next((keyword.value for keyword in call.keywords if keyword.arg == "success_codes"), None)
    return any(isinstance(item, ast.Constant) and item.value for item in getattr(codes, "elts", []))
