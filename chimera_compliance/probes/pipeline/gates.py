"""For each change that matters, the scanners that it meets, and whether one of them would stop it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from chimera_compliance.probes.pipeline.events import Event, events_of, lets_through
from chimera_compliance.probes.pipeline.expressions import Unknown
from chimera_compliance.probes.pipeline.scan import TOOLS, Scan, Unseen
from chimera_compliance.probes.pipeline.scanners import options, silenced
from chimera_compliance.probes.pipeline.snapshot import Snapshot
from chimera_compliance.probes.pipeline.workflows import JobRun, Workflows, job_runs
from chimera_compliance.probes.pipeline.world import World, ways

# What whoever proposes a change can set: a gate that depends on it is one that they can open.
_THEIRS = re.compile(r"head_commit|commits|pull_request\.(title|body|labels|user)|issue|head_ref|labels|comment|sender")
_MISSING_TOOL = re.compile(r"^(?:if: )?(?:command -v|which|type|hash)\b")
_READS = re.compile(r"\bjq\b.*(?: -\w*e|--exit-status)|\b(?:test|python3?|exit|node)\b|\[\[? |^\s*(?:if |! ?)?grep\b")


@dataclass(frozen=True, eq=False)
class Candidate:
    """A scan on its way to stopping an event; each reason is "" where nothing is wrong."""

    scan: Scan
    run: JobRun
    idle: str = ""
    """Why it does not run for the event."""
    open: str = ""
    """What decides whether it runs, where nothing here does."""
    lost: str = ""
    """What becomes of its failure, where the run succeeds nevertheless."""
    judged_later: str = ""
    """The report that a later step may judge."""

    @property
    def place(self) -> tuple[str, int]:
        """Where to mend it: where the command stands, or what keeps it from running."""
        return self.scan.file, self.scan.line


@dataclass(frozen=True)
class Deployment:
    """A job that brings a version to where it is used."""

    what: str
    file: str
    line: int
    job: str
    workflow: str
    needs: frozenset[str]
    despite: bool
    """Whether it goes on when what it needs has failed."""


@dataclass
class Gate:
    """All that one event meets."""

    snapshot: Snapshot
    event: Event
    candidates: list[Candidate] = field(default_factory=list)
    deployments: list[Deployment] = field(default_factory=list)
    unseen: list[Unseen] = field(default_factory=list)
    gathering: list[tuple[str, frozenset[str]]] = field(default_factory=list)
    """Jobs that fail when one of those before them has failed: the name of the check, and the jobs."""

    def of(self, tool: str) -> list[Candidate]:
        """The scans of one tool."""
        return [one for one in self.candidates if one.scan.tool == tool]

    def running(self, tool: str) -> list[Candidate]:
        """Those that run for the event."""
        return [one for one in self.of(tool) if not one.idle and not one.open]

    def biting(self, tool: str) -> list[Candidate]:
        """Those that run, and whose failure fails the run."""
        return [one for one in self.running(tool) if not one.lost]


def gates(snapshot: Snapshot, workflows: Workflows, slug: str, default_branch: str, folders: list[str]) -> list[Gate]:
    """The gate of every event on the branches that a snapshot stands for."""
    found = []
    for branch in snapshot.branches:
        for event in events_of(branch):
            gate = Gate(snapshot, event, unseen=list(workflows.unseen()))
            for run in job_runs(workflows, event, slug, default_branch):
                _take(gate, run, folders)
            if event.name == "pull_request" and not event.fork:
                _as_pushed(gate, workflows, slug, default_branch, folders)
            found.append(gate)
    return found


def _as_pushed(gate: Gate, workflows: Workflows, slug: str, default_branch: str, folders: list[str]) -> None:
    """A pull request of the repository's own is also met by what runs when its branch is pushed."""
    missing = [tool for tool in TOOLS if gate.of(tool) and not gate.running(tool)]
    if not missing:
        return
    pushed = Gate(gate.snapshot, Event("push", "a-branch-of-its-own"))
    for run in job_runs(workflows, pushed.event, slug, default_branch):
        _take(pushed, run, folders)
    gate.candidates += [one for tool in missing for one in pushed.running(tool)]


def _take(gate: Gate, run: JobRun, folders: list[str]) -> None:
    seen = list(ways(gate.snapshot, run.go))
    scans = {scan.key: scan for world in seen for scan in world.scans}
    gate.unseen += [one for world in seen for one in world.unfollowed if one not in gate.unseen]
    if run.admitted is not False:
        gate.deployments += _deployments(run, seen, gate.event)
    if run.always and run.needs and _gathers(run):
        gate.gathering.append((run.check, run.needs))
    for key, scan in scans.items():
        idle, still_open = _idle(run, scan, seen, gate.snapshot, folders)
        lost = "" if idle else _lost(gate.snapshot, run, scan, key)
        later = _judged_later(run, scan) if lost else ""
        gate.candidates.append(Candidate(scan, run, idle, still_open, lost, later))


