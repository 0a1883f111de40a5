"""The words in which a check speaks: how a requirement can come out, and what is wrong where it fails."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Outcome(StrEnum):
    """How a requirement came out, worst first; a control is as bad as its worst requirement."""

    FAILED = "failed"
    ERROR = "error"
    INCONCLUSIVE = "inconclusive"
    NOT_REVIEWED = "not_reviewed"
    NOT_APPLICABLE = "not_applicable"
    PASSED = "passed"

    @property
    def rank(self) -> int:
        """0 for the worst outcome."""
        return list(Outcome).index(self)


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The outcome that decides; of none at all, *not reviewed*, for nothing was looked at."""
    return min(outcomes, key=lambda outcome: outcome.rank, default=Outcome.NOT_REVIEWED)


class Severity(StrEnum):
    """How much a finding matters, worst first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """0 for the worst severity."""
        return list(Severity).index(self)


class Inconclusive(Exception):
    """Nothing was observed that could decide the requirement, or its positive control failed."""


class NotReviewed(Exception):
    """The requirement could not be looked at here, and why: a missing facet, an unsupported call."""


class NotApplicable(Exception):
    """The target file declares, with a reason, that the requirement does not apply."""


class Evidence(Protocol):
    """What a probe hands to a check: a fact about one subject, kept as an observation."""

    @property
    def subject(self) -> str:
        """What the fact is about: ``POST /campaigns``, ``table public.agents``."""

    @property
    def actual(self) -> str:
        """What was seen, in a few words, free of secrets."""

    @property
    def observation(self) -> str:
        """The id of the observation that keeps the exchange; empty when there is none."""

    # A fact about a place in the repository has `file` and `line` as well, as `Problem` has.


@dataclass(frozen=True)
class Problem:
    """One subject that does not meet a requirement; the recorder makes a finding of it."""

    subject: str
    message: str
    expected: str = ""
    actual: str = ""
    observation: str = ""
    severity: Severity | None = None
    file: str = ""
    """Path within the repository, where the fault stands in a file; `line` begins at 1, and 0 is the whole file."""
    line: int = 0

    def __str__(self) -> str:
        return f"{self.subject} {self.message}" + (f" ({self.actual})" if self.actual else "")


class Rejected(AssertionError):
    """A requirement does not hold; carries its problems."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))


def reject(
    offenders: Iterable[Evidence | Problem],
    message: str = "",
    *,
    expected: str = "",
    severity: Severity | str | None = None,
) -> None:
    """Fail the check when anything offends, each offender becoming a finding of its own.

    ``message`` continues a sentence that begins with the subject: "admitted a request without a token".
    ``severity`` overrides the requirement's for these findings.

    Raises:
        Rejected: at least one offender.
    """
    weight = Severity(severity) if severity else None
    problems = [_problem(offender, message, expected, weight) for offender in offenders]
    if problems:
        raise Rejected(problems)


def _problem(offender: Evidence | Problem, message: str, expected: str, severity: Severity | None) -> Problem:
    if isinstance(offender, Problem):
        return offender
    place = {"file": getattr(offender, "file", ""), "line": getattr(offender, "line", 0)}
    return Problem(offender.subject, message, expected, offender.actual, offender.observation, severity, **place)
