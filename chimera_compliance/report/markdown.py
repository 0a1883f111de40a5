"""Markdown for people in a hurry: the summary of a CI job and the comment on a pull request.

Both tell the verdict with all its counts first and then as many findings as fit, the most severe ones, with the
number of those left out: a job's summary may have 1 MiB, a comment 65,536 characters. Text of the target stands in
code, where nothing is linked, mentioned, loaded or run.
"""

from collections import Counter
from collections.abc import Iterable

from chimera_compliance.outcomes import Outcome, Severity
from chimera_compliance.report.escaping import cell, code, said, sentence
from chimera_compliance.report.headline import gaps, headline, number, requirements, tally, words
from chimera_compliance.results import Finding, RequirementResult, Results, Status, Waiver

FILE = "summary.md"
MARK = "<!-- chimera-compliance -->"
MOST_SUMMARY = 1_000_000
MOST_COMMENT = 60_000
_MOST_LINES = 40
_UNDECIDED = (Outcome.ERROR, Outcome.INCONCLUSIVE, Outcome.NOT_REVIEWED)
_TOLERATED = {"waived": "waived", "below_threshold": "below the threshold", "baseline": "in the baseline"}


def render(results: Results, most: int = MOST_SUMMARY, *, findings: Iterable[Finding] | None = None) -> str:
    """The job's summary, of at most `most` bytes."""
    head = "\n\n".join([*_head(results), *_tables(results)])
    tail = "\n\n".join(_tail(results))
    listed = results.findings if findings is None else list(findings)
    room = most - len((head + tail).encode()) - 2_000
    body = _findings(listed, {item.id: item for item in requirements(results)}, room)
    return "\n\n".join(part for part in (head, body, tail) if part) + "\n"


def comment(results: Results) -> str:
    """The comment: findings that block first, since the reader wants to know what stops the change."""
    ranked = sorted(results.findings, key=lambda finding: (bool(finding.tolerated), finding.severity.rank))
    return f"{MARK}\n{render(results, MOST_COMMENT, findings=ranked)}"


# Head: the verdict and what it rests on


def _head(results: Results) -> Iterable[str]:
    spoken = headline(results)
    yield f"## {spoken.title}: {code(results.run.target)}"
    yield sentence(spoken.sentence)
    if results.gate:
        yield "**Gate**: passed." if results.gate.passed else "**Gate**: blocked."
        yield "\n".join(f"- {said(reason)}" for reason in _few([*results.gate.reasons, *results.gate.tolerated]))
    if shown := _gaps(results):
        yield "**Not shown by this run**\n\n" + "\n".join(shown)


def _gaps(results: Results) -> list[str]:
    return [f"- {sentence(gap.sentence)}: {code(', '.join(gap.names), longest=200)}" for gap in gaps(results)]


def _few(lines: list[str]) -> list[str]:
    hidden = len(lines) - _MOST_LINES
    return [*lines[:_MOST_LINES], *([f"and {hidden:,} more"] if hidden > 0 else [])]


# Tables: every number of the results


def _tables(results: Results) -> Iterable[str]:
    counts = results.counts
    rows = [
        [words(outcome), f"{counts.controls[outcome]:,}", f"{counts.requirements[outcome]:,}"] for outcome in Outcome
    ]
    total = [f"{sum(part.values()):,}" for part in (counts.controls, counts.requirements)]
    yield _table(["Outcome", "Controls", "Requirements"], [*rows, ["all", *total]])
    rows = [
        [severity, f"{counts.findings[severity]:,}", f"{counts.waived.get(severity, 0):,}"] for severity in Severity
    ]
    total = [f"{sum(part.values()):,}" for part in (counts.findings, counts.waived)]
    yield _table(["Severity", "Findings", "of these waived"], [*rows, ["all", *total]])
    if counts.statuses:
        since = {status: counts.statuses.get(status, 0) for status in Status}
        yield f"Since the previous run: {tally(since) or 'nothing'}."
    traffic = f"{number(counts.observations, 'observation')}, {number(counts.requests, 'request')}"
    yield f"{traffic} in {results.run.seconds:.1f} s."
    yield _table(["Control", "Outcome", "Passed", "Findings"], [_control(control) for control in results.controls])


def _control(control) -> list[str]:
    passed = sum(item.outcome is Outcome.PASSED for item in control.requirements)
    found = sum(len(item.findings) for item in control.requirements)
    title = f"{sentence(control.id)} {sentence(control.title)}"
    return [title, words(control.outcome), f"{passed} of {len(control.requirements)}", f"{found:,}"]


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["-", *["-:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(map(cell, line)) + " |" for line in lines)


# Findings, as many as fit


def _findings(findings: list[Finding], known: dict[str, RequirementResult], room: int) -> str:
    if not findings:
        return ""
    lines, shown = ["### Findings"], 0
    for finding in findings:
        line = _finding(finding, known[finding.requirement])
        room -= len(line.encode()) + 1
        if room < 0:
            break
        lines.append(line)
        shown += 1
    if left := findings[shown:]:
        lines.append(
            f"\n**{number(len(left), 'further finding')}** ({_severities(left)}) in results.json and report.html."
        )
    return "\n".join([lines[0], "", *lines[1:]])


def _severities(findings: list[Finding]) -> str:
    counted = Counter(finding.severity for finding in findings)
    return tally({severity: counted[severity] for severity in Severity})


def _finding(finding: Finding, item: RequirementResult) -> str:
    marks = [finding.severity, *([finding.status] if finding.status else [])]
    marks += [_TOLERATED[finding.tolerated]] if finding.tolerated else []
    case = f" {code(finding.case, longest=80)}" if finding.case else ""
    facts = [f"{name} {code(value)}" for name in ("expected", "actual") if (value := getattr(finding, name))]
    place = finding.location
    facts += [code(f"{place.file}:{place.line}" if place.line else place.file)] if place else []
    about = (
        f"**{', '.join(marks)}** {sentence(finding.requirement)} {code(finding.subject)} {said(finding.message)}{case}"
    )
    more = f"<br>{'; '.join(facts)}" if facts else ""
    return f"- {about}{more}<br>{sentence(item.sentence)}"


# Tail: waivers, what is gone, remarks


def _tail(results: Results) -> Iterable[str]:
    undecided = [item for item in requirements(results) if item.outcome in _UNDECIDED]
    if undecided:
        lines = [f"{words(item.outcome)} {item.id}: {'; '.join(item.reasons)}" for item in undecided]
        yield "### Undecided\n\n" + "\n".join(f"- {said(line)}" for line in _few(lines))
    if results.waivers:
        lines = [_waiver(waiver) for waiver in results.waivers]
        yield "### Waivers\n\n" + "\n".join(f"- {said(line)}" for line in _few(lines))
    if results.fixed:
        lines = [f"{gone.severity} {gone.requirement} {gone.subject} {gone.message}" for gone in results.fixed]
        yield "### Fixed\n\n" + "\n".join(f"- {said(line)}" for line in _few(lines))
    if results.notes:
        yield "### Notes\n\n" + "\n".join(f"- {said(note)}" for note in _few(results.notes))
    run = results.run
    yield f"<sub>Run {sentence(run.id)}, suite {sentence(run.suite_version)}, exit code {results.exit_code}.</sub>"


def _waiver(waiver: Waiver) -> str:
    state = "expired" if waiver.expired else f"{waiver.days_left} days left"
    who = f"{waiver.owner}, approved by {waiver.approver}, {waiver.ticket}"
    return f"{waiver.requirement} {waiver.subject}: {state}, until {waiver.expires}, {who}, covers {waiver.covers}"