def _deployments(run: JobRun, seen: list[World], event: Event) -> Iterator[Deployment]:
    if event.name != "push":
        return
    for what, file, line in dict.fromkeys(found for world in seen for found in world.deploys):
        job = run.scope + run.id
        yield Deployment(what, file, line, job, run.file, run.needs, run.always)


def _idle(run: JobRun, scan: Scan, seen: list[World], snapshot: Snapshot, folders: list[str]) -> tuple[str, str]:
    """Why the scan does not run, or what that depends on."""
    if run.admitted is False:
        return run.why_not, ""
    if hole := _hole(run, scan, snapshot, folders):
        return hole, ""
    without = [world for world in seen if not world.failed and all(one.tool != scan.tool for one in world.scans)]
    if isinstance(run.admitted, Unknown):
        return (run.why_not, "") if _THEIRS.search(str(run.admitted)) else ("", run.why_not)
    if not without:
        return "", ""
    answers = list(without[0].taken.items())
    reason = " and ".join(f"{name} is {str(answer).lower()}" for name, answer in answers[-2:])
    if any(_THEIRS.search(name) or _MISSING_TOOL.search(name) for name, _ in answers[-2:]):
        return f"is skipped when {reason}", ""
    return "", f"it is skipped when {reason}"


def _hole(run: JobRun, scan: Scan, snapshot: Snapshot, folders: list[str]) -> str:
    """A file whose change alone would not start the workflow, though the scanner should see it."""
    if run.trigger.paths is None and run.trigger.ignored is None:
        return ""
    made_up = [f"{folder.rstrip('/')}/added_later.py" for folder in folders]
    if scan.tool == "bandit":
        files = [path for folder in folders for path in snapshot.under(folder) if path.endswith(".py")] + made_up
    else:
        files = [*snapshot.entries, *made_up, "README.md", "config/settings.yaml", ".env", "docs/guide.md"]
    missed = next((path for path in files if not lets_through(run.trigger, path)), None)
    return f"its paths filter lets a change of {missed} pass unscanned" if missed else ""


def _lost(snapshot: Snapshot, run: JobRun, scan: Scan, key: tuple) -> str:
    """How the failure of the scan gets lost on its way to the run's conclusion, or ""."""
    if scan.argv and (option := silenced(scan)):
        return f"{option} makes it succeed whatever it finds"
    if run.tolerated is True:
        return "continue-on-error on the job"
    for world in ways(snapshot, run.go, fails=key):
        if any(one.key == key for one in world.scans) and not world.failed:
            return "its failure does not fail the job"
    return "continue-on-error on the job is not known to be false" if isinstance(run.tolerated, Unknown) else ""


def _judged_later(run: JobRun, scan: Scan) -> str:
    """The report of a scan that a later step looks into: it may well fail the job by itself."""
    given = options(scan)
    report = given.last("report-path") or given.last("output")
    name = report.rpartition("/")[2]
    if not name:
        return ""
    for step in run.job.get("steps") or []:
        script = step.get("run") if isinstance(step, dict) else None
        for line in script.splitlines() if isinstance(script, str) else ():
            if name in line and not any(tool in line for tool in TOOLS) and _READS.search(line):
                return report
    return ""


def _gathers(run: JobRun) -> bool:
    """Whether a job that runs in any case looks at the results of those before it, and fails by them."""
    text = str(run.job.get("steps"))
    reads = "needs." in text or "toJSON(needs)" in text
    return "alls-green" in text or (reads and "exit 1" in text)


def unguarded(deployment: Deployment, gate: Gate) -> list[str]:
    """The scanners that would fail the run, and that a deployment does not wait for."""
    missing = []
    for tool in TOOLS:
        stopping = gate.biting(tool)
        if stopping and not any(_before(one.scan, deployment) for one in stopping):
            missing.append(tool)
    return missing


def _before(scan: Scan, deployment: Deployment) -> bool:
    if scan.workflow != deployment.workflow and not any(scan.job.startswith(f"{need}/") for need in deployment.needs):
        return False
    if scan.job == deployment.job:
        return scan.file != deployment.file or scan.line < deployment.line
    return _is_among(scan.job, deployment.needs) and not deployment.despite


def _is_among(job: str, needs: frozenset[str]) -> bool:
    """Whether a job, or the one that calls it, is among those that another needs."""
    return any(job == need or job.startswith(f"{need}/") for need in needs)


def checks_of(gates: list[Gate], tool: str, branch: str) -> list[str]:
    """The names of the checks that are red on a pull request when the scanner finds something."""
    names = []
    for gate in gates:
        if gate.event.name == "pull_request" and gate.event.branch == branch:
            for one in gate.biting(tool):
                names.append(one.scan.check)
                names += [check for check, needs in gate.gathering if _is_among(one.scan.job, needs)]
    return list(dict.fromkeys(names))


def is_required(check: str, required: set[str]) -> bool:
    """Whether a check is among the required ones; some tools write the workflow's name before it."""
    return any(name == check or name.endswith(f" / {check}") for name in required)
