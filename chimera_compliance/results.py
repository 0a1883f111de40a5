"""results.json: the canonical record of a run, from which every other format is derived.

The schema is versioned and published (`chimera-compliance schema results`); a reader refuses a major
version that it does not know.
"""

from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from chimera_compliance.outcomes import Outcome, Severity

SCHEMA_VERSION = "1.0"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ObservationRecord(_Model):
    """One thing sent and what came back, redacted."""

    id: str
    requirement: str
    time: str
    kind: str
    subject: str
    sent: dict[str, Any]
    received: dict[str, Any]
    digest: str = ""
    reproduce: str = ""


class Location(_Model):
    """A place in the target's repository."""

    file: str = Field(description="Path below the repository's root.")
    line: int = Field(0, description="From 1; 0 for the whole file.")


class Status(StrEnum):
    """What became of a finding since the previous run."""

    NEW = "new"
    REGRESSED = "regressed"
    STILL = "still"
    FIXED = "fixed"


class Waiver(_Model):
    """An accepted risk: who answers for it, and until when. It never hides what was found."""

    requirement: str
    fingerprint: str = Field("", description="The one finding that it covers; empty for what `subject` says.")
    subject: str = Field("*", description="A shell pattern of the subjects that it covers.")
    outcomes: list[Outcome] = Field([Outcome.FAILED], description="What it covers: findings, or what was not decided.")
    owner: str
    approver: str
    reason: str
    ticket: str
    approved: str = Field("", description="When, if the file says so.")
    expires: str = Field(description="ISO 8601 with its offset from UTC.")
    expired: bool = Field(description="By the clock of the run's start.")
    days_left: int = Field(description="Whole days from the run's start; negative once expired.")
    source: str = Field("", description="Name of the file and line.")
    covers: int = Field(0, description="How many findings and undecided requirements of this run it covers.")


Tolerated = Literal["", "waived", "below_threshold", "baseline"]


class Finding(_Model):
    """One subject that does not meet a requirement."""

    fingerprint: str = Field(description="Stable between runs: of requirement, subject and case.")
    requirement: str
    subject: str
    case: str = Field("", description="The parameter of the test, such as the forgery that was admitted.")
    message: str
    expected: str = ""
    actual: str = ""
    severity: Severity
    location: Location | None = None
    place: Location | None = Field(
        None, description="Where a file describes its subject, if it has no location: below the working directory."
    )
    evidence: ObservationRecord | None = None
    status: Literal[Status.NEW, Status.STILL, Status.REGRESSED] | None = Field(
        None, description="Null where there is no previous run to compare with."
    )
    since: str = Field("", description="Start of the first run in a row that had it; empty without a previous run.")
    first_look: bool = Field(False, description="It is new, but the previous run had not looked at its subject.")
    waiver: Waiver | None = None
    tolerated: Tolerated = Field("", description="Why the gate does not count it; empty if it does.")


class PastFinding(_Model):
    """A finding of an earlier run that this run does not have."""

    fingerprint: str
    requirement: str
    subject: str
    case: str = ""
    message: str = ""
    severity: Severity
    since: str = ""
    reason: str = Field("", description="How this run knows that it is gone, or why it cannot know.")


class Untested(_Model):
    """A member of the population that was not decided, and why."""

    subject: str
    reason: str


class Population(_Model):
    """How many subjects there are and how many of them were tested."""

    unit: str = ""
    known: int = 0
    tested: int = 0
    subjects: list[str] = Field([], description="The names of those that were tested.")
    untested: list[Untested] = []


class RequirementResult(_Model):
    """One sentence of the checklist and how it came out."""

    id: str
    sentence: str
    severity: Severity
    remediation: str = ""
    references: dict[str, list[str]] = {}
    test: str
    facets: list[str] = []
    outcome: Outcome
    reasons: list[str] = Field([], description="Why it is not passed or failed; one line each.")
    cases: int = Field(0, description="How many test cases were run for it.")
    case_outcomes: dict[str, Outcome] = Field({}, description="How each case came out; one without a name is ``.")
    started: str = Field("", description="When its first case began; empty if none was run.")
    seconds: float = 0.0
    observations: int = 0
    samples: list[ObservationRecord] = Field([], description="A few of the observations, for the reader.")
    population: Population | None = None
    findings: list[Finding] = []
    waiver: Waiver | None = Field(None, description="One that covers the requirement as a whole.")


