"""report.html: one file for the reviewer, readable off line, without JavaScript, and printed.

Everything in it that came from a target is escaped by the template engine and its unseen characters are shown; the
policy in its head lets run exactly the style and the script that stand in it, and loads nothing.
"""

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from chimera_compliance.home import TEMPLATES
from chimera_compliance.outcomes import Outcome, Severity
from chimera_compliance.report.evidence import excerpt
from chimera_compliance.report.headline import gaps, headline, number, population, tally, words
from chimera_compliance.report.prose import blocks, inline
from chimera_compliance.report.untrusted import visible
from chimera_compliance.results import ControlResult, Finding, RequirementResult, Results

FILE = "report.html"
_WORST = 5


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
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            results=results,
            headline=headline(results),
            gaps=gaps(results),
            severities=severities,
            worst=ranked[:_WORST],
            further=len(ranked[_WORST:]),
            controls=_in_order(results),
            style=Markup(style),
            script=Markup(script),
            policy=policy(style, script),
        )
    )


def policy(style: str, script: str) -> str:
    """The Content-Security-Policy (CSP Level 3) under which only this style and this script have effect."""
    return "; ".join(
        [
            "default-src 'none'",
            f"style-src '{_digest(style)}'",
            f"script-src '{_digest(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ]
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=lambda value: visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(Outcome=Outcome, Severity=Severity, blocks=blocks, excerpt=excerpt, number=number)
    environment.globals.update(population=population, segments=segments, tally=tally, when=when)
    environment.filters.update(words=words, prose=inline)
    return environment


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


def when(moment: str) -> str:
    """``23 Nov 2026, 20:29:05 UTC`` for an ISO 8601 time; anything else as it stands."""
    try:
        return f"{datetime.fromisoformat(moment).astimezone(UTC):%-d %b %Y, %H:%M:%S} UTC"
    except ValueError:
        return moment
