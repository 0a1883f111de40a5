"""Results as runs really leave them, for looking at reports: three controls verified, nine not reviewed."""

from sample_builders import (
    ERROR,
    FAILED,
    INCONCLUSIVE,
    NOT_APPLICABLE,
    OPERATIONS,
    exchange,
    finding,
    of,
    operations,
    requirement,
    statement,
)

from chimera_compliance.gate.comparison import compare
from chimera_compliance.gate.decision import decide
from chimera_compliance.gate.past import Past
from chimera_compliance.gate.waivers import Waivers
from chimera_compliance.results import (
    Finding,
    Location,
    Policy,
    Population,
    PreviousRun,
    RequirementResult,
    Results,
    Untested,
    Waiver,
)

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
            FAILED,
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
            INCONCLUSIVE,
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
            FAILED,
            "medium",
            JWT_FIX,
            population=operations(),
            findings=crashed,
            cases=4,
            observations=68,
        ),
        requirement("C03.6", "A role that is not admitted is refused.", population=operations()),
        requirement(
            "C03.7",
            "A refresh token opens nothing.",
            NOT_APPLICABLE,
            "medium",
            reasons=["the stack issues no refresh tokens"],
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
            FAILED,
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
            FAILED,
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
            INCONCLUSIVE,
            "high",
            facets=["db"],
            reasons=["the application pools no connection, so that nothing could be seen twice"],
        ),
        requirement(
            "C04.5",
            "No view shows the rows of another tenant.",
            ERROR,
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
            FAILED,
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
            FAILED,
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


def realistic() -> Results:
    """Findings in three controls, some requirements undecided, nine controls not reviewed."""
    return of(
        {"C03": _c03(), "C04": _c04(), "C12": _c12()},
        notes=["2 campaigns made for the tenant $ALICE_TENANT could not be removed: the API has no operation for it."],
    )


def eventful() -> Results:
    """The same with a run before it, waivers in force and expired, places in files, and a gate."""
    before = realistic()
    before.run.id, before.run.started = "20261122T204101Z-77aa01", "2026-11-22T20:41:01+00:00"
    gone = {item.id: item for control in before.controls for item in control.requirements}
    gone["C12.4"].findings.append(
        finding("C12.4", "low", "GET /metrics", "has a short max-age", expected="31536000 s or more", actual="60")
    )
    gone["C12.4"].case_outcomes = gone["C12.1"].case_outcomes = {"": FAILED}
    gone["C12.1"].findings.pop()
    gone["C03.2"].findings.pop()
    before.fixed_before = {_of(realistic(), "C03.2")[-1].fingerprint: "20261101T204101Z-000001"}
    now = realistic()
    for item in (item for control in now.controls for item in control.requirements):
        item.case_outcomes = {each.case: FAILED for each in item.findings} or {"": item.outcome}
        item.started = "2026-11-23T20:41:02.5+00:00"
        for each in item.findings[:1]:
            each.location = Location(file="src/chimera/api/guard.py", line=41)
    compared = compare(now, Past(PreviousRun(run=before.run.id, started=before.run.started), before))
    return decide(compared, Policy(), Waivers(_waivers()), None, [])


def _of(results: Results, name: str) -> list[Finding]:
    return [each for each in results.findings if each.requirement == name]


def _waivers() -> list[Waiver]:
    people = {"owner": "ada@example.com", "approver": "grace@example.com", "ticket": "SEC-412"}
    why = {"reason": "The table moves to a schema of its own in January.", "approved": "2026-10-01T09:00:00+00:00"}
    until = {"expires": "2026-12-03T23:59:59+01:00", "expired": False, "days_left": 10}
    over = {"expires": "2026-11-20T00:00:00+00:00", "expired": True, "days_left": -4}
    return [
        Waiver(requirement="C04.2", **people, **why, **until, source="waivers.yaml:2"),
        Waiver(requirement="C12.1", subject="GET /content*", **people, **why, **over, source="waivers.yaml:9"),
        Waiver(requirement="C03.4", outcomes=[INCONCLUSIVE], **people, **why, **until, source="waivers.yaml:16"),
        Waiver(requirement="C12.2", **people, **why, **until, source="waivers.yaml:24"),
    ]


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
    return of(
        {"C03": [requirement("C03.2", "A forged token is refused.", FAILED, "critical", JWT_FIX, findings=found)]}
    )


def hostile(results: Results, text: str) -> Results:
    """The same results with `text` after every text that is not of a closed set."""
    return Results.model_validate(_tainted(results.model_dump(mode="json"), text))


def _tainted(value, text: str):
    closed = {"outcome", "severity", "verdict", "schema_version", "counts", "status", "tolerated", "case_outcomes"}
    closed |= {"outcomes", "fail_on", "not_reviewed"}
    match value:
        case dict():
            return {name: item if name in closed else _tainted(item, text) for name, item in value.items()}
        case list():
            return [_tainted(item, text) for item in value]
        case str():
            return value + text
    return value
