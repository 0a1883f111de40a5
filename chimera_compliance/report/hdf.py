"""HDF (exec-json 1.0), as Heimdall reads it: a control for each requirement, a result for each finding.

Heimdall makes a control's status of its results (inspecjs): any error is *Profile Error*, any failure *Failed*, any
pass *Passed*, nothing but skipped *Not Reviewed*; an impact of 0 is *Not Applicable*. So a requirement that was not
decided never has a passed result beside it. A waiver is told and hides nothing: `skipped_due_to_waiver`, which would
turn the control into *Not Applicable*, stays false.
"""

import json
from typing import Any

from chimera_compliance.outcomes import Outcome, Severity
from chimera_compliance.report.headline import headline, population, words
from chimera_compliance.report.untrusted import one_line, visible
from chimera_compliance.results import ControlResult, Finding, RequirementResult, Results, Waiver

FILE = "hdf.json"

_IMPACT = {Severity.CRITICAL: 0.9, Severity.HIGH: 0.7, Severity.MEDIUM: 0.5, Severity.LOW: 0.3}
_STATUS = {
    Outcome.PASSED: "passed",
    Outcome.ERROR: "error",
    Outcome.INCONCLUSIVE: "error",
    Outcome.NOT_REVIEWED: "skipped",
    Outcome.NOT_APPLICABLE: "skipped",
}
_TAGS = {"CWE": "cwe", "ASVS 5.0": "asvs", "API Top 10 2023": "owasp_api", "SOC 2": "soc2", "GDPR": "gdpr"}


def render(results: Results) -> str:
    """The document."""
    return json.dumps(_document(results), separators=(",", ":")) + "\n"


def _document(results: Results) -> dict[str, Any]:
    controls = [each for control in results.controls for each in _controls(control, results)]
    return {
        "platform": {
            "name": "Chimera Compliance",
            "release": results.run.suite_version,
            "target_id": visible(results.run.target),
        },
        "version": results.run.suite_version,
        "statistics": {"duration": results.run.seconds, "controls": _statistics(controls)},
        "profiles": [_profile(results, controls)],
    }


def _statistics(controls: list[dict[str, Any]]) -> dict[str, Any]:
    """How many controls have a result of each kind, as InSpec counts them: by their worst."""
    worst = [
        next(kind for kind in ("error", "failed", "passed", "skipped") if kind in _kinds(each)) for each in controls
    ]
    return {kind: {"total": worst.count(kind)} for kind in ("passed", "skipped", "failed")}


def _kinds(control: dict[str, Any]) -> set[str]:
    return {result["status"] for result in control["results"]}


def _profile(results: Results, controls: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": "chimera-compliance",
        "title": "ADR-005 security checklist",
        "version": results.run.suite_version,
        "sha256": results.run.suite_digest,
        "summary": headline(results).sentence,
        "status": "loaded",
        "supports": [],
        "attributes": [],
        "groups": [
            {
                "id": control.id,
                "title": visible(control.title),
                "controls": [item.id for item in control.requirements] or [control.id],
            }
            for control in results.controls
        ],
        "controls": controls,
    }


def _controls(control: ControlResult, results: Results) -> list[dict[str, Any]]:
    if control.requirements:
        return [_control(control, item, results) for item in control.requirements]
    nobody = _result("skipped", control.title, results.run.started, skip_message="; ".join(control.reasons))
    return [_entry(control.id, control.title, "", 0.5, control, [nobody])]


def _control(control: ControlResult, item: RequirementResult, results: Results) -> dict[str, Any]:
    impact = 0.0 if item.outcome is Outcome.NOT_APPLICABLE else _IMPACT[item.severity]
    entry = _entry(item.id, item.sentence, item.remediation, impact, item, _results(item, results))
    entry["tags"] |= {"severity": item.severity, "control": control.id, "clause": visible(control.clause)}
    entry["source_location"] = {"ref": f"checks/{item.test}"}
    accepted = item.waiver or next((finding.waiver for finding in item.findings if finding.waiver), None)
    return entry | ({"waiver_data": _waiver(accepted, item)} if accepted else {})


def _entry(
    name: str, title: str, fix: str, impact: float, cited: ControlResult | RequirementResult, results: list
) -> dict:
    tags = {_TAGS[framework]: clauses for framework, clauses in cited.references.items() if framework in _TAGS}
    return {
        "id": name,
        "title": visible(title),
        "desc": visible(title),
        "descriptions": [{"label": "fix", "data": visible(fix)}] if fix else [],
        "impact": impact,
        "refs": [],
        "tags": {"nist": cited.references.get("NIST 800-53r5", []), **tags},
        "code": None,
        "source_location": {},
        "results": results,
    }


def _results(item: RequirementResult, results: Results) -> list[dict[str, Any]]:
    started = item.started or results.run.started
    if item.findings:
        return [_finding(finding, started) for finding in item.findings]
    status = _STATUS.get(item.outcome, "error")
    said = {"skip_message" if status == "skipped" else "message": f"{words(item.outcome)}: {'; '.join(item.reasons)}"}
    told = {} if status == "passed" else said
    return [_result(status, population(item) or item.sentence, started, run_time=item.seconds, **told)]


def _finding(finding: Finding, started: str) -> dict[str, Any]:
    facts = [
        f"{name}: {value}" for name in ("expected", "actual", "case", "status") if (value := getattr(finding, name))
    ]
    if finding.evidence and finding.evidence.reproduce:
        facts.append(f"reproduce: {finding.evidence.reproduce}")
    if finding.waiver:
        facts.append(_accepted(finding.waiver))
    seen = finding.evidence.time if finding.evidence else started
    text = "\n".join([f"[{finding.severity}] {finding.subject} {finding.message}", *facts])
    return _result(
        "failed", f"{finding.subject} {finding.message}", seen, message=text, resource_id=finding.fingerprint
    )


def _result(status: str, what: str, started: str, **facts: Any) -> dict[str, Any]:
    told = {name: visible(value) if isinstance(value, str) else value for name, value in facts.items()}
    return {"status": status, "code_desc": one_line(what), "start_time": started, **told}


def _accepted(waiver: Waiver) -> str:
    state = "waiver expired" if waiver.expired else "waived until"
    return f"{state} {waiver.expires} by {waiver.approver} for {waiver.owner} ({waiver.ticket}): {waiver.reason}"


def _waiver(waiver: Waiver, item: RequirementResult) -> dict[str, Any]:
    covered = sum(finding.tolerated == "waived" for finding in item.findings)
    return {
        "expiration_date": waiver.expires,
        "justification": visible(waiver.reason),
        "message": visible(f"{_accepted(waiver)}; {covered} of {len(item.findings)} findings"),
        "run": True,
        "skipped_due_to_waiver": False,
    }
