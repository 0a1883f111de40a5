"""Programs that lead to a scanner: what wraps one, and what can be followed to one."""

import posixpath
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from chimera_compliance.probes.pipeline import makefile, nox, precommit, tasks, tox
from chimera_compliance.probes.pipeline.scan import TOOLS, Selection
from chimera_compliance.probes.pipeline.shell import Shell, Status
from chimera_compliance.probes.pipeline.snapshot import Unreadable
from chimera_compliance.probes.pipeline.words import UNKNOWN

if TYPE_CHECKING:
    from chimera_compliance.probes.pipeline.world import World

Follow = Callable[["World", Shell, list[str], int], Status]

_SHELLS = {"bash", "sh", "dash", "zsh", "ash"}
_PYTHON = re.compile(r"python(\d(\.\d+)?)?|py")
_NO_SCAN = {"version", "help", "completion", "--version", "-h", "--help"}
# Options that take the next word with them, of programs that run another one.
_VALUED = {
    "uv": "--with --extra --group --from --python -p --project --directory --package --env-file --only-group --no-group"
    " --with-requirements --with-editable --index --default-index --index-url -i",
    "pipx": "--spec --python --pip-args --index-url -i",
    "sudo": "-u -g -h -p",
    "env": "-u --unset -C --chdir",
    "nice": "-n --adjustment",
    "timeout": "-s --signal -k --kill-after",
    "xargs": "-n -P -I -L -d -a -s --max-args --max-procs --delimiter --arg-file",
    "docker": "-v --volume -e --env -w --workdir --entrypoint --name -u --user --network --mount --platform --env-file"
    " --pull -m --memory --cpus -h --hostname -l --label --security-opt --cap-drop --cap-add --tmpfs",
    "conda": "-n --name -p --prefix",
}
_PLAIN = {"sudo", "env", "nice", "nohup", "time", "command", "stdbuf", "xvfb-run", "ionice", "setsid", "builtin"}
_RUNNERS = {"poetry", "pipenv", "rye", "pdm", "hatch", "uv", "pipx", "conda", "mamba", "micromamba", "pixi"}


def run(world: "World", shell: Shell, argv: list[str], line: int, selection: Selection | None = None) -> Status:
    """The status of a program; scanners, and what leads to them, are what counts, and all else succeeds."""
    argv = unwrapped(shell, argv)
    if not argv or (UNKNOWN in (name := posixpath.basename(argv[0])) and not any(tool in argv[0] for tool in TOOLS)):
        return 0
    if (tool := _tool(name)) is not None:
        return 0 if len(argv) > 1 and argv[1] in _NO_SCAN else world.scan(tool, argv, shell, line, selection)
    if (follow := _FOLLOWED.get(name)) is not None:
        try:
            return follow(world, shell, argv, line)
        except Unreadable as error:
            world.unseen(" ".join(argv[:3]), str(error), shell.file, line)
            return None
    if name in _SHELLS:
        return _shell(world, shell, argv, line)
    if "/" in argv[0] and world.snapshot.is_file(_path(shell, argv[0])):
        return _script(world, shell, argv[0], argv[1:], line, direct=True)
    world.ran(argv, shell, line)
    return _undecided(argv)


def _undecided(argv: list[str]) -> Status:
    """Questions have no sure answer; what is done is taken to succeed."""
    return None if posixpath.basename(argv[0]) in ("grep", "egrep", "which", "type", "hash", "diff", "cmp", "jq") else 0


def _tool(name: str) -> str | None:
    base = re.split(r"[@=\[]", name)[0].removesuffix(".exe")
    return base if base in TOOLS else None


def unwrapped(shell: Shell, argv: list[str]) -> list[str]:
    """The command inside of what wraps it: `sudo`, `timeout`, `uv run`, `python -m`, `docker run`, `xargs`."""
    for _ in range(8):
        inner = _inner(shell, argv)
        if inner == argv or not inner:
            return inner or argv
        argv = inner
    return argv


def _inner(shell: Shell, argv: list[str]) -> list[str]:
    name = posixpath.basename(argv[0])
    rest = argv[1:]
    if name in _PLAIN:
        if name == "command" and rest[:1] in (["-v"], ["-V"]):
            return ["which", *rest[1:]]
        return _options(rest, name, assignments=True)
    if name == "timeout":
        return _options(rest, name)[1:]
    if name == "uvx":
        return _options(rest, "uv")
    if name == "uv" and rest[:2] == ["tool", "run"]:
        return _options(rest[2:], "uv")
    if name in _RUNNERS and (at := _first(rest, "run", "exec")) is not None:
        if name in ("hatch", "pdm") and tasks.knows(rest[at + 1 :]):
            return argv
        return _options(rest[at + 1 :], "conda" if "mamba" in name else name)
    if _PYTHON.fullmatch(name) and "-m" in rest:
        module = rest[rest.index("-m") + 1 :]
        return [module[0].replace("pre_commit", "pre-commit"), *module[1:]] if module else argv
    if name in ("docker", "podman", "nerdctl") and rest[:1] == ["run"]:
        return _container(shell, rest[1:]) or argv
    if name == "xargs":
        return [*_options(rest, name), UNKNOWN]
    return argv


