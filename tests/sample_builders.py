"""The parts of which results for the tests of reports are built, as probes and recorder really leave them."""

import hashlib
from collections import Counter
from functools import cache

from chimera_compliance.checklist import Checklist
from chimera_compliance.outcomes import Outcome, Severity, worst
from chimera_compliance.results import (
    ControlResult,
    Counts,
    Finding,
    ObservationRecord,
    Population,
    RequirementResult,
    Results,
    RunInfo,
    Untested,
)

OPERATIONS = [
    "POST /campaigns",
    "GET /campaigns",
    "PATCH /campaigns/{campaign_id}",
    "GET /fleet/status",
    "GET /hitl/queue",
    "POST /hitl/reviews/{review_id}/decision",
    "POST /commerce/transactions",
    "GET /commerce/wallets/{agent_id}/balance",
    "GET /content",
]
_FURTHER = ["GET /metrics", "POST /trends/fetch", *(f"GET /further/{number}" for number in range(6))]
FAILED, ERROR, INCONCLUSIVE, NOT_REVIEWED, NOT_APPLICABLE, PASSED = Outcome


def exchange(subject: str, status: str, number: int, requirement: str = "C03.2", note: str = "alg none"):
    """An HTTP observation with its answer."""
    method, path = subject.split(" ", 1)
    body = '{"id":"9b1c7f52-3d0e-4d0a-9a53-0f4b6d1b5f1e","status":"active","budget_usdc":"250.00"}'
    return ObservationRecord(
        id=f"O{number:05d}",
        requirement=requirement,
        time="2026-11-23T20:41:07.318+00:00",
        kind="http",
        subject=subject,
        sent={
            "method": method,
            "url": f"https://chimera.staging.example/api/v1{path}",
            "headers": ["Authorization: Bearer $ALICE_TOKEN", "X-Compliance-Run: 20261123T204101Z-4f19ac"],
            "note": note,
        },
        received={
            "status": status,
            "headers": ["content-type: application/json", "x-ratelimit-remaining: 87"],
            "body": body,
            "seconds": 0.0041,
        },
        digest=hashlib.sha256(body.encode()).hexdigest(),
        reproduce=f"curl -sS -i -X {method} 'https://chimera.staging.example/api/v1{path}' "
        "-H \"Authorization: Bearer $ALICE_TOKEN\" --data-binary '{}'",
    )


def statement(subject: str, sql: str, rows: list, number: int, requirement: str = "C04.1"):
    """An SQL observation with its rows."""
    return ObservationRecord(
        id=f"O{number:05d}",
        requirement=requirement,
        time="2026-11-23T20:41:11.902+00:00",
        kind="sql",
        subject=subject,
        sent={"role": "chimera_app", "setting": "app.current_tenant_id = $BOB_TENANT", "sql": sql},
        received={"rows": rows},
        digest=hashlib.sha256(sql.encode()).hexdigest(),
        reproduce=f'psql "$CHIMERA_DSN" -c "BEGIN; {sql}; ROLLBACK"',
    )


def finding(requirement: str, severity: str, subject: str, message: str, evidence=None, **facts: str) -> Finding:
    """A finding with a fingerprint of its own."""
    name = hashlib.sha256(f"{requirement}{subject}{facts}{message}".encode()).hexdigest()[:16]
    return Finding(
        fingerprint=name,
        requirement=requirement,
        severity=Severity(severity),
        subject=subject,
        message=message,
        evidence=evidence,
        **facts,
    )


def requirement(
    name: str, sentence: str, outcome: Outcome = PASSED, severity: str = "high", remediation: str = "", **facts
) -> RequirementResult:
    """A requirement that has been run."""
    return RequirementResult(
        id=name,
        sentence=sentence,
        severity=Severity(severity),
        remediation=remediation or "Do what the sentence says, for every operation, in one place of the stack.",
        test=f"test_{name.replace('.', '_').lower()}",
        outcome=outcome,
        **{"facets": ["api"], "cases": 1, "seconds": 0.42, "observations": 17, **facts},
    )


def operations(untested: tuple[str, ...] = (), reason: str = "") -> Population:
    """17 operations, but for those named."""
    left = [Untested(subject=subject, reason=reason) for subject in untested]
    tested = [subject for subject in [*OPERATIONS, *_FURTHER] if subject not in untested]
    return Population(unit="operations", known=17, tested=len(tested), subjects=tested, untested=left)


@cache
def _checklist() -> Checklist:
    return Checklist.load()


def of(verified: dict[str, list[RequirementResult]], *, selected: list[str] | None = None, **facts) -> Results:
    """Results of the checklist's controls; those not in `verified` have no requirements."""
    listed = _checklist().controls
    controls = [_control(item, verified.get(item.id, [])) for item in listed if selected is None or item.id in selected]
    left_out = {item.id: item.title for item in listed if selected is not None and item.id not in selected}
    verdict = worst(control.outcome for control in controls)
    counts = _counts(controls)
    complete = verdict in (NOT_APPLICABLE, PASSED) and counts.requirements[PASSED] > 0
    run = {
        "id": "20261123T204101Z-4f19ac",
        "started": "2026-11-23T20:41:01+00:00",
        "finished": "2026-11-23T20:41:13+00:00",
        "seconds": 11.84,
        "suite_version": "0.1.0",
        "suite_digest": "a3f1" * 16,
        "python": "3.11.2",
        "target": "Chimera staging",
        "target_digest": "07be" * 16,
        "checklist_digest": "5c2d" * 16,
        "controls_selected": [control.id for control in controls],
        "controls_left_out": left_out,
    }
    return Results(
        run=RunInfo(**{**run, **facts.pop("run", {})}),
        verdict=verdict,
        exit_code=1 if verdict is FAILED else 0 if complete else 2,
        counts=counts,
        controls=controls,
        **facts,
    )


def _control(item, requirements: list[RequirementResult]) -> ControlResult:
    return ControlResult(
        id=item.id,
        title=item.title,
        clause=item.clause,
        references=item.references,
        outcome=worst(each.outcome for each in requirements),
        reasons=[] if requirements else ["this version of the suite has no check for it"],
        seconds=sum(each.seconds for each in requirements),
        requirements=[each.model_copy(update={"references": item.references}) for each in requirements],
    )


def _counts(controls: list[ControlResult]) -> Counts:
    requirements = [each for control in controls for each in control.requirements]
    severities = Counter(finding.severity for each in requirements for finding in each.findings)
    return Counts(
        controls={outcome: sum(control.outcome is outcome for control in controls) for outcome in Outcome},
        requirements={outcome: sum(each.outcome is outcome for each in requirements) for outcome in Outcome},
        findings={severity: severities[severity] for severity in Severity},
        observations=sum(each.observations for each in requirements),
        requests=sum(each.observations for each in requirements if "api" in each.facets),
    )
