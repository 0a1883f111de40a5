"""From what a check did to its outcome: the only place where exceptions become outcomes."""

from typing import Any

import pytest

from chimera_compliance.coverage import Coverage
from chimera_compliance.outcomes import (
    Inconclusive,
    NotApplicable,
    NotReviewed,
    Outcome,
    Problem,
    Rejected,
)

_SAYS_WHY = {
    Inconclusive: Outcome.INCONCLUSIVE,
    NotReviewed: Outcome.NOT_REVIEWED,
    NotApplicable: Outcome.NOT_APPLICABLE,
    pytest.skip.Exception: Outcome.NOT_REVIEWED,
}


def judge(
    error: BaseException | None, coverage: Coverage, *, observed: bool
) -> tuple[Outcome, list[str], list[Problem]]:
    """The outcome of one test case, the reasons for it, and its problems.

    A case that ends without an error has passed only if something was observed and all of its
    population was decided.
    """
    match error:
        case None:
            return _without_error(coverage, observed)
        case Rejected():
            return Outcome.FAILED, [], error.problems
        case AssertionError():
            return Outcome.FAILED, [], [Problem("the stack", first_line(error))]
    for kind, outcome in _SAYS_WHY.items():
        if isinstance(error, kind):
            return outcome, [first_line(error)], []
    return Outcome.ERROR, [f"{type(error).__name__}: {first_line(error)}"], []


def _without_error(coverage: Coverage, observed: bool) -> tuple[Outcome, list[str], list[Problem]]:
    if coverage.undecided:
        return Outcome.INCONCLUSIVE, [f"{name}: {reason}" for name, reason in coverage.undecided.items()], []
    if not observed and not coverage.decided:
        return Outcome.INCONCLUSIVE, ["nothing was observed"], []
    return Outcome.PASSED, [], []


def first_line(error: BaseException) -> str:
    """What an exception says, without its details."""
    message: Any = getattr(error, "msg", None) or str(error)
    return next(iter(str(message).strip().splitlines()), type(error).__name__)
