"""The verdict in words, and beside it what the run does not show: no format tells one without the other."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from chimera_compliance.outcomes import Outcome
from chimera_compliance.results import RequirementResult, Results

_UNDECIDED = (Outcome.ERROR, Outcome.INCONCLUSIVE, Outcome.NOT_REVIEWED, Outcome.NOT_APPLICABLE)


def words(name: str) -> str:
    """An outcome or severity as it is spoken."""
    return str(name).replace("_", " ")


def number(count: int, noun: str) -> str:
    """``1 finding``, ``2,000 findings``."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def tally(counts: dict) -> str:
    """``2 critical, 5 high``, leaving out what there is none of."""
    return ", ".join(f"{count:,} {words(name)}" for name, count in counts.items() if count)


@dataclass(frozen=True)
class Headline:
    """`tone` is one of failed, undecided, passed."""

    title: str
    sentence: str
    tone: str


@dataclass(frozen=True)
class Gap:
    """Something the run does not show; `names` are ids of controls or requirements, `detail` says more of each."""

    sentence: str
    names: list[str]
    detail: dict[str, str] = field(default_factory=dict)


def headline(results: Results) -> Headline:
    """What the run says about the target."""
    controls, findings = results.counts.controls, results.counts.findings
    of_all = number(sum(controls.values()), "selected control" if results.run.controls_left_out else "control")
    interrupted = "The run was interrupted. " if results.run.interrupted else ""
    if results.verdict is Outcome.FAILED:
        found = f"{number(sum(findings.values()), 'finding')} ({tally(findings)})"
        where = f"in {controls[Outcome.FAILED]} of {of_all}."
        return Headline("Not compliant", f"{interrupted}{found} {where}", "failed")
    passed = f"{controls[Outcome.PASSED]} of {of_all} passed"
    if controls[Outcome.PASSED] and results.verdict.rank >= Outcome.NOT_APPLICABLE.rank:
        return Headline("Compliant in what was verified", f"{passed}; nothing was found.", "passed")
    return Headline("Not established", f"{interrupted}Nothing was found, but only {passed}.", "undecided")


def gaps(results: Results) -> list[Gap]:
    """What was not tested or could not be decided, the widest gap first."""
    return [*_left_out(results), *_controls(results), *_requirements(results), *_subjects(results)]


def _left_out(results: Results) -> Iterable[Gap]:
    left_out = results.run.controls_left_out
    if left_out:
        sentence = f"{number(len(left_out), 'control')} left out of this run"
        yield Gap(sentence, list(left_out))


def _controls(results: Results) -> Iterable[Gap]:
    counts = results.counts.controls
    for outcome in _UNDECIDED:
        if counts[outcome]:
            sentence = f"{counts[outcome]} of {number(sum(counts.values()), 'control')} {_ended(outcome)}"
            yield Gap(sentence, [control.id for control in results.controls if control.outcome is outcome])


def _requirements(results: Results) -> Iterable[Gap]:
    counts = results.counts.requirements
    for outcome in _UNDECIDED:
        if counts[outcome]:
            sentence = f"{counts[outcome]} of {number(sum(counts.values()), 'requirement')} {_ended(outcome)}"
            yield Gap(sentence, [item.id for item in requirements(results) if item.outcome is outcome])


def _ended(outcome: Outcome) -> str:
    return "ended in an error" if outcome is Outcome.ERROR else words(outcome)


def _subjects(results: Results) -> Iterable[Gap]:
    partly = {
        item.id: population(item) for item in requirements(results) if item.population and item.population.untested
    }
    if partly:
        yield Gap(f"{number(len(partly), 'requirement')} not tested on every known subject", list(partly), partly)


def requirements(results: Results) -> Iterable[RequirementResult]:
    """All requirements in the checklist's order."""
    return (item for control in results.controls for item in control.requirements)


def population(requirement: RequirementResult) -> str:
    """``14 of 17 operations tested``; empty where the check names no population."""
    known = requirement.population
    return f"{known.tested:,} of {known.known:,} {known.unit or 'subjects'} tested" if known else ""
