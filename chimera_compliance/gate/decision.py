"""The gate: from findings, waivers and policy to an exit code, with the reasons in words.

An order holds among what can be wrong: findings (1), an expired waiver (3), what could not be decided (2). Nothing
passes because nothing was looked at, whatever the policy tolerates.
"""

from collections import Counter
from collections.abc import Iterable

from chimera_compliance.errors import (
    EXIT_CLEAN,
    EXIT_EXPIRED_WAIVER,
    EXIT_FINDINGS,
    EXIT_INCOMPLETE,
    EXIT_INTERRUPTED,
)
from chimera_compliance.gate.waivers import Waivers
from chimera_compliance.outcomes import Outcome, Severity
from chimera_compliance.results import (
    ControlResult,
    Finding,
    Gate,
    Policy,
    RequirementResult,
    Results,
    Status,
    Tolerated,
    Waiver,
)

UNDECIDED = (Outcome.ERROR, Outcome.INCONCLUSIVE, Outcome.NOT_REVIEWED)
_TOLERATED = {
    "waived": "covered by a waiver",
    "below_threshold": "below the severity that blocks",
    "baseline": "known to the baseline",
}


def decide(results: Results, policy: Policy, waivers: Waivers, baseline: Results | None, broken: list[str]) -> Results:
    """The same results with waivers, tolerated findings, counts of both, the gate and the exit code.

    `broken` says what of the suite itself could not be loaded or is missing, which no policy tolerates.
    """
    accepted = {item.fingerprint: item.severity for item in baseline.findings} if baseline else {}
    for finding in results.findings:
        finding.waiver = waivers.of_finding(finding)
        finding.tolerated = _tolerated(finding, policy, accepted)
    for requirement in _requirements(results):
        requirement.waiver = waivers.of_requirement(requirement)
    _count_covered(results)
    results = results.model_copy(
        update={
            "waivers": waivers.waivers,
            "counts": _counts(results),
            "notes": [*results.notes, *(note for waiver in waivers.waivers if (note := _idle(waiver, results)))],
        }
    )
    gate = _gate(results, policy, broken)
    return results.model_copy(update={"gate": gate, "exit_code": gate.exit_code})


def _requirements(results: Results) -> Iterable[RequirementResult]:
    return (item for control in results.controls for item in control.requirements)


def _tolerated(finding: Finding, policy: Policy, accepted: dict[str, Severity]) -> Tolerated:
    if finding.waiver and not finding.waiver.expired:
        return "waived"
    if finding.severity.rank > policy.fail_on.rank:
        return "below_threshold"
    known = accepted.get(finding.fingerprint)
    return "baseline" if known and known.rank <= finding.severity.rank else ""


def _count_covered(results: Results) -> None:
    for finding in results.findings:
        if finding.waiver:
            finding.waiver.covers += 1
    for item in _requirements(results):
        if item.waiver and not item.findings:
            item.waiver.covers += 1


def _idle(waiver: Waiver, results: Results) -> str:
    """What is to be said of a waiver that covers nothing."""
    if waiver.covers:
        return ""
    found = next((item for item in _requirements(results) if item.id == waiver.requirement), None)
    state = f"it came out {found.outcome.value.replace('_', ' ')}" if found else "the run left it out"
    what = f" on {waiver.subject}" if waiver.subject != "*" else f" {waiver.fingerprint}".rstrip()
    return f"the waiver {waiver.source} of {waiver.requirement}{what} covers nothing in this run: {state}"


def _counts(results: Results):
    waived = Counter(finding.severity for finding in results.findings if finding.tolerated == "waived")
    statuses = Counter(finding.status for finding in results.findings)
    compared = results.previous is not None and results.previous.compared
    counted = {**{status: statuses[status] for status in Status}, Status.FIXED: len(results.fixed)} if compared else {}
    return results.counts.model_copy(
        update={"waived": {severity: waived[severity] for severity in Severity}, "statuses": counted}
    )


