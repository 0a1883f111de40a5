"""SARIF 2.1.0 for code scanning, within what GitHub takes: a rule for each requirement, a result for each finding.

What a waiver covers is left out, since code scanning ignores suppressions and would show it as open; what was not
decided is a notification, for a result is always an alert. Only `partialFingerprints.primaryLocationLineHash` is read
there: it is the finding's own fingerprint, so that an alert survives moved lines
(docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning).
"""

import gzip
import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from chimera_compliance.outcomes import Outcome, Severity
from chimera_compliance.report.headline import headline, number, words
from chimera_compliance.report.untrusted import one_line, visible
from chimera_compliance.results import ControlResult, Finding, RequirementResult, Results, Status

FILE = "report.sarif"
SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

MOST_RESULTS = 25_000
MOST_BYTES = 10_000_000
_MOST_TAGS = 10
_LONGEST = 1_000
_LEVELS = {Severity.CRITICAL: "error", Severity.HIGH: "error", Severity.MEDIUM: "warning", Severity.LOW: "note"}
_SCORES = {Severity.CRITICAL: "9.5", Severity.HIGH: "8.0", Severity.MEDIUM: "5.5", Severity.LOW: "2.0"}
_STATES = {Status.NEW: "new", Status.STILL: "unchanged", Status.REGRESSED: "new"}
_UNDECIDED = (Outcome.ERROR, Outcome.INCONCLUSIVE, Outcome.NOT_REVIEWED)


def render(results: Results) -> str:
    """The log, with as many results as fit; the most severe stay, and what does not fit is counted."""
    kept = MOST_RESULTS
    while True:
        text = json.dumps(_log(results, kept), separators=(",", ":")) + "\n"
        if len(text) <= MOST_BYTES or len(gzip.compress(text.encode(), 1)) <= MOST_BYTES:
            return text
        kept = min(kept, len(results.findings)) // 2


