"""results.json: the canonical record of a run, from which every other format is derived.

The schema is versioned and published (`chimera-compliance schema results`); a reader refuses a major
version that it does not know.
"""

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
    evidence: ObservationRecord | None = None


class Untested(_Model):
    """A member of the population that was not decided, and why."""

    subject: str
    reason: str


class Population(_Model):
    """How many subjects there are and how many of them were tested."""

    unit: str = ""
    known: int = 0
    tested: int = 0
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
    seconds: float = 0.0
    observations: int = 0
    samples: list[ObservationRecord] = Field([], description="A few of the observations, for the reader.")
    population: Population | None = None
    findings: list[Finding] = []


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
    findings: dict[Severity, int]
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
    checklist_digest: str
    controls_selected: list[str]
    controls_left_out: dict[str, str] = Field({}, description="Id and title of each control not selected.")
    interrupted: bool = False


class Results(_Model):
    """The whole of one run."""

    schema_version: Literal["1.0"] = SCHEMA_VERSION
    run: RunInfo
    verdict: Outcome
    exit_code: int
    counts: Counts
    controls: list[ControlResult]
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
