"""Gathers the cases of a run, from one process or many, into the canonical results."""

import hashlib
import platform
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chimera_compliance import __version__
from chimera_compliance.checklist import Control, Requirement
from chimera_compliance.errors import EXIT_CLEAN, EXIT_INCOMPLETE, ConfigurationError
from chimera_compliance.evidence import surroundings
from chimera_compliance.gate.frozen import dropped
from chimera_compliance.home import CHECKLIST, CHECKS, HOME, PACKAGE
from chimera_compliance.outcomes import Outcome, Severity, worst
from chimera_compliance.places import Places
from chimera_compliance.results import (
    ControlResult,
    Counts,
    Finding,
    Population,
    RequirementResult,
    Results,
    RunInfo,
    Untested,
)

if TYPE_CHECKING:
    from chimera_compliance.recorder import Recorder

_SAMPLES = 3
_REASONS = 20


@dataclass
class _Gathered:
    """What the cases of one requirement have shown so far."""

    outcomes: list[Outcome] = field(default_factory=list)
    reasons: dict[str, None] = field(default_factory=dict)
    problems: list[dict[str, Any]] = field(default_factory=list)
    facets: list[str] = field(default_factory=list)
    tested: dict[str, None] = field(default_factory=dict)
    untested: dict[str, str] = field(default_factory=dict)
    cases: dict[str, Outcome] = field(default_factory=dict)
    started: str = ""
    samples: list[dict[str, Any]] = field(default_factory=list)
    unit: str = ""
    seconds: float = 0.0
    observations: int = 0
    requests: int = 0

    def add(self, case: dict[str, Any]) -> None:
        outcome, name = Outcome(case["outcome"]), case["case"]
        self.outcomes.append(outcome)
        self.cases[name] = worst([outcome, self.cases.get(name, outcome)])
        self.started = min(filter(None, [case["started"], self.started]))
        self.reasons.update(dict.fromkeys(case["reasons"]))
        self.problems += [{**problem, "case": case["case"]} for problem in case["problems"]]
        self.facets = case["facets"]
        self.tested.update(dict.fromkeys(case["tested"]))
        self.untested.update(case["untested"])
        self.samples += case["samples"][: _SAMPLES - len(self.samples)]
        self.unit = case["unit"] or self.unit
        self.seconds += case["seconds"]
        self.observations += case["observations"]
        self.requests += case["requests"]

    def population(self) -> Population | None:
        if not (self.tested or self.untested):
            return None
        known = len(self.tested | self.untested)
        untested = [Untested(subject=name, reason=reason) for name, reason in self.untested.items()]
        tested = [name for name in self.tested if name not in self.untested]
        return Population(unit=self.unit, known=known, tested=len(tested), subjects=tested, untested=untested)


