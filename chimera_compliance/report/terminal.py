"""The summary of a run for a terminal or a CI log: a line a control, then what matters most, then the verdict."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from chimera_compliance.outcomes import Outcome
from chimera_compliance.report import html
from chimera_compliance.report.headline import gaps, headline, number, tally, words
from chimera_compliance.report.untrusted import one_line
from chimera_compliance.results import ControlResult, Finding, Results

_MOST_FINDINGS = 20
_NOTES = 4
_TITLE = 58
_BOLD, _DIM, _RED, _GREEN, _YELLOW = "1", "2", "31", "32", "33"
_COLOURS = {
    "failed": _RED,
    "error": _RED,
    "undecided": _YELLOW,
    "inconclusive": _YELLOW,
    "not_reviewed": _YELLOW,
    "passed": _GREEN,
    "critical": f"{_BOLD};{_RED}",
    "high": _RED,
    "medium": _YELLOW,
}


def wants_colour(stream: TextIO) -> bool:
    """Whether the stream is a terminal that shows colour and its user has not declined (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def summary(results: Results, out: Path, *, colour: bool = False) -> list[str]:
    """The lines to print; text of the target cannot steer the terminal."""
    paint = _paint if colour else _plain
    return [
        "",
        *(_control(control, paint) for control in results.controls),
        *_findings(results.findings, paint),
        "",
        *_counts(results),
        "",
        *_verdict(results, paint),
        *_notes(results.notes),
        "",
        f"report: {out / html.FILE}",
    ]


def _notes(notes: list[str]) -> list[str]:
    """The first few: results.json and the report have them all."""
    more = len(notes) - _NOTES
    shown = [f"note: {one_line(note)}" for note in notes[:_NOTES]]
    return shown + ([f"note: and {more} more notes in the report"] if more > 0 else [])


def _paint(text: str, code: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if code else text


def _plain(text: str, code: str) -> str:
    return text


def _control(control: ControlResult, paint) -> str:
    title = one_line(control.title)
    title = title if len(title) <= _TITLE else title[: _TITLE - 1] + "…"
    outcome = paint(f"{words(control.outcome):<14}", _COLOURS.get(control.outcome, ""))
    return f"{one_line(control.id)}  {title:<{_TITLE}}  {outcome}  {_within(control)}".rstrip()


def _within(control: ControlResult) -> str:
    if not control.requirements:
        return ""
    findings = sum(len(item.findings) for item in control.requirements)
    passed = sum(item.outcome is Outcome.PASSED for item in control.requirements)
    found = f", {number(findings, 'finding')}" if findings else ""
    return f"{passed} of {number(len(control.requirements), 'requirement')} passed{found}"


def _findings(findings: list[Finding], paint) -> Iterable[str]:
    if findings:
        yield ""
    for finding in findings[:_MOST_FINDINGS]:
        yield from _finding(finding, paint)
    if (hidden := len(findings) - _MOST_FINDINGS) > 0:
        yield f"and {number(hidden, 'further finding')} in the report"


def _finding(finding: Finding, paint) -> Iterable[str]:
    case = f" [{one_line(finding.case)}]" if finding.case else ""
    severity = paint(f"{finding.severity.upper():<9}", _COLOURS.get(finding.severity, ""))
    text = paint(f"{one_line(finding.subject)} {one_line(finding.message)}", _BOLD)
    yield f"{severity} {one_line(finding.requirement):<6} {text}{case}"
    facts = [f"{name} {one_line(value)}" for name in ("expected", "actual") if (value := getattr(finding, name))]
    if facts:
        yield paint(f"{'':16} {', '.join(facts)}", _DIM)


def _counts(results: Results) -> Iterable[str]:
    counts = results.counts
    yield f"controls      {tally(counts.controls) or 'none'} (of {sum(counts.controls.values())})"
    yield f"requirements  {tally(counts.requirements) or 'none'} (of {sum(counts.requirements.values())})"
    yield f"findings      {tally(counts.findings) or 'none'}"
    traffic = f"{number(counts.observations, 'observation')}, {number(counts.requests, 'request')}"
    yield f"seen          {traffic} in {results.run.seconds:.1f} s"


def _verdict(results: Results, paint) -> Iterable[str]:
    said = headline(results)
    title = paint(said.title.upper(), f"{_BOLD};{_COLOURS[said.tone]}")
    yield f"{title}: {said.sentence}"
    for gap in gaps(results):
        yield f"not shown: {gap.sentence}: {one_line(', '.join(gap.names))}"
    yield from _since(results)
    yield from _gate(results, paint)


def _since(results: Results) -> Iterable[str]:
    before = results.previous
    if before is not None and before.compared:
        again = f", {len(results.not_retested):,} not tested again" if results.not_retested else ""
        yield f"since {before.started}: {tally(results.counts.statuses) or 'nothing new'}{again}"


def _gate(results: Results, paint) -> Iterable[str]:
    gate = results.gate
    if gate is None:
        return
    state = paint("passes", _COLOURS["passed"]) if gate.passed else paint("blocks", _COLOURS["failed"])
    further = f", and {number(len(gate.reasons) - 1, 'more reason')}" if len(gate.reasons) > 1 else ""
    why = f": {one_line(gate.reasons[0])}{further}" if gate.reasons else ""
    yield f"gate: {state} with exit code {gate.exit_code}{why}"
    for line in gate.tolerated:
        yield f"let through: {one_line(line)}"
