"""pre-commit: which hooks a command line runs, and what each of them comes to.

The `gitleaks` hook that gitleaks publishes looks at what is staged (`--pre-commit --staged`): it guards a commit on a
developer's machine, and in CI, where nothing is staged, it sees nothing.
"""

import re
import shlex
from typing import TYPE_CHECKING, Any

from chimera_compliance.probes.pipeline.documents import Map, load_yaml
from chimera_compliance.probes.pipeline.scan import Selection
from chimera_compliance.probes.pipeline.shell import Shell, Status
from chimera_compliance.probes.pipeline.snapshot import Unreadable
from chimera_compliance.probes.pipeline.words import UNKNOWN

if TYPE_CHECKING:
    from chimera_compliance.probes.pipeline.world import World

FILE = ".pre-commit-config.yaml"
_SLOW = re.compile(r"[+*}]\)(?:[+*]|\{\d+,)")
_VALUED = {"-c", "--config", "--from-ref", "--to-ref", "-s", "-o", "--source", "--origin", "--hook-stage", "--color"}
# What the hooks that the scanners publish run (.pre-commit-hooks.yaml of each repository).
_STAGED = "gitleaks git --pre-commit --redact --staged --verbose"
_PUBLISHED = {
    ("gitleaks", "gitleaks"): _STAGED,
    ("gitleaks", "gitleaks-docker"): _STAGED,
    ("gitleaks", "gitleaks-system"): _STAGED,
    ("bandit", "bandit"): "bandit",
}


def run(world: "World", shell: Shell, argv: list[str], line: int) -> Status:
    """The status of `pre-commit run`: every hook is run, and any that fails fails it."""
    words = argv[1:]
    if words[:1] != ["run"]:
        return 0
    options, named = _split(words[1:])
    config = options.get("-c") or options.get("--config") or FILE
    if not world.snapshot.is_file(config):
        world.unseen("pre-commit", f"there is no {config}", shell.file, line)
        return None
    document = load_yaml(world.snapshot.text(config))
    document = document if isinstance(document, Map) else Map()
    skipped = set(shell.variables.get("SKIP", "").split(","))
    stage = options.get("--hook-stage", "pre-commit").replace("commit", "pre-commit", 1).replace("pre-pre-", "pre-")
    files = {"--all-files", "-a", "--files", "--from-ref", "-s"} & set(options)
    status: Status = 0
    for repo in _list(document.get("repos")):
        for hook in _list(repo.get("hooks")) if isinstance(repo, Map) else []:
            if not isinstance(hook, Map) or not _selected(hook, named, skipped, stage, document):
                continue
            inner = shell.within(config, hook.line, line, cwd=".")
            ended = _hook(world, inner, str(repo.get("repo", "")), hook, document, bool(files))
            status = status or ended
    return status


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _split(words: list[str]) -> tuple[dict[str, str], list[str]]:
    options, named = {}, []
    rest = iter(words)
    for word in rest:
        if word in _VALUED:
            options[word] = next(rest, "")
        elif word.startswith("-"):
            name, _, value = word.partition("=")
            options[name] = value
            if name == "--files":
                break
        else:
            named.append(word)
    return options, named


def _selected(hook: Map, named: list[str], skipped: set[str], stage: str, document: Map) -> bool:
    names = {str(hook.get("id")), str(hook.get("alias"))}
    stages = hook.get("stages") or document.get("default_stages") or [stage]
    if names & skipped or (named and not names & set(named)):
        return False
    return any(str(one).replace("pre-", "") == stage.replace("pre-", "") for one in stages)


def _hook(world: "World", shell: Shell, repo: str, hook: Map, document: Map, files: bool) -> Status:
    argv = _command(repo, hook)
    if not argv:
        return 0
    local = repo in ("local", "meta")
    takes_files = hook.get("pass_filenames", local or argv[0] == "bandit") is not False
    if takes_files and not files:
        return 0  # no file has changed where nothing is staged, so the hook is skipped
    selection = _selection(hook, document) if takes_files else None
    return world.program(shell, argv, hook.line, selection=selection)


def _command(repo: str, hook: Map) -> list[str]:
    name = re.sub(r"\.git$", "", repo.rstrip("/")).rpartition("/")[2].lower()
    entry = hook.get("entry") or _PUBLISHED.get((name, str(hook.get("id"))), "")
    if hook.get("language") in ("docker_image",) and (tool := re.search(r"gitleaks|bandit", str(entry))):
        entry = f"{tool[0]} {' '.join(str(entry).split()[1:])}"
    try:
        return [*shlex.split(str(entry)), *map(str, _list(hook.get("args")))]
    except ValueError:
        return [UNKNOWN]


def _selection(hook: Map, document: Map) -> Selection:
    """The Python files that the hook's patterns, and the file's own, let through."""
    takes = [_regex(hook.get("files")), _regex(document.get("files"))]
    leaves = [_regex(value) for value in (hook.get("exclude"), document.get("exclude")) if value]

    def lets(path: str) -> bool:
        if not path.endswith(".py") or not all(pattern.search(path) for pattern in takes):
            return False
        return not any(pattern.search(path) for pattern in leaves)

    note = ", ".join(str(value) for value in (hook.get("files"), hook.get("exclude"), document.get("exclude")) if value)
    return Selection(lets, note)


def _regex(value: Any) -> re.Pattern[str]:
    text = str(value or "")
    if _SLOW.search(text) or len(text) > 10_000:  # it could be made to match for ever
        raise Unreadable("a pattern that repeats what repeats is not evaluated", getattr(value, "line", 0))
    try:
        return re.compile(text)
    except re.error as error:
        raise Unreadable(f"malformed pattern {text!r}: {error}", getattr(value, "line", 0)) from None