class Gathering:
    """Collects cases as they are reported and finishes the run."""

    def __init__(self, recorder: "Recorder") -> None:
        self.recorder = recorder
        self.started = datetime.now(UTC)
        self._clock = time.monotonic()
        self._cases: dict[str, _Gathered] = defaultdict(_Gathered)
        self.results: Results | None = None
        self.unwritten = ""
        self.broken: list[str] = recorder.broken
        self.left: dict[str, None] = {}
        self.gate = recorder.gate_inputs(self.started)
        self.evidence = recorder.evidence_options()
        self.redactions: Counter[str] = Counter()
        self.dropped = dropped(recorder.checklist)
        self.places = Places(recorder.target, recorder.config.invocation_params.dir)

    @property
    def requests(self) -> int:
        """How many HTTP requests the gathered cases have sent."""
        return sum(gathered.requests for gathered in self._cases.values())

    def add(self, case: dict[str, Any]) -> None:
        """Take the report of one case."""
        self._cases[case["requirement"]].add(case)
        self.left.update(dict.fromkeys(case["notes"]))
        self.redactions.update(case["redactions"])

    def finish(self, *, interrupted: bool) -> int:
        """Write results.json and all the formats made from it; the exit code of the run."""
        from chimera_compliance.report import NotMade, write_all

        self.results = self.gate.apply(self._results(interrupted and not self.broken), self.broken)
        try:
            write_all(self.results, self.recorder.out, {surroundings.FILE: self._surroundings()})
            self._make_evidence()
            self._write_index()
        except OSError as error:
            self.unwritten = f"cannot write the reports to {self.recorder.out}: {error.strerror}: choose another --out"
        except NotMade as error:
            self.unwritten = f"not all reports could be made: {error}"
        except ConfigurationError as error:
            self.unwritten = f"no evidence bundle: {error}"
        return self.results.exit_code or (EXIT_INCOMPLETE if self.unwritten else EXIT_CLEAN)

    def _surroundings(self) -> str:
        return surroundings.describe(self.recorder.run_id, self.recorder.target.evidence, self.redactions)

    def _make_evidence(self) -> None:
        """Last, of what lies there; an interrupted run has shown too little to sign."""
        if self.evidence is None or self.results.run.interrupted:
            return
        from chimera_compliance.evidence.creation import create

        create(self.recorder.out, self.evidence)

    def _write_index(self) -> None:
        """Only where the suite chose the folder: what lies beside a folder of the user's choice is not ours."""
        from chimera_compliance.report.index import write_index

        if self.recorder.beside_other_runs:
            write_index(self.recorder.out.parent)

    def summarize(self, write_line: Callable[[str], None], *, colour: bool = False) -> None:
        """Print what a person at a terminal wants to know."""
        from chimera_compliance.report import terminal

        if self.unwritten:
            write_line(f"error: {self.unwritten}")
        for warning in self.evidence.warnings if self.evidence else []:
            write_line(f"warning: {warning}")
        if self.results is not None:
            for line in terminal.summary(self.results, self.recorder.out, colour=colour):
                write_line(line)

    def _results(self, interrupted: bool) -> Results:
        controls = [self._control(control) for control in self._selected()]
        verdict = worst(control.outcome for control in controls)
        return Results(
            run=self._run(interrupted),
            verdict=verdict,
            exit_code=EXIT_INCOMPLETE,
            counts=_counts(controls, self.requests),
            controls=controls,
            notes=[*self.broken, *(f"left behind: {what}" for what in self.left)],
        )

    def _selected(self) -> list[Control]:
        wanted = self.recorder.controls
        return [control for control in self.recorder.checklist.controls if wanted is None or control.id in wanted]

    def _left_out(self) -> dict[str, str]:
        selected = [control.id for control in self._selected()]
        return {item.id: item.title for item in self.recorder.checklist.controls if item.id not in selected}

    def _control(self, control: Control) -> ControlResult:
        requirements = [self._requirement(control, item) for item in control.requirements]
        requirements += [_dropped(name, test) for name, test in self.dropped.items() if name[:3] == control.id]
        return ControlResult(
            id=control.id,
            title=control.title,
            clause=control.clause,
            references=control.references,
            outcome=worst(item.outcome for item in requirements),
            reasons=[] if requirements else ["this version of the suite has no check for it"],
            seconds=round(sum(item.seconds for item in requirements), 3),
            requirements=requirements,
        )

    def _requirement(self, control: Control, requirement: Requirement) -> RequirementResult:
        gathered = self._cases.get(requirement.id) or _Gathered()
        outcome = worst(gathered.outcomes)
        reasons = list(gathered.reasons) if gathered.outcomes else ["not run"]
        return RequirementResult(
            **requirement.model_dump(exclude={"references"}),
            references=requirement.references_in(control),
            facets=gathered.facets,
            outcome=outcome,
            reasons=reasons[:_REASONS] + [f"and {len(reasons) - _REASONS} more"] * (len(reasons) > _REASONS),
            cases=len(gathered.outcomes),
            case_outcomes=gathered.cases,
            started=gathered.started,
            seconds=round(gathered.seconds, 3),
            observations=gathered.observations,
            samples=gathered.samples,
            population=gathered.population(),
            findings=self._placed(_findings(requirement, gathered.problems), gathered.facets),
        )

    def _placed(self, findings: list[Finding], facets: list[str]) -> list[Finding]:
        for finding in findings:
            if finding.location is None:
                finding.place = self.places.of(finding.subject, facets)
        return findings

    def _run(self, interrupted: bool) -> RunInfo:
        recorder = self.recorder
        return RunInfo(
            id=recorder.run_id,
            started=self.started.isoformat(timespec="seconds"),
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            seconds=round(time.monotonic() - self._clock, 3),
            suite_version=__version__,
            suite_digest=suite_digest(),
            python=platform.python_version(),
            target=recorder.target.name,
            target_digest=recorder.target.digest,
            target_file=self.places.target_file,
            checklist_digest=recorder.checklist.digest,
            controls_selected=[control.id for control in self._selected()],
            controls_left_out=self._left_out(),
            interrupted=interrupted,
        )


def _dropped(name: str, test: str) -> RequirementResult:
    """A requirement that the frozen list has and the checklist lost: it was not looked at, and that is said."""
    return RequirementResult(
        id=name,
        sentence="This requirement was dropped from the suite.",
        severity=Severity.HIGH,
        remediation="Restore it in config/checklist.yaml, or freeze the list again if it was dropped on purpose.",
        test=test,
        outcome=Outcome.ERROR,
        reasons=["config/requirements.lock has it, and the checklist does not"],
    )


def _findings(requirement: Requirement, problems: list[dict[str, Any]]) -> list[Finding]:
    seen: Counter[tuple[str, str]] = Counter()
    findings = []
    for problem in problems:
        key = (problem["subject"], problem["case"])
        seen[key] += 1
        settings = {**problem, "severity": problem["severity"] or requirement.severity}
        mark = fingerprint(requirement.id, *key, *([str(seen[key])] if seen[key] > 1 else []))
        findings.append(Finding(fingerprint=mark, requirement=requirement.id, **settings))
    return sorted(findings, key=lambda finding: finding.severity.rank)


def fingerprint(*parts: str) -> str:
    """Names a finding the same way in every run."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _counts(controls: list[ControlResult], requests: int) -> Counts:
    requirements = [item for control in controls for item in control.requirements]
    severities = Counter(finding.severity for item in requirements for finding in item.findings)
    return Counts(
        controls=_by_outcome(controls),
        requirements=_by_outcome(requirements),
        findings={severity: severities[severity] for severity in Severity},
        observations=sum(item.observations for item in requirements),
        requests=requests,
    )


def _by_outcome(items: list) -> dict[Outcome, int]:
    tally = Counter(item.outcome for item in items)
    return {outcome: tally[outcome] for outcome in Outcome}


def suite_digest() -> str:
    """SHA-256 over the checks, the library and the checklist, so that a report names what made it."""
    digest = hashlib.sha256()
    for name, file in suite_files().items():
        digest.update(name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def suite_files() -> dict[str, Path]:
    """The files that judge, by names that are the same in a clone and in an installed wheel, which mirrors it."""
    files = {f"checks/{file.relative_to(CHECKS).as_posix()}": file for file in CHECKS.rglob("*.py")}
    files |= {"conftest.py": HOME / "conftest.py", "config/checklist.yaml": CHECKLIST}
    own = set(PACKAGE.rglob("*.py")) - set(files.values())
    files |= {f"chimera_compliance/{file.relative_to(PACKAGE).as_posix()}": file for file in own}
    return dict(sorted(files.items()))
