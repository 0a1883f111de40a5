"""NEW, STILL, FIXED or REGRESSED: what became of each finding since the run before.

A finding that is not there any more is *fixed* only if its requirement was decided again, in the same case and on the
same subject. Everything else was not tested again, stays open, and is carried on from run to run, as is the memory of
what was fixed, without which nothing could be seen to come back.
"""

from collections.abc import Iterable

from chimera_compliance.gate.past import Past
from chimera_compliance.outcomes import Outcome
from chimera_compliance.results import Finding, PastFinding, RequirementResult, Results, Status

_DECIDED = (Outcome.PASSED, Outcome.FAILED)
Requirements = dict[str, RequirementResult]


def compare(results: Results, past: Past) -> Results:
    """The same results with the status of each finding, and what of the run before is fixed or was not tested again."""
    if past.results is None:
        note = f"not compared with the previous run: {past.about.reason}"
        return results.model_copy(update={"previous": past.about, "notes": [*results.notes, note]})
    before = past.results
    known = {item.fingerprint: item for item in _open(before)}
    once_fixed = {**before.fixed_before, **{item.fingerprint: before.run.id for item in before.fixed}}
    earlier, now = _requirements(before), _requirements(results)
    for finding in results.findings:
        _set_status(finding, known, once_fixed, results.run.started)
        finding.first_look = finding.status is Status.NEW and not _looked_at(finding, earlier.get(finding.requirement))
    present = {finding.fingerprint for finding in results.findings}
    gone = [item for item in known.values() if item.fingerprint not in present]
    judged = [(item, *_retested(item, earlier.get(item.requirement), now.get(item.requirement))) for item in gone]
    return results.model_copy(
        update={
            "previous": past.about,
            "fixed": [item.model_copy(update={"reason": why}) for item, again, why in judged if again],
            "not_retested": [item.model_copy(update={"reason": why}) for item, again, why in judged if not again],
            "fixed_before": {mark: run for mark, run in once_fixed.items() if mark not in present},
        }
    )


def _open(before: Results) -> Iterable[PastFinding]:
    """What the previous run left open: its findings, and those that it could not test again itself."""
    for finding in before.findings:
        yield PastFinding(
            fingerprint=finding.fingerprint,
            requirement=finding.requirement,
            subject=finding.subject,
            case=finding.case,
            message=finding.message,
            severity=finding.severity,
            since=finding.since or before.run.started,
        )
    yield from before.not_retested


def _requirements(results: Results) -> Requirements:
    return {item.id: item for control in results.controls for item in control.requirements}


def _set_status(finding: Finding, known: dict[str, PastFinding], once_fixed: dict[str, str], started: str) -> None:
    if finding.fingerprint in known:
        finding.status, finding.since = Status.STILL, known[finding.fingerprint].since
    else:
        finding.status = Status.REGRESSED if finding.fingerprint in once_fixed else Status.NEW
        finding.since = started


def _looked_at(finding: Finding, earlier: RequirementResult | None) -> bool:
    """Whether the previous run could have had this finding."""
    if earlier is None or earlier.case_outcomes.get(finding.case) not in _DECIDED:
        return False
    untested = earlier.population.untested if earlier.population else []
    return finding.subject not in {item.subject for item in untested}


def _retested(item: PastFinding, earlier: RequirementResult | None, now: RequirementResult | None) -> tuple[bool, str]:
    """Whether a finding that is gone was really looked at again, and how that is known."""
    if now is None:
        return False, "the run left its control out, or the suite has no such requirement any more"
    outcome = now.case_outcomes.get(item.case)
    if outcome is None:
        return False, "its case was not run" if now.cases else "its requirement was not run"
    if outcome not in _DECIDED:
        return False, f"its requirement came out {outcome.value.replace('_', ' ')}"
    return _subject_retested(item, earlier, now, outcome)


def _subject_retested(
    item: PastFinding, earlier: RequirementResult | None, now: RequirementResult, outcome: Outcome
) -> tuple[bool, str]:
    population = now.population
    if population and (reason := {each.subject: each.reason for each in population.untested}.get(item.subject)):
        return False, f"it could not be tested: {reason}"
    if population and item.subject in population.subjects:
        return True, "tested again and right"
    if earlier and earlier.population and item.subject in earlier.population.subjects:
        return (
            False,
            f"this run knows no such member of the {population.unit or 'subjects' if population else 'subjects'}",
        )
    if outcome is Outcome.PASSED:
        return True, "its requirement passed"
    return False, "its requirement fails elsewhere, and does not say that it looked at this subject"
