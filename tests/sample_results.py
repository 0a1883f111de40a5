"""Results as runs really leave them, for looking at reports: three controls verified, nine not reviewed."""

import hashlib
from collections import Counter

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

F, E, I, N, A, P = Outcome  # noqa: E741
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
SQL_FIX = """Force row-level security, so that the owner is bound as well, and check rows on their way in.

```sql
ALTER TABLE agents ENABLE ROW LEVEL SECURITY;
ALTER TABLE agents FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON agents
  USING (tenant_id = current_setting('app.current_tenant_id')::uuid)
  WITH CHECK (tenant_id = current_setting('app.current_tenant_id')::uuid);
```
"""
JWT_FIX = """Name the algorithms that the issuer signs with; never read them from the token.

    payload = jwt.decode(
        token, SIGNING_KEY, algorithms=["HS256"],
        issuer="chimera", audience="chimera-api",
        options={"require": ["exp", "sub", "tenant_id", "role"]},
    )

Answer 401 to everything that `jwt.decode` raises, `InvalidTokenError` being the base of it all.
"""


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
    name: str, sentence: str, outcome: Outcome = P, severity: str = "high", remediation: str = "", **facts
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
    return Population(unit="operations", known=17, tested=17 - len(left), untested=left)


def _c03() -> list[RequirementResult]:
    admitted = "admitted a token that nobody signed"
    forged = [
        finding(
            "C03.2",
            "critical",
            subject,
            admitted,
            exchange(subject, status, 31 + i),
            case="alg-none",
            expected="401 or 403",
            actual=status,
        )
        for i, (subject, status) in enumerate(
            [
                ("POST /commerce/transactions", "201 Created"),
                ("GET /commerce/wallets/{agent_id}/balance", "200 OK"),
                ("POST /campaigns", "201 Created"),
            ]
        )
    ]
    crashed = [
        finding(
            "C03.5",
            "medium",
            subject,
            "failed on a token without a claim instead of refusing it",
            exchange(subject, "500 Internal Server Error", 90 + i, "C03.5", "no tenant_id"),
            case=case,
            expected="401",
            actual="500 Internal Server Error",
        )
        for i, (subject, case) in enumerate(
            [
                ("GET /fleet/status", "no-tenant_id"),
                ("GET /fleet/status", "no-role"),
                ("POST /campaigns", "no-tenant_id"),
            ]
        )
    ]
    sample = [
        exchange(subject, "401 Unauthorized", 5 + i, "C03.1", "no token") for i, subject in enumerate(OPERATIONS[:3])
    ]
    left = ("GET /metrics", "POST /trends/fetch")
    return [
        requirement(
            "C03.1",
            "An operation that needs a credential refuses a request without one.",
            samples=sample,
            population=operations(),
            severity="critical",
        ),
        requirement(
            "C03.2",
            "A token whose signature does not verify is refused.",
            F,
            "critical",
            JWT_FIX,
            population=operations(),
            findings=forged,
            cases=9,
            observations=153,
        ),
        requirement(
            "C03.3", "An expired token is refused, with no more leeway than a minute.", population=operations()
        ),
        requirement(
            "C03.4",
            "A token of the wrong issuer or audience is refused.",
            I,
            "high",
            reasons=[
                "GET /metrics: the positive control answered 503",
                "POST /trends/fetch: the positive control answered 503",
            ],
            population=operations(left, "the positive control answered 503"),
        ),
        requirement(
            "C03.5",
            "A token that lacks a claim is refused, not crashed on.",
            F,
            "medium",
            JWT_FIX,
            population=operations(),
            findings=crashed,
            cases=4,
            observations=68,
        ),
        requirement("C03.6", "A role that is not admitted is refused.", population=operations()),
        requirement(
            "C03.7", "A refresh token opens nothing.", A, "medium", reasons=["the stack issues no refresh tokens"]
        ),
    ]