def _gate(results: Results, policy: Policy, broken: list[str]) -> Gate:
    blocking = [finding for finding in results.findings if not finding.tolerated]
    own = [finding for finding in blocking if finding.waiver is None]
    expired = _expired(results)
    undecided = [*broken, *_undecided(results, policy)]
    code = _code(results, own, expired, undecided)
    reasons = ["the run was interrupted"] if results.run.interrupted else []
    reasons += _by_severity(own)
    reasons += [_told(waiver) for waiver in expired]
    reasons += undecided
    return Gate(
        policy=policy,
        passed=code == EXIT_CLEAN,
        exit_code=code,
        reasons=reasons,
        tolerated=_let_through(results, policy),
    )


def _code(results: Results, own: list[Finding], expired: list[Waiver], undecided: list[str]) -> int:
    if results.run.interrupted:
        return EXIT_INTERRUPTED
    if own:
        return EXIT_FINDINGS
    if expired:
        return EXIT_EXPIRED_WAIVER
    return EXIT_INCOMPLETE if undecided else EXIT_CLEAN


def _by_severity(findings: list[Finding]) -> list[str]:
    """``2 critical, 5 high findings``, in one line; no line where there is none."""
    severities = Counter(finding.severity for finding in findings)
    told = ", ".join(f"{severities[severity]:,} {severity}" for severity in Severity if severities[severity])
    return [f"{told} finding{'s' * (len(findings) != 1)}"] if findings else []


def _expired(results: Results) -> list[Waiver]:
    """Expired waivers, but for those of controls that this run left out."""
    selected = {control.id for control in results.controls}
    return [waiver for waiver in results.waivers if waiver.expired and waiver.requirement[:3] in selected]


def _told(waiver: Waiver) -> str:
    return f"the waiver {waiver.source} of {waiver.requirement} ({waiver.owner}) expired on {waiver.expires}"


def _undecided(results: Results, policy: Policy) -> Iterable[str]:
    if not any(item.outcome is Outcome.PASSED for item in _requirements(results)):
        yield "no requirement passed: nothing shows that anything was looked at"
    for control in results.controls:
        if not control.requirements and policy.not_reviewed == "block":
            yield f"{control.id} not reviewed: {_first(control)}"
        for item in control.requirements:
            if why := _why_undecided(item, policy):
                yield f"{item.id} {why}"


def _why_undecided(item: RequirementResult, policy: Policy) -> str:
    """Why a requirement keeps the run from being complete; empty if it does not."""
    if not item.cases:
        return f"was not run: {_first(item)}"
    if item.waiver and not item.waiver.expired and item.outcome in UNDECIDED:
        return ""
    outcomes = {item.outcome, *item.case_outcomes.values()} if item.outcome is Outcome.FAILED else {item.outcome}
    forgiven = {Outcome.NOT_REVIEWED} if policy.not_reviewed == "allow" else set()
    for outcome in UNDECIDED:
        if outcome in outcomes - forgiven:
            return f"{outcome.value.replace('_', ' ')}: {_first(item)}"
    if item.outcome is Outcome.FAILED and item.population and item.population.untested:
        return f"not tested on {len(item.population.untested):,} of {item.population.known:,} {item.population.unit}"
    return ""


def _first(item: ControlResult | RequirementResult) -> str:
    return item.reasons[0] if item.reasons else "no reason was given"


def _let_through(results: Results, policy: Policy) -> list[str]:
    told = []
    for kind, words in _TOLERATED.items():
        found = [finding for finding in results.findings if finding.tolerated == kind]
        told += [f"{line} {words}" for line in _by_severity(found)]
    covered = [
        item.id for item in _requirements(results) if item.waiver and not item.waiver.expired and not item.findings
    ]
    if covered:
        told.append(f"{', '.join(covered)} undecided, covered by a waiver")
    if policy.not_reviewed == "allow" and (count := results.counts.requirements[Outcome.NOT_REVIEWED]):
        told.append(f"{count} requirement{'s' * (count != 1)} not reviewed")
    return told
