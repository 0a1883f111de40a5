"""The workflows of a repository and the runs of their jobs that an event starts."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from chimera_compliance.probes.pipeline.context import Context, asks_status
from chimera_compliance.probes.pipeline.documents import Map, load_yaml
from chimera_compliance.probes.pipeline.events import Event, Trigger, trigger
from chimera_compliance.probes.pipeline.expressions import Unknown, condition, filled, truth
from chimera_compliance.probes.pipeline.matrix import cells
from chimera_compliance.probes.pipeline.scan import Unseen
from chimera_compliance.probes.pipeline.snapshot import Snapshot, Unreadable
from chimera_compliance.probes.pipeline.steps import JobSteps, any_file
from chimera_compliance.probes.pipeline.world import World

FOLDER = ".github/workflows"
_MOST_NESTED = 4


@dataclass(frozen=True)
class Broken:
    """A workflow file that GitHub would not run."""

    file: str
    line: int
    why: str


@dataclass
class Workflows:
    """Every workflow file, read or broken."""

    snapshot: Snapshot
    read: dict[str, Map] = field(default_factory=dict)
    broken: list[Broken] = field(default_factory=list)

    @classmethod
    def of(cls, snapshot: Snapshot) -> "Workflows":
        """Read them all."""
        made = cls(snapshot)
        for path in sorted(snapshot.under(FOLDER)):
            if re.fullmatch(rf"{FOLDER}/[^/]+\.ya?ml", path):
                made._take(path)
        return made

    def _take(self, path: str) -> None:
        try:
            document = load_yaml(self.snapshot.text(path))
        except Unreadable as error:
            self.broken.append(Broken(path, error.line, str(error)))
            return
        if not isinstance(document, Map):
            self.broken.append(Broken(path, 1, "empty" if document is None else "no mapping"))
        elif not document.get("on") or not isinstance(document.get("jobs"), Map):
            missing = "on" if not document.get("on") else "jobs"
            self.broken.append(Broken(path, document.line, f"has no `{missing}:`"))
        else:
            self.read[path] = document

    def unseen(self) -> list[Unseen]:
        """Workflows of other repositories that these call."""
        found = []
        for file, document in self.read.items():
            for job in document["jobs"].values():
                uses = job.get("uses") if isinstance(job, Map) else None
                if isinstance(uses, str) and not uses.startswith("./"):
                    found.append(Unseen(uses, "a workflow of another repository", file, job.line_of("uses")))
        return found


@dataclass(frozen=True)
class JobRun:
    """One run of a job for an event; `admitted` is what its conditions and those before it come to."""

    file: str
    id: str
    job: Map
    line: int
    event: Event
    context: Context
    trigger: Trigger
    admitted: bool | Unknown
    why_not: str
    needs: frozenset[str]
    """All the jobs before it, with their callers' names before a slash."""
    always: bool
    tolerated: bool | Unknown
    """`continue-on-error`: its failure does not fail the workflow."""
    check: str
    env: dict[str, Any]
    defaults: dict[str, Any]
    scope: str = ""
    """The caller's job, where a reusable workflow is called."""

    def go(self, world: World) -> None:
        """Run its steps in a world."""
        world.job = {"workflow": self.file, "job": self.scope + self.id, "check": self.check}
        context = replace(self.context, steps={}, failed=False)
        run = self.defaults.get("run") if isinstance(self.defaults.get("run"), dict) else {}
        steps = JobSteps(
            world,
            context,
            self.file,
            self.env,
            str(run.get("shell") or ""),
            str(run.get("working-directory") or "."),
        )
        world.failed = steps.run(self.job.get("steps"))


def job_runs(workflows: Workflows, event: Event, slug: str, default_branch: str) -> Iterator[JobRun]:
    """Every job that the event could start, in every workflow."""
    files = any_file(list(workflows.snapshot.entries))
    context = Context(event, slug, default_branch, files=files)
    for file, document in workflows.read.items():
        started = trigger(document, event)
        yield from _jobs(workflows, file, document, context, started, started.starts, started.why_not, "", "")