def _first(argv: list[str], *words: str) -> int | None:
    """Where one of the words stands, if nothing but options comes before it."""
    for number, word in enumerate(argv[:6]):
        if word in words:
            return number
        if not word.startswith("-") and (number == 0 or not argv[number - 1].startswith("-")):
            return None
    return None


def _options(argv: list[str], program: str, *, assignments: bool = False) -> list[str]:
    """The words after a wrapper's own options."""
    valued = _VALUED.get(program, "").split()
    at = 0
    while at < len(argv):
        word = argv[at]
        if word == "--":
            return argv[at + 1 :]
        if word.startswith("-") and len(word) > 1:
            at += 2 if word in valued else 1
        elif assignments and re.match(r"[A-Za-z_]\w*=", word):
            at += 1
        else:
            break
    return argv[at:]


def _container(shell: Shell, argv: list[str]) -> list[str]:
    """A scanner's image run on the repository: its arguments, with the mount's path taken for the repository."""
    inside = _options(argv, "docker")
    options = argv[: len(argv) - len(inside)]
    tool = next((tool for tool in TOOLS if inside and tool in inside[0]), None)
    if tool is None:
        return []
    mounts = [option.split(":")[1] for option in options if re.match(r"[^:]+:/[^:]+", option)]
    mounts += re.findall(r"(?:target|dst|destination)=([^,]+)", " ".join(options))
    arguments = inside[2:] if inside[1:2] == [tool] else inside[1:]
    for mount in mounts:
        arguments = [re.sub(rf"(^|=){re.escape(mount)}(?=/|$)", r"\1.", word) for word in arguments]
    return [tool, *arguments]


def _path(shell: Shell, path: str) -> str:
    root = shell.variables.get("GITHUB_WORKSPACE", UNKNOWN)
    return posixpath.normpath(posixpath.join(shell.cwd, path.replace(root + "/", "")))


def _shell(world: "World", shell: Shell, argv: list[str], line: int) -> Status:
    """`bash -c TEXT`, `bash -eo pipefail FILE`."""
    flags = {"errexit": False, "pipefail": False}
    rest = argv[1:]
    while rest and rest[0][:1] in "-+" and rest[0]:
        word = rest.pop(0)
        flags["errexit"] |= "e" in word[1:] and not word.startswith("--")
        if word.endswith("o") and rest:
            option = rest.pop(0)
            flags["pipefail"] |= option == "pipefail"
            flags["errexit"] |= option == "errexit"
        if "c" in word[1:] and not word.startswith("--") and rest:
            return shell.within(shell.file, line, line, **flags).run(rest[0])
    return _script(world, shell, rest[0], rest[1:], line, flags=flags) if rest else 0


def _script(
    world: "World",
    shell: Shell,
    path: str,
    arguments: list[str],
    line: int,
    *,
    direct: bool = False,
    flags: dict[str, bool] | None = None,
) -> Status:
    """A shell script of the repository; run directly, its first line says how."""
    where = _path(shell, path)
    if not world.snapshot.is_file(where):
        return 0
    try:
        text = world.snapshot.text(where)
    except Unreadable as error:
        world.unseen(where, str(error), shell.file, line)
        return None
    first = text.split("\n", 1)[0]
    if direct and first.startswith("#!") and not re.search(r"\b(ba|da|z|k)?sh\b", first):
        return _other_language(world, shell, where, text, line)
    flags = flags or {"errexit": bool(re.search(r"sh\s+.*-\w*e", first)), "pipefail": "pipefail" in first}
    inner = shell.within(where, 1, line, **flags)
    inner.variables |= {str(number): word for number, word in enumerate(arguments, 1)} | {"0": path}
    return inner.run(text)


def _other_language(world: "World", shell: Shell, path: str, text: str, line: int) -> Status:
    if any(tool in text for tool in TOOLS):
        world.unseen(path, "it is no shell script", shell.file, line)
        return None
    return 0


def _source(world: "World", shell: Shell, argv: list[str], line: int) -> Status:
    """`. FILE` runs in this very shell."""
    where = _path(shell, argv[1]) if len(argv) > 1 else ""
    if not world.snapshot.is_file(where):
        return 0
    inner = shell.within(where, 1, line, errexit=shell.errexit, pipefail=shell.pipefail)
    status = inner.run(world.snapshot.text(where))
    shell.variables |= inner.variables
    shell.functions |= inner.functions
    return status


def _python(world: "World", shell: Shell, argv: list[str], line: int) -> Status:
    """A script in Python is not followed; one that speaks of a scanner is named."""
    for word in argv[1:]:
        if word.endswith(".py") and world.snapshot.is_file(_path(shell, word)):
            return _other_language(world, shell, _path(shell, word), world.snapshot.text(_path(shell, word)), line)
    return 0


_FOLLOWED: dict[str, Follow] = {
    "make": makefile.run,
    "gmake": makefile.run,
    "tox": tox.run,
    "nox": nox.run,
    "pre-commit": precommit.run,
    "prek": precommit.run,
    ".": _source,
    "source": _source,
    "python": _python,
    "python3": _python,
    **dict.fromkeys(("hatch", "pdm", "poe", "npm", "yarn", "pnpm", "just", "task", "invoke", "inv"), tasks.run),
}