class ControlResult(_Model):
    """One item of ADR-005's checklist and how it came out."""

    id: str
    title: str
    clause: str
    references: dict[str, list[str]] = {}
    outcome: Outcome
    reasons: list[str] = Field([], description="Why the control is not reviewed, where no requirement says it.")
    seconds: float = 0.0
    requirements: list[RequirementResult] = []


class Counts(_Model):
    """Every number a report shows; all formats take them from here."""

    controls: dict[Outcome, int]
    requirements: dict[Outcome, int]
    findings: dict[Severity, int] = Field(description="All of them, those that a waiver covers too.")
    waived: dict[Severity, int] = Field({}, description="Those of `findings` that a waiver in force covers.")
    statuses: dict[Status, int] = Field({}, description="Empty where there is no previous run to compare with.")
    observations: int
    requests: int


class RunInfo(_Model):
    """What was run, against what, when and with which inputs."""

    id: str
    started: str
    finished: str
    seconds: float
    suite_version: str
    suite_digest: str = Field(description="SHA-256 over checks, library and checklist.")
    python: str
    target: str
    target_digest: str
    target_file: str = Field("", description="Its path below the working directory, or its name if it lies elsewhere.")
    checklist_digest: str
    controls_selected: list[str]
    controls_left_out: dict[str, str] = Field({}, description="Id and title of each control not selected.")
    interrupted: bool = False


class PreviousRun(_Model):
    """The run that findings are compared with."""

    run: str = ""
    started: str = ""
    results_digest: str = Field("", description="SHA-256 of its results.json.")
    target: str = ""
    target_digest: str = ""
    suite_version: str = ""
    compared: bool = True
    reason: str = Field("", description="Why it could not be compared with.")


class Policy(_Model):
    """What the gate lets through, as the target file and the command line say."""

    fail_on: Severity = Field(Severity.LOW, description="Findings of this severity and worse block.")
    not_reviewed: Literal["block", "allow"] = Field("block", description="Requirements that were not reviewed.")
    baseline: str = Field("", description="Name of the results.json whose findings do not block.")
    baseline_digest: str = Field("", description="SHA-256 of it.")


class Gate(_Model):
    """Whether this run may pass, and why."""

    policy: Policy = Policy()
    passed: bool
    exit_code: int = Field(description="That of the run.")
    reasons: list[str] = Field([], description="Why it is blocked; one line each.")
    tolerated: list[str] = Field([], description="What did not block although it is not right; one line each.")


class Results(_Model):
    """The whole of one run."""

    schema_version: Literal["1.0"] = SCHEMA_VERSION
    run: RunInfo
    verdict: Outcome
    exit_code: int
    counts: Counts
    controls: list[ControlResult]
    gate: Gate | None = None
    waivers: list[Waiver] = Field([], description="Every waiver that was given, those that cover nothing too.")
    previous: PreviousRun | None = None
    fixed: list[PastFinding] = Field([], description="Findings of the previous run, looked at again and gone.")
    not_retested: list[PastFinding] = Field([], description="Findings of the previous run that nobody looked at again.")
    fixed_before: dict[str, str] = Field(
        {}, description="Fingerprints once found and gone since, with the run that first missed them."
    )
    notes: list[str] = Field(
        [], description="What the run has to say beside its findings, such as what was left behind."
    )

    @property
    def findings(self) -> list[Finding]:
        """All findings, the most severe first, then in checklist order."""
        found = [
            finding
            for control in self.controls
            for requirement in control.requirements
            for finding in requirement.findings
        ]
        return sorted(found, key=lambda finding: finding.severity.rank)