def _c04() -> list[RequirementResult]:
    read = "SELECT count(*) FROM agents WHERE tenant_id <> current_setting('app.current_tenant_id')::uuid"
    tables = Population(
        unit="tables",
        known=9,
        tested=8,
        untested=[Untested(subject="public.video_metadata", reason="the catalog login may not read it")],
    )
    return [
        requirement(
            "C04.1",
            "No tenant reads a row of another tenant.",
            F,
            "critical",
            SQL_FIX,
            facets=["db"],
            population=tables,
            findings=[
                finding(
                    "C04.1",
                    "critical",
                    "table public.agents",
                    "shows the rows of another tenant",
                    statement("table public.agents", read, [{"count": 4}], 212),
                    expected="0 rows",
                    actual="4 rows",
                )
            ],
        ),
        requirement(
            "C04.2",
            "Row-level security binds the owner of the table as well (`FORCE`).",
            F,
            "high",
            SQL_FIX,
            facets=["db"],
            population=tables,
            findings=[
                finding(
                    "C04.2",
                    "high",
                    f"table public.{name}",
                    "does not bind its owner",
                    expected="relforcerowsecurity",
                    actual="row-level security enabled, not forced",
                )
                for name in ("agents", "wallets", "transactions")
            ],
        ),
        requirement("C04.3", "A connection without a tenant sees nothing.", facets=["db"], population=tables),
        requirement(
            "C04.4",
            "The setting does not outlive its transaction.",
            I,
            "high",
            facets=["db"],
            reasons=["the application pools no connection, so that nothing could be seen twice"],
        ),
        requirement(
            "C04.5",
            "No view shows the rows of another tenant.",
            E,
            "high",
            facets=["db"],
            reasons=["InsufficientPrivilege: permission denied for view agent_overview"],
        ),
    ]


def _c12() -> list[RequirementResult]:
    lacks = [
        finding(
            "C12.1",
            "medium",
            subject,
            "has no Content-Security-Policy",
            exchange(subject, "200 OK", 300 + i, "C12.1", "as alice"),
            expected="default-src 'none'",
            actual="no header",
        )
        for i, subject in enumerate(OPERATIONS)
    ]
    return [
        requirement(
            "C12.1",
            "Every response carries a Content-Security-Policy that allows no script.",
            F,
            "medium",
            "Set it in a middleware, so that errors carry it too.\n\n"
            "    response.headers[\"Content-Security-Policy\"] = \"default-src 'none'; frame-ancestors 'none'\"",
            population=operations(),
            findings=lacks,
        ),
        requirement("C12.2", "No page can be framed.", population=operations()),
        requirement("C12.3", "Every response says `nosniff`.", population=operations()),
        requirement(
            "C12.4",
            "HTTPS answers carry Strict-Transport-Security of a year.",
            F,
            "low",
            population=operations(),
            findings=[
                finding(
                    "C12.4",
                    "low",
                    "GET /health",
                    "has a short max-age",
                    exchange("GET /health", "200 OK", 401, "C12.4", ""),
                    expected="31536000 s or more",
                    actual="max-age=86400",
                )
            ],
        ),
    ]


def of(verified: dict[str, list[RequirementResult]], *, selected: list[str] | None = None, **facts) -> Results:
    """Results of the checklist's controls; those not in `verified` have no requirements."""
    listed = Checklist.load().controls
    controls = [_control(item, verified.get(item.id, [])) for item in listed if selected is None or item.id in selected]
    left_out = {item.id: item.title for item in listed if selected is not None and item.id not in selected}
    verdict = worst(control.outcome for control in controls)
    counts = _counts(controls)
    complete = verdict in (A, P) and counts.requirements[P] > 0
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
        exit_code=1 if verdict is F else 0 if complete else 2,
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


def realistic() -> Results:
    """Findings in three controls, some requirements undecided, nine controls not reviewed."""
    return of(
        {"C03": _c03(), "C04": _c04(), "C12": _c12()},
        notes=["2 campaigns made for the tenant $ALICE_TENANT could not be removed: the API has no operation for it."],
    )


def green() -> Results:
    """Three controls selected, all of them passed."""
    verified = {
        name: [requirement(f"{name}.{i}", "It holds.", population=operations()) for i in (1, 2, 3)]
        for name in ("C03", "C04", "C12")
    }
    return of(verified, selected=list(verified))


def many(count: int) -> Results:
    """So many findings, over operations and forgeries, in one requirement and two severities."""
    found = []
    for i in range(count):
        subject = f"GET /agents/{{agent_id}}/posts/{i // 9}"
        severity = "critical" if i % 3 else "low"
        found.append(
            finding(
                "C03.2",
                severity,
                subject,
                "admitted a forged token",
                exchange(subject, "200 OK", i),
                case=f"forgery-{i % 9}",
                expected="401 or 403",
                actual="200 OK",
            )
        )
    found.sort(key=lambda each: each.severity.rank)
    return of({"C03": [requirement("C03.2", "A forged token is refused.", F, "critical", JWT_FIX, findings=found)]})
