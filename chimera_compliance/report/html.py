"""report.html: one file for the reviewer, readable off line, without JavaScript, and printed.

Everything in it that came from a target is escaped by the template engine and its unseen characters are shown; the
policy in its head lets run exactly the style and the script that stand in it, and loads nothing.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup

from chimera_compliance.home import TEMPLATES
from chimera_compliance.outcomes import Outcome, Severity
from chimera_compliance.report.evidence import LONGEST, excerpt
from chimera_compliance.report.frameworks import by_framework
from chimera_compliance.report.headline import gaps, headline, number, population, tally, words
from chimera_compliance.report.matrix import matrices
from chimera_compliance.report.page import environment, policy
from chimera_compliance.report.prose import blocks
from chimera_compliance.report.timeline import timeline
from chimera_compliance.results import ControlResult, Finding, RequirementResult, Results, Status

FILE = "report.html"
_WORST = 5
_MOST_PAST = 500
_ALL_EVIDENCE = 4_000_000
_SHORTEST_EVIDENCE = 300


@dataclass(frozen=True)
class Group:
    """The findings of one requirement that have the same severity."""

    control: ControlResult
    requirement: RequirementResult
    findings: list[Finding]


def render(results: Results) -> str:
    """The page."""
    severities = list(by_severity(results))
    ranked = [(severity, group) for severity, groups in severities for group in groups]
    style, script = ((TEMPLATES / name).read_text(encoding="utf-8") for name in ("report.css", "report.js"))
    template = environment(
        blocks=blocks,
        clause_key=clause_key,
        clauses=clauses,
        excerpt=excerpt,
        found=lambda control: sum(len(item.findings) for item in control.requirements),
        number=number,
        passed=lambda control: tallied(control)[Outcome.PASSED],
        population=population,
        segments=segments,
        tallied=tallied,
        tally=tally,
    ).get_template("report.html.j2")
    return template.render(
        results=results,
        headline=headline(results),
        gaps=gaps(results),
        severities=severities,
        worst=ranked[:_WORST],
        further=len(ranked[_WORST:]),
        breakdown=list(_breakdown(results)),
        controls=_in_order(results),
        statuses=[status for status in Status if results.counts.statuses.get(status) and status is not Status.FIXED],
        tolerated=sorted({finding.tolerated for finding in results.findings} - {""}),
        longest=_longest(len(results.findings)),
        most_past=_MOST_PAST,
        matrices=matrices(results),
        timeline=timeline(results),
        frameworks=by_framework(results),
        style=Markup(style),  # nosec B704  # a file of ours
        script=Markup(script),  # nosec B704  # a file of ours
        policy=policy(style, script),
    )


def _longest(findings: int) -> int:
    """How much of each exchange is shown: less of each where there are thousands, so that the page still opens."""
    return min(LONGEST, max(_SHORTEST_EVIDENCE, _ALL_EVIDENCE // max(1, 2 * findings)))


def _breakdown(results: Results) -> Iterable[tuple[str, dict[Severity, int]]]:
    """Which of the findings are new, came back, or do not block; only what there is."""
    kinds = {"new": "status", "regressed": "status", "waived": "tolerated", "below_threshold": "tolerated"}
    for kind, attribute in {**kinds, "baseline": "tolerated"}.items():
        found = Counter(finding.severity for finding in results.findings if getattr(finding, attribute) == kind)
        if found:
            yield words(kind), {severity: found[severity] for severity in Severity}


def tallied(control: ControlResult) -> dict[Outcome, int]:
    """How many requirements of a control came out how."""
    counted = Counter(item.outcome for item in control.requirements)
    return {outcome: counted[outcome] for outcome in Outcome}


def clause_key(framework: str, clause: str) -> str:
    """How a clause is named in the page's address and in what it filters."""
    return f"{framework}:{clause}".replace("|", " ")


def clauses(references: dict[str, list[str]]) -> str:
    """All clauses of a requirement, for the filter."""
    return "|".join(clause_key(name, clause) for name, listed in references.items() for clause in listed)


def by_severity(results: Results) -> Iterable[tuple[Severity, list[Group]]]:
    """The findings, the most severe first, then in the checklist's order, requirement by requirement."""
    for severity in Severity:
        groups = [
            Group(control, requirement, found)
            for control in results.controls
            for requirement in control.requirements
            if (found := [finding for finding in requirement.findings if finding.severity is severity])
        ]
        if groups:
            yield severity, groups


def _in_order(results: Results) -> list[tuple[str, str, ControlResult | None]]:
    """Id, title and result of every control of the checklist; no result where the run left it out."""
    selected = [(control.id, control.title, control) for control in results.controls]
    left_out = [(name, title, None) for name, title in results.run.controls_left_out.items()]
    return sorted([*selected, *left_out], key=lambda entry: entry[0])


def segments(counts: dict[Outcome, int], width: int, left_out: int = 0) -> Iterable[tuple[Outcome, float, float]]:
    """Outcome, left edge and width of each part of a bar, worst first; what was left out ends it."""
    total, left = sum(counts.values()) + left_out, 0.0
    for outcome, count in [*sorted(counts.items(), key=lambda item: item[0].rank), (Outcome.NOT_REVIEWED, left_out)]:
        if count:
            yield outcome, round(left, 2), round(count * width / total, 2)
            left += count * width / total