def _log(results: Results, kept: int) -> dict[str, Any]:
    shown = [finding for finding in results.findings if finding.tolerated != "waived"]
    rules = _rules(results, shown)
    index = {rule["id"]: position for position, rule in enumerate(rules)}
    run = {
        "tool": {"driver": _driver(results, rules)},
        "automationDetails": {"id": f"chimera-compliance/{slug(results.run.target)}/{results.run.id}"},
        "invocations": [_invocation(results, index, left_out=max(0, len(shown) - kept))],
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, results, index) for finding in shown[:kept]],
        "properties": {
            "target": visible(results.run.target),
            "verdict": results.verdict,
            "counts": results.counts.model_dump(mode="json"),
        },
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def slug(name: str) -> str:
    """A name as part of an identifier or path."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60] or "target"


def _driver(results: Results, rules: list[dict]) -> dict[str, Any]:
    return {"name": "Chimera Compliance", "semanticVersion": results.run.suite_version, "rules": rules}


# Rules


def _rules(results: Results, shown: list[Finding]) -> list[dict[str, Any]]:
    """A rule for each requirement, and one more for each other severity that its findings have."""
    pairs = [(control, item) for control in results.controls for item in control.requirements]
    severities: dict[str, set[Severity]] = {item.id: {item.severity} for _, item in pairs}
    for finding in shown:
        severities[finding.requirement].add(finding.severity)
    return [
        _rule(control, item, severity)
        for control, item in pairs
        for severity in sorted(severities[item.id], key=lambda severity: (severity != item.severity, severity.rank))
    ]


def _rule_id(requirement: str, own: Severity, severity: Severity) -> str:
    return requirement if severity is own else f"{requirement}/{severity}"


def _rule(control: ControlResult, item: RequirementResult, severity: Severity) -> dict[str, Any]:
    return {
        "id": _rule_id(item.id, item.severity, severity),
        "name": "".join(word.capitalize() for word in item.test.removeprefix("test_").split("_")),
        "shortDescription": {"text": _message(item.sentence)},
        "fullDescription": {"text": _message(f"{control.id} {control.title} ({control.clause}). {item.sentence}")},
        "help": {"text": visible(item.remediation), "markdown": visible(item.remediation)},
        "defaultConfiguration": {"level": _LEVELS[severity]},
        "properties": {
            "precision": "very-high",
            "problem.severity": {"note": "recommendation"}.get(_LEVELS[severity], _LEVELS[severity]),
            "security-severity": _SCORES[severity],
            "tags": _tags(control, item),
        },
    }


def _tags(control: ControlResult, item: RequirementResult) -> list[str]:
    weaknesses = [f"external/cwe/{name.lower()}" for name in item.references.get("CWE", [])]
    others = [
        f"{framework}: {clause}"
        for framework, clauses in item.references.items()
        if framework != "CWE"
        for clause in clauses
    ]
    return list(dict.fromkeys(map(one_line, ["security", *weaknesses, control.id, *others])))[:_MOST_TAGS]


# Results


def _result(finding: Finding, results: Results, index: dict[str, int]) -> dict[str, Any]:
    severity = finding.severity
    rule = (
        finding.requirement if f"{finding.requirement}/{severity}" not in index else f"{finding.requirement}/{severity}"
    )
    found = {
        "ruleId": rule,
        "ruleIndex": index[rule],
        "kind": "fail",
        "level": _LEVELS[severity],
        "message": {"text": _message(_story(finding))},
        "locations": [_location(finding, results)],
        "partialFingerprints": {"primaryLocationLineHash": f"{finding.fingerprint}:1"},
        "properties": _properties(finding),
    }
    return found | ({"baselineState": _STATES[finding.status]} if finding.status else {})


def _properties(finding: Finding) -> dict[str, str]:
    facts = {"case": finding.case, "status": finding.status, "since": finding.since, "tolerated": finding.tolerated}
    facts["observation"] = finding.evidence.id if finding.evidence else ""
    return {"severity": finding.severity, **{name: one_line(value) for name, value in facts.items() if value}}


def _story(finding: Finding) -> str:
    case = f" [{finding.case}]" if finding.case else ""
    facts = [f"{name} {value}" for name in ("expected", "actual") if (value := getattr(finding, name))]
    return f"{finding.subject} {finding.message}{case}" + (f" ({', '.join(facts)})" if facts else "")


def _message(text: str) -> str:
    """One line without links: `[text](target)` is a link in the plain messages of SARIF as well (§3.11.6)."""
    line = one_line(text)
    line = line if len(line) <= _LONGEST else line[:_LONGEST] + "…"
    return line.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]") if "](" in line else line


def _location(finding: Finding, results: Results) -> dict[str, Any]:
    """Where the fault stands, or else where its subject is described: there is no alert without a file."""
    place = finding.location or finding.place
    file, line = (place.file, place.line) if place else (results.run.target_file or "target.yaml", 1)
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(one_line(file).lstrip("/"), safe="/-._~")},
            "region": {"startLine": max(1, line)},
        },
        "logicalLocations": [{"fullyQualifiedName": one_line(finding.subject)[:_LONGEST] or "the stack"}],
    }


# What is no result


def _invocation(results: Results, index: dict[str, int], left_out: int) -> dict[str, Any]:
    broken = results.run.interrupted or results.counts.requirements[Outcome.ERROR] > 0
    return {
        "executionSuccessful": not broken,
        "exitCode": results.exit_code,
        "exitCodeDescription": headline(results).sentence,
        "startTimeUtc": _utc(results.run.started),
        "endTimeUtc": _utc(results.run.finished),
        "toolExecutionNotifications": [*_remarks(results, left_out), *_undecided(results, index)],
    }


def _utc(moment: str) -> str:
    return moment.replace("+00:00", "Z")


def _remarks(results: Results, left_out: int) -> Iterable[dict[str, Any]]:
    waived = sum(results.counts.waived.values())
    if waived:
        yield _notification(f"{number(waived, 'finding')} covered by a waiver: left out here", "note")
    if left_out:
        yield _notification(
            f"{number(left_out, 'finding')} more than fit here, the least severe ones: left out", "warning"
        )
    for note in results.notes:
        yield _notification(note, "note")


def _undecided(results: Results, index: dict[str, int]) -> Iterable[dict[str, Any]]:
    for control in results.controls:
        if not control.requirements:
            yield _notification(f"{control.id} {words(control.outcome)}: {'; '.join(control.reasons)}", "warning")
        for item in control.requirements:
            if item.outcome in _UNDECIDED:
                said = _notification(f"{item.id} {words(item.outcome)}: {'; '.join(item.reasons)}", "warning")
                yield said | {"associatedRule": {"id": item.id, "index": index[item.id]}}


def _notification(text: str, level: str) -> dict[str, Any]:
    return {"level": level, "message": {"text": _message(text)}}
