"""What the workflows entrust to others: actions by name, tokens by permission, secrets and checkouts to strangers.

The rules follow GitHub's "Secure use reference" and, in their choice, OpenSSF Scorecard and zizmor.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chimera_compliance.probes.pipeline.documents import Map, load_yaml
from chimera_compliance.probes.pipeline.expressions import embedded
from chimera_compliance.probes.pipeline.snapshot import Snapshot, Unreadable
from chimera_compliance.probes.pipeline.workflows import Workflows

_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_VERSION = re.compile(r"v?\d+(\.\d+)*([-+.]\w+)*")
# Jobs that push need the token that a checkout leaves.
_PUSHES = re.compile(
    r"git push|create-pull-request|git-auto-commit|semantic-release|gh-deploy|gh-pages|changesets/action"
)
_HARMLESS = {"security-events", "pull-requests", "checks", "statuses", "issues"}
_OWN = ("actions/", "github/")
_PRIVILEGED = ("pull_request_target", "workflow_run", "issue_comment", "issues")
# What a stranger writes: titles, bodies, names of branches, messages of commits.
_STRANGERS = re.compile(
    r"github\.event\.(?:issue|pull_request|discussion)\.(?:title|body)|github\.event\.(?:comment|review|review_comment)"
    r"\.body|github\.event\.pages\S*\.page_name|github\.event\.(?:commits\S*|head_commit)\.(?:message|author\.\w+)"
    r"|github\.event\.pull_request\.head\.(?:ref|label|repo\.default_branch)|github\.head_ref"
    r"|github\.event\.workflow_run\.(?:head_branch|head_commit\.message|display_title)|github\.event\.inputs\."
    r"|github\.event\.discussion\.\w+|github\.event\.changes\.\S+"
)
_THEIR_COMMIT = re.compile(
    r"pull_request\.head\.(?:sha|ref)|github\.head_ref|workflow_run\.head_|refs/pull/|\.merge_commit_sha"
)


@dataclass(frozen=True)
class Step:
    """A step, or a job that calls a workflow, and where it stands."""

    file: str
    job: str
    value: Map
    line: int


@dataclass(frozen=True)
class Fault:
    """Something that should not be so; `kind` groups them."""

    kind: str
    subject: str
    message: str
    file: str
    line: int


def steps(snapshot: Snapshot, workflows: Workflows) -> Iterator[Step]:
    """Every step of every workflow and of every composite action in the repository."""
    for file, document in workflows.read.items():
        for name, job in document["jobs"].items():
            if not isinstance(job, Map):
                continue
            if job.get("uses"):
                yield Step(file, name, job, job.line_of("uses"))
            yield from (Step(file, name, one, one.line) for one in job.get("steps") or [] if isinstance(one, Map))
    for path in snapshot.entries:
        if re.fullmatch(r"(?:.*/)?action\.ya?ml", path) and "/" in path:
            yield from _composite(snapshot, path)


def _composite(snapshot: Snapshot, path: str) -> Iterator[Step]:
    try:
        document = load_yaml(snapshot.text(path))
    except Unreadable:
        return
    runs = document.get("runs") if isinstance(document, Map) else None
    found = runs.get("steps") if isinstance(runs, Map) else None
    yield from (Step(path, "", one, one.line) for one in found or [] if isinstance(one, Map))


def pins(found: list[Step]) -> Iterator[Fault]:
    """Actions that are named by something that can be moved to other code."""
    for step in found:
        uses = step.value.get("uses")
        if not isinstance(uses, str) or uses.startswith("./"):
            continue
        line = step.value.line_of("uses")
        name, _, ref = uses.partition("@")
        if uses.startswith("docker://"):
            if "@sha256:" not in uses:
                yield Fault("image", uses, "is an image that is not named by its digest", step.file, line)
        elif not _SHA.fullmatch(ref):
            kind = "tag" if _VERSION.fullmatch(ref) else "branch"
            kind = f"own-{kind}" if name.startswith(_OWN) else kind
            yield Fault(kind, uses, f"is named by a {kind.removeprefix('own-')}, which can be moved", step.file, line)


def permissions(workflows: Workflows, scanning: set[tuple[str, str]]) -> Iterator[Fault]:
    """Jobs whose token may do more than read, or whose permissions nothing states; `scanning` are those that scan."""
    for file, document in workflows.read.items():
        for name, job in document["jobs"].items():
            if not isinstance(job, Map):
                continue
            stated = job if "permissions" in job else document
            granted = stated.get("permissions")
            if "permissions" not in stated:
                yield Fault(
                    "unstated",
                    f"job {name}",
                    "has no stated permissions: its token has the repository's default, which may be write",
                    file,
                    document["jobs"].line_of(name),
                )
            elif granted == "write-all":
                yield Fault(
                    "all", f"job {name}", "has a token that may write everything", file, stated.line_of("permissions")
                )
            elif isinstance(granted, Map):
                for scope in (key for key, level in granted.items() if level == "write"):
                    line = granted.line_of(scope)
                    if stated is document and len(document["jobs"]) > 1:
                        yield Fault("wide", file, f"grants {scope}: write to every job of the workflow", file, line)
                    elif (file, name) in scanning and scope not in _HARMLESS:
                        yield Fault("scans", f"job {name}", f"scans with a token that may write {scope}", file, line)


def injections(found: list[Step]) -> Iterator[Fault]:
    """Text of strangers that becomes part of a script."""
    for step in found:
        scripts = [("run", step.value.get("run"))]
        given = step.value.get("with")
        if isinstance(given, Map) and str(step.value.get("uses", "")).startswith("actions/github-script"):
            scripts.append(("script", given.get("script")))
        for key, script in scripts:
            if not isinstance(script, str):
                continue
            for expression in embedded(script):
                if _STRANGERS.search(expression.replace(" ", "")):
                    before = script.split(expression)[0].count("\n")
                    line = getattr(script, "line", step.line) + before
                    yield Fault(
                        "injection",
                        f"${{{{ {expression} }}}}",
                        f"is written into a {key} by whoever opens a pull request or an issue",
                        step.file,
                        line,
                    )


def exposures(workflows: Workflows) -> Iterator[Fault]:
    """Where code or workflows of strangers get at secrets."""
    yield from dangerous(workflows)
    yield from secrets(workflows)


def dangerous(workflows: Workflows) -> Iterator[Fault]:
    """Triggers that bring secrets and a writing token, with code of strangers checked out."""
    for file, document in workflows.read.items():
        on = document.get("on")
        names = [on] if isinstance(on, str) else list(on)
        privileged = next((name for name in _PRIVILEGED if name in names), None)
        if privileged is None:
            continue
        for name, job in document["jobs"].items():
            for step in (job.get("steps") or []) if isinstance(job, Map) else []:
                if isinstance(step, Map) and _checks_out_theirs(step):
                    yield Fault(
                        "theirs",
                        f"job {name}",
                        f"checks out a stranger's commit on {privileged},"
                        " where secrets and a writing token are at hand",
                        file,
                        step.line,
                    )


def _checks_out_theirs(step: Map) -> bool:
    given = step.get("with")
    if str(step.get("uses", "")).startswith("actions/checkout") and isinstance(given, Map):
        return bool(_THEIR_COMMIT.search(f"{given.get('ref', '')} {given.get('repository', '')}"))
    run = str(step.get("run", ""))
    return "gh pr checkout" in run or bool(re.search(r"git (?:fetch|checkout)\b", run) and _THEIR_COMMIT.search(run))


def secrets(workflows: Workflows) -> Iterator[Fault]:
    """Secrets that leave the repository's own hands."""
    for file, document in workflows.read.items():
        for name, job in document["jobs"].items():
            if not isinstance(job, Map):
                continue
            if job.get("secrets") == "inherit" and not str(job.get("uses", "")).startswith("./"):
                message = "hands every secret to a workflow of another repository"
                yield Fault("inherit", f"job {name}", message, file, job.line_of("secrets"))
            if re.search(r"toJSON\(\s*secrets\s*\)", _text(job), re.IGNORECASE):
                yield Fault("all", f"job {name}", "hands over all secrets at once", file, job.line)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(_text(item) for item in value.values())
    return " ".join(map(_text, value)) if isinstance(value, list) else str(value)


def kept_credentials(found: list[Step], workflows: Workflows) -> Iterator[Fault]:
    """Checkouts that leave the job's token in .git/config, where every later step can read it."""
    for step in found:
        given = step.value.get("with")
        given = given if isinstance(given, Map) else Map()
        checkout = str(step.value.get("uses", "")).startswith("actions/checkout@")
        if checkout and str(given.get("persist-credentials", "true")).lower() != "false":
            job = workflows.read.get(step.file, {}).get("jobs", {}).get(step.job)
            if not _PUSHES.search(_text(job)):
                subject = f"{step.file}:{step.line} checkout"
                yield Fault("kept", subject, "leaves the job's token in .git/config", step.file, step.line)
