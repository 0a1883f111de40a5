"""Results of every shape that a run could leave, with hostile text in every place that a target can write to."""

import hashlib

import sample_builders
from hypothesis import strategies as st

from chimera_compliance.gate.decision import decide
from chimera_compliance.gate.waivers import Waivers
from chimera_compliance.outcomes import Outcome, Severity
from chimera_compliance.results import (
    Finding,
    Location,
    PastFinding,
    Policy,
    Population,
    PreviousRun,
    RequirementResult,
    Results,
    Status,
    Untested,
    Waiver,
)

NASTY = [
    '=HYPERLINK("http://evil.example","x")',
    "+1+1",
    "-2",
    "@SUM(A1)",
    "\t=1",
    "\uff1d1",
    "|cmd' /C calc'!A0",
    "a\r\nb",
    "` @octocat #1 ![x](https://evil.example/p.png) <img src=x onerror=alert(1)>",
    "``` | a | b |",
    "[click](javascript:alert(1))",
    "https://evil.example www.evil.example evil@evil.example GH-1 deadbeef1",
    "]]></failure><x>\x00\x1b[31m\u202e\ud800\ufffe",
    "{{7*7}} ${{ github.token }} ::error::x\n::set-output name=a::b",
    "</script><script>",
    "",
    " ",
    "é 東京 עברית 😀",
    "$(id) `id` \\",
]
TEXT = st.one_of(
    st.sampled_from(NASTY), st.text(max_size=40), st.text("|`[](){}<>@#!*_~&=+-\\\"'\r\n\t a1", max_size=40)
)
CONTROLS = ["C03", "C04", "C12"]


@st.composite
def findings(draw, requirement: str) -> list[Finding]:
    found = [draw(finding(requirement, number)) for number in range(draw(st.integers(1, 6)))]
    return sorted(found, key=lambda each: each.severity.rank)


@st.composite
def finding(draw, requirement: str, number: int) -> Finding:
    return Finding(
        fingerprint=hashlib.sha256(f"{requirement}{number}".encode()).hexdigest()[:16],
        requirement=requirement,
        severity=draw(st.sampled_from(Severity)),
        subject=draw(TEXT),
        case=draw(TEXT),
        message=draw(TEXT),
        expected=draw(TEXT),
        actual=draw(TEXT),
        status=draw(st.sampled_from([Status.NEW, Status.STILL, Status.REGRESSED])),
        since="2026-11-01T00:00:00+00:00",
        location=Location(file=draw(TEXT), line=draw(st.integers(0, 9))) if draw(st.booleans()) else None,
        place=Location(file="openapi.yaml", line=7) if draw(st.booleans()) else None,
        evidence=sample_builders.exchange("GET /x", draw(TEXT), number) if draw(st.booleans()) else None,
    )


@st.composite
def requirements(draw, name: str) -> RequirementResult:
    outcome = draw(st.sampled_from(Outcome))
    severity = draw(st.sampled_from(Severity))
    left = [Untested(subject=f"{n} {draw(TEXT)}", reason=draw(TEXT)) for n in range(draw(st.integers(0, 2)))]
    return sample_builders.requirement(
        name,
        "It holds for every operation.",
        outcome,
        severity,
        findings=draw(findings(name)) if outcome is Outcome.FAILED else [],
        reasons=draw(st.lists(TEXT, max_size=2)),
        population=Population(unit="operations", known=9, tested=9 - len(left), untested=left)
        if draw(st.booleans())
        else None,
    )


@st.composite
def waivers(draw) -> Waiver:
    expired = draw(st.booleans())
    return Waiver(
        requirement=f"{draw(st.sampled_from(CONTROLS))}.{draw(st.integers(1, 3))}",
        outcomes=draw(st.lists(st.sampled_from(Outcome), min_size=1, max_size=3, unique=True)),
        owner=draw(TEXT),
        approver=draw(TEXT),
        reason=draw(TEXT),
        ticket=draw(TEXT),
        approved=draw(st.sampled_from(["", "2026-10-01T00:00:00+13:45"])),
        expires="2026-11-01T00:00:00-03:30" if expired else "2027-01-01T00:00:00+05:30",
        expired=expired,
        days_left=-22 if expired else 38,
        source="waivers.yaml:3",
    )


@st.composite
def results(draw) -> Results:
    verified = {
        control: [draw(requirements(f"{control}.{n}")) for n in range(1, draw(st.integers(1, 4)))]
        for control in CONTROLS
    }
    selected = draw(st.sampled_from([None, CONTROLS]))
    gone = [PastFinding(fingerprint="0" * 16, requirement="C03.9", subject=draw(TEXT), severity=Severity.LOW)]
    facts = {
        "notes": draw(st.lists(TEXT, max_size=2)),
        "previous": PreviousRun(run="before") if draw(st.booleans()) else None,
        "fixed": gone if draw(st.booleans()) else [],
        "run": {"target": draw(TEXT), "interrupted": draw(st.booleans())},
    }
    made = sample_builders.of(verified, selected=selected, **facts)
    policy = Policy(fail_on=draw(st.sampled_from(Severity)))
    if made.previous is None:
        for finding in made.findings:
            finding.status = None
    return decide(made, policy, Waivers(draw(st.lists(waivers(), max_size=3))), None, [])
