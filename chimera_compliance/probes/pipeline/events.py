"""The events that a gate must stop: a push to a branch that ships, and a pull request into it, also from a fork."""

import re
from dataclasses import dataclass
from typing import Any

from chimera_compliance.probes.pipeline.documents import Map

_PULL_REQUEST_TYPES = ("opened", "synchronize", "reopened")
_NEEDED_TYPES = ("opened", "synchronize")


@dataclass(frozen=True)
class Event:
    """One thing that happens to a branch."""

    name: str
    branch: str
    fork: bool = False

    def __str__(self) -> str:
        if self.name == "push":
            return f"a push to {self.branch}"
        return f"a pull request {'from a fork ' if self.fork else ''}into {self.branch}"


def events_of(branch: str) -> list[Event]:
    """What must be scanned before, or as, something reaches the branch."""
    return [Event("push", branch), Event("pull_request", branch), Event("pull_request", branch, fork=True)]


@dataclass(frozen=True)
class Trigger:
    """Whether an event starts a workflow; `why_not` says what keeps it from doing so, and `line` where."""

    starts: bool
    why_not: str = ""
    line: int = 0
    paths: tuple[str, ...] | None = None
    """Patterns of the paths filter: the workflow starts only for changes that it lets through."""
    ignored: tuple[str, ...] | None = None


def trigger(workflow: Map, event: Event) -> Trigger:
    """What `on:` makes of an event."""
    on, line = workflow.get("on"), workflow.line_of("on")
    settings: Any
    if isinstance(on, str | list):
        names = [on] if isinstance(on, str) else [str(item) for item in on]
        settings = None
    elif isinstance(on, dict):
        names, settings = list(on), on.get(event.name)
        line = on.line_of(event.name) if event.name in on else line
    else:
        return Trigger(False, "names no event", line)
    if event.name not in names:
        return Trigger(False, f"does not start on {event.name}", line)
    return _filtered(settings, event, line) if isinstance(settings, Map) else Trigger(True)


def _filtered(settings: Map, event: Event, line: int) -> Trigger:
    types = _list(settings.get("types"))
    if event.name == "pull_request" and types is not None and not set(_NEEDED_TYPES) <= set(types):
        return Trigger(False, f"starts only on pull requests {', '.join(types)}", settings.line_of("types"))
    branches, without = _list(settings.get("branches")), _list(settings.get("branches-ignore"))
    if branches is not None and not matches(event.branch, branches):
        return Trigger(False, f"is limited to other branches ({', '.join(branches)})", settings.line_of("branches"))
    if without is not None and matches(event.branch, without):
        return Trigger(False, f"leaves out the branch {event.branch}", settings.line_of("branches-ignore"))
    if event.name == "push" and branches is None and without is None and {"tags", "tags-ignore"} & set(settings):
        return Trigger(False, "starts on tags only", line)
    paths, ignored = _list(settings.get("paths")), _list(settings.get("paths-ignore"))
    at = settings.line_of("paths" if paths is not None else "paths-ignore")
    return Trigger(True, "", at, paths and tuple(paths), ignored and tuple(ignored))


def lets_through(trigger: Trigger, path: str) -> bool:
    """Whether a change of this file alone passes the paths filter."""
    if trigger.paths is not None:
        return matches(path, trigger.paths)
    return not (trigger.ignored is not None and matches(path, trigger.ignored))


def _list(value: Any) -> list[str] | None:
    if value is None:
        return None
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def matches(name: str, patterns: list[str] | tuple[str, ...]) -> bool:
    """GitHub's filter patterns: the last one that matches decides, and `!` excludes."""
    matched = False
    for pattern in patterns:
        if re.fullmatch(_regex(pattern.removeprefix("!")), name):
            matched = not pattern.startswith("!")
    return matched


def _regex(pattern: str) -> str:
    made, position = "", 0
    for found in re.finditer(r"\*\*/|\*\*|\*|\?|\+|\[[^\]]*\]|\\.", pattern):
        made += re.escape(pattern[position : found.start()])
        sign = found[0]
        made += {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "?", "+": "+"}.get(sign, sign)
        position = found.end()
    return made + re.escape(pattern[position:])