def _jobs(
    workflows: Workflows,
    file: str,
    document: Map,
    context: Context,
    started: Trigger,
    admitted: bool | Unknown,
    why_not: str,
    scope: str,
    caller: str,
    before: frozenset[str] = frozenset(),
) -> Iterator[JobRun]:
    jobs = {name: job for name, job in document["jobs"].items() if isinstance(job, Map)}
    results: dict[str, tuple[bool | Unknown, str]] = {}
    env = _mapping(document, "env")
    context = replace(context, env={**context.env, **env})
    for name in _in_order(jobs):
        job = jobs[name]
        allowed, reason = _admission(job, jobs, results, context, admitted, why_not)
        results[name] = (allowed, reason)
        for cell in cells(job, context):
            here = replace(context, matrix=cell, env={**context.env, **_mapping(job, "env")})
            check = caller + _check(name, job, cell, here)
            needs = before | {scope + one for one in _all_needs(name, jobs)}
            if isinstance(job.get("uses"), str):
                inner = (f"{scope}{name}/", f"{check} / ", needs)
                yield from _called(workflows, job, here, started, allowed, reason, *inner)
                continue
            tolerated = condition(job.get("continue-on-error", False), here.names, here.functions)
            yield JobRun(
                file,
                name,
                job,
                document["jobs"].line_of(name),
                context.event,
                here,
                started,
                allowed,
                reason,
                needs,
                asks_status(job.get("if")) and "success()" not in str(job.get("if")),
                tolerated if isinstance(tolerated, Unknown) else tolerated is True,
                check,
                {**env, **_mapping(job, "env")},
                {**_mapping(document, "defaults"), **_mapping(job, "defaults")},
                scope,
            )


def _called(
    workflows: Workflows,
    job: Map,
    context: Context,
    started: Trigger,
    admitted: bool | Unknown,
    why_not: str,
    scope: str,
    caller: str,
    before: frozenset[str],
) -> Iterator[JobRun]:
    """The jobs of a reusable workflow of this repository."""
    uses = str(job["uses"])
    own = re.fullmatch(rf"(?:\./|{re.escape(context.slug)}/)({FOLDER}/[^@]+)(?:@.*)?", uses)
    document = workflows.read.get(own[1]) if own else None
    if document is None or scope.count("/") > _MOST_NESTED:
        return
    on = document["on"] if isinstance(document["on"], dict) else {}
    settings = on.get("workflow_call") if isinstance(on.get("workflow_call"), dict) else {}
    declared = settings.get("inputs") if isinstance(settings.get("inputs"), dict) else {}
    inputs = {key: value.get("default") for key, value in declared.items() if isinstance(value, dict)}
    for key, value in _mapping(job, "with").items():
        known = (
            filled(value, context.names, context.functions, lambda text: "\ue000") if isinstance(value, str) else value
        )
        inputs[key] = Unknown(f"inputs.{key}") if isinstance(known, str) and "\ue000" in known else known
    inside = replace(context, inputs=inputs, env={}, matrix={})
    yield from _jobs(workflows, own[1], document, inside, started, admitted, why_not, scope, caller, before)


def _admission(
    job: Map,
    jobs: dict[str, Map],
    results: dict[str, tuple[bool | Unknown, str]],
    context: Context,
    admitted: bool | Unknown,
    why_not: str,
) -> tuple[bool | Unknown, str]:
    if admitted is False:
        return False, why_not
    needed = _needs(job)
    skipped = next((name for name in needed if name not in jobs or results.get(name, (False, ""))[0] is False), None)
    text = job.get("if")
    here = replace(
        context,
        needs={name: "skipped" if results.get(name, (False, ""))[0] is False else "success" for name in needed},
        failed=skipped is not None,
    )
    if skipped is not None and not asks_status(text):
        return False, f"needs the job {skipped}, which is skipped"
    value = truth(condition(text, here.names, here.functions))
    if value is False:
        return False, f"its condition does not hold (if: {' '.join(str(text).split())})"
    uncertain = [results[name] for name in needed if isinstance(results.get(name, (True,))[0], Unknown)]
    for candidate in [value, admitted, *(outcome for outcome, _ in uncertain)]:
        if isinstance(candidate, Unknown):
            return candidate, f"it depends on {candidate}"
    if not job.get("uses") and not job.get("steps"):
        return False, "it has no steps"
    return True, ""


def _needs(job: Map) -> list[str]:
    needs = job.get("needs")
    return [needs] if isinstance(needs, str) else [str(name) for name in needs] if isinstance(needs, list) else []


def _all_needs(name: str, jobs: dict[str, Map]) -> frozenset[str]:
    found: set[str] = set()
    waiting = list(_needs(jobs[name]))
    while waiting:
        if (one := waiting.pop()) not in found:
            found.add(one)
            waiting += _needs(jobs[one]) if one in jobs else []
    return frozenset(found)


def _in_order(jobs: dict[str, Map]) -> list[str]:
    """Each job after those it needs; a circle is left in the order of the file."""
    return sorted(jobs, key=lambda name: len(_all_needs(name, jobs)))


def _mapping(value: Map, key: str) -> dict[str, Any]:
    found = value.get(key)
    return dict(found) if isinstance(found, dict) else {}


def _check(name: str, job: Map, cell: dict[str, Any], context: Context) -> str:
    """The name under which GitHub reports the job."""
    if isinstance(job.get("name"), str):
        return filled(job["name"], context.names, context.functions, lambda text: "…")
    values = ", ".join(str(value) for value in cell.values() if not isinstance(value, dict | list))
    return f"{name} ({values})" if values else name
