"""A case has passed only if something was observed and all of its population was decided."""

import pytest

from chimera_compliance import Inconclusive, Problem, reject
from chimera_compliance.coverage import Coverage
from chimera_compliance.outcomes import NotApplicable, NotReviewed, Outcome, Rejected, Severity, worst
from chimera_compliance.verdict import judge


def test_nothing_observed_is_never_a_pass():
    assert judge(None, Coverage(), observed=False)[0] is Outcome.INCONCLUSIVE


def test_observed_and_decided_is_a_pass():
    coverage = Coverage()
    coverage.tested("GET /a", ["GET /b"])
    assert judge(None, coverage, observed=False)[0] is Outcome.PASSED


def test_an_undecided_subject_is_named():
    coverage = Coverage()
    coverage.tested("GET /a")
    coverage.untested("GET /b", "answered 404 with and without a token")
    outcome, reasons, _ = judge(None, coverage, observed=True)
    assert outcome is Outcome.INCONCLUSIVE
    assert reasons == ["GET /b: answered 404 with and without a token"]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Inconclusive("why"), Outcome.INCONCLUSIVE),
        (NotReviewed("why"), Outcome.NOT_REVIEWED),
        (NotApplicable("why"), Outcome.NOT_APPLICABLE),
        (RuntimeError("why"), Outcome.ERROR),
        (AssertionError("why"), Outcome.FAILED),
    ],
)
def test_every_exception_has_an_outcome(error, outcome):
    assert judge(error, Coverage(), observed=True)[0] is outcome


def test_a_finding_stands_whatever_could_not_be_decided():
    coverage = Coverage()
    coverage.untested("GET /b", "no answer")
    assert judge(Rejected([Problem("GET /a", "is open")]), coverage, observed=True)[0] is Outcome.FAILED


def test_reject_makes_a_problem_of_each_offender():
    with pytest.raises(Rejected, match="GET /a is open") as caught:
        reject([Problem("GET /a", "is open"), Problem("GET /b", "is open")])
    assert [problem.subject for problem in caught.value.problems] == ["GET /a", "GET /b"]


def test_reject_lets_an_empty_list_pass():
    reject([], "is open")


def test_worst_decides():
    assert worst([Outcome.PASSED, Outcome.INCONCLUSIVE, Outcome.ERROR, Outcome.FAILED]) is Outcome.FAILED
    assert worst([Outcome.NOT_APPLICABLE, Outcome.PASSED]) is Outcome.NOT_APPLICABLE
    assert worst([]) is Outcome.NOT_REVIEWED
    assert Severity.CRITICAL.rank < Severity.LOW.rank
