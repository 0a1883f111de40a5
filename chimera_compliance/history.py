"""The runs in a folder, one summary each: what the index page shows, and where the previous run is found.

Results may be large and there may be hundreds, so summaries are kept in a file beside them, `history.json`. It is
derived and may be deleted at any time.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from chimera_compliance.gate.past import Unusable, read_results
from chimera_compliance.outcomes import Outcome, Severity
from chimera_compliance.report.files import write_atomically
from chimera_compliance.results import Results, Status

CACHE = "history.json"
RESULTS = "results.json"


class Summary(BaseModel):
    """A run in short; `problem` says why its results cannot be read."""

    model_config = ConfigDict(extra="forbid")

    folder: str
    stamp: str
    problem: str = ""
    run: str = ""
    started: str = ""
    seconds: float = 0.0
    target: str = ""
    verdict: Outcome = Outcome.NOT_REVIEWED
    exit_code: int = 2
    passed: bool = False
    controls: dict[str, Outcome] = {}
    titles: dict[str, str] = {}
    findings_of: dict[str, int] = {}
    requirements: dict[Outcome, int] = {}
    findings: dict[Severity, int] = {}
    waived: int = 0
    statuses: dict[Status, int] = {}


def runs(root: Path) -> list[Summary]:
    """Every run below a folder, the latest first."""
    known = _cached(root)
    found = [_summary(file, known) for file in _results_files(root)]
    if {item.folder: item for item in found} != known:
        _keep(root, found)
    return sorted(found, key=lambda item: (item.started, item.folder), reverse=True)


def latest_of(root: Path, target: str) -> Path | None:
    """The results of the latest run of a target; None if there is none."""
    found = next((item for item in runs(root) if item.target == target and not item.problem), None)
    return root / found.folder / RESULTS if found else None


def _results_files(root: Path) -> Iterable[Path]:
    try:
        return sorted(file for file in root.glob(f"*/{RESULTS}") if file.is_file())
    except OSError:
        return []


def _cached(root: Path) -> dict[str, Summary]:
    try:
        entries = json.loads((root / CACHE).read_text(encoding="utf-8"))
        return {entry["folder"]: Summary.model_validate(entry) for entry in entries}
    except (OSError, ValueError, TypeError, KeyError, ValidationError, RecursionError):
        return {}


def _keep(root: Path, summaries: list[Summary]) -> None:
    try:
        write_atomically(root / CACHE, json.dumps([item.model_dump(mode="json") for item in summaries]) + "\n")
    except OSError:
        return  # a folder that may only be read has a history all the same


def _summary(file: Path, known: dict[str, Summary]) -> Summary:
    folder = file.parent.name
    status = file.stat()
    stamp = f"{status.st_size}-{status.st_mtime_ns}"
    if folder in known and known[folder].stamp == stamp:
        return known[folder]
    try:
        results, _ = read_results(file)
    except Unusable as error:
        return Summary(folder=folder, stamp=stamp, problem=str(error))
    return summarize(results, folder, stamp)


def summarize(results: Results, folder: str, stamp: str = "") -> Summary:
    """A run in short."""
    return Summary(
        folder=folder,
        stamp=stamp,
        run=results.run.id,
        started=results.run.started,
        seconds=results.run.seconds,
        target=results.run.target,
        verdict=results.verdict,
        exit_code=results.exit_code,
        passed=results.gate.passed if results.gate else results.exit_code == 0,
        controls={control.id: control.outcome for control in results.controls},
        titles={**{c.id: c.title for c in results.controls}, **results.run.controls_left_out},
        findings_of={c.id: sum(len(item.findings) for item in c.requirements) for c in results.controls},
        requirements=results.counts.requirements,
        findings=results.counts.findings,
        waived=sum(results.counts.waived.values()),
        statuses=results.counts.statuses,
    )
