"""JUnit XML for CI servers: a test suite for each control, a test case for each requirement.

It follows the xunit2 dialect that Jenkins checks (junit-10.xsd): properties stand on suites only, for a test case
must not have any. What was not decided is an error and what was not reviewed is skipped, so that no server shows it
green; a control without any requirement has one skipped case, so that it does not vanish.
"""

import xml.etree.ElementTree as ET
from collections import Counter

from chimera_compliance.outcomes import Outcome
from chimera_compliance.report.headline import number, population, words
from chimera_compliance.report.untrusted import visible
from chimera_compliance.results import ControlResult, Finding, RequirementResult, Results, RunInfo

FILE = "report.xml"

_MOST_FINDINGS = 100
_ELEMENT = {
    Outcome.FAILED: "failure",
    Outcome.ERROR: "error",
    Outcome.INCONCLUSIVE: "error",
    Outcome.NOT_REVIEWED: "skipped",
    Outcome.NOT_APPLICABLE: "skipped",
}


def render(results: Results) -> str:
    """The document, with characters that XML cannot carry made visible."""
    suites = [_suite(control, results.run) for control in results.controls]
    sums = Counter()
    for suite in suites:
        sums.update({name: int(suite.get(name)) for name in ("tests", "failures", "errors")})
    root = _element("testsuites", name="Chimera Compliance", time=f"{results.run.seconds:.3f}", **sums)
    root.extend(suites)
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _element(tag: str, text: str = "", /, **attributes: object) -> ET.Element:
    element = ET.Element(tag, {key: visible(str(value)) for key, value in attributes.items()})
    element.text = visible(text) or None
    return element


def _suite(control: ControlResult, run: RunInfo) -> ET.Element:
    cases = [_case(control, requirement) for requirement in control.requirements] or [_no_requirement(control)]
    kinds = Counter(child.tag for case in cases for child in case)
    suite = _element(
        "testsuite",
        name=f"{control.id} {control.title}",
        tests=len(cases),
        failures=kinds["failure"],
        errors=kinds["error"],
        skipped=kinds["skipped"],
        time=f"{control.seconds:.3f}",
        timestamp=run.started,
        id=control.id,
    )
    properties = _element("properties")
    properties.extend(_element("property", name=name, value=value) for name, value in _properties(control, run))
    suite.extend([properties, *cases])
    return suite


def _properties(control: ControlResult, run: RunInfo) -> list[tuple[str, str]]:
    facts = [("control", control.id), ("outcome", control.outcome), ("clause", control.clause)]
    facts += [(framework, ", ".join(clauses)) for framework, clauses in control.references.items()]
    facts += [(name, getattr(run, name)) for name in ("target", "target_digest", "checklist_digest", "suite_digest")]
    return [*facts, ("suite_version", run.suite_version), ("run", run.id)]


def _case(control: ControlResult, requirement: RequirementResult) -> ET.Element:
    case = _element(
        "testcase",
        name=f"{requirement.id} {requirement.sentence}",
        classname=f"{control.id}.{requirement.test}",
        time=f"{requirement.seconds:.3f}",
    )
    if kind := _ELEMENT.get(requirement.outcome):
        message, text = _story(requirement)
        case.append(_element(kind, text, type=requirement.outcome, message=message))
    return case


def _no_requirement(control: ControlResult) -> ET.Element:
    case = _element("testcase", name=f"{control.id} {control.title}", classname=control.id, time="0.000")
    case.append(_element("skipped", type=control.outcome, message=f"{words(control.outcome)}: {_reasons(control)}"))
    return case


def _reasons(item: ControlResult | RequirementResult) -> str:
    return "; ".join(item.reasons) or "no reason was given"


def _story(requirement: RequirementResult) -> tuple[str, str]:
    """The message and the text of a case that has not passed."""
    findings = requirement.findings
    if not findings:
        return f"{words(requirement.outcome)}: {_reasons(requirement)}", population(requirement)
    shown = [_finding(finding) for finding in findings[:_MOST_FINDINGS]]
    if hidden := len(findings) - len(shown):
        shown.append(f"and {number(hidden, 'further finding')} in results.json")
    first = f"{number(len(findings), 'finding')}: {findings[0].subject} {findings[0].message}"
    return first, "\n\n".join([*shown, *requirement.reasons, f"Remediation: {requirement.remediation}"])


def _finding(finding: Finding) -> str:
    lines = [f"[{finding.severity}] {finding.subject} {finding.message}"]
    lines += [f"  {name}: {value}" for name in ("case", "expected", "actual") if (value := getattr(finding, name))]
    if finding.evidence and finding.evidence.reproduce:
        lines.append(f"  reproduce: {finding.evidence.reproduce}")
    if finding.status:
        lines.append(f"  status: {finding.status} since {finding.since}")
    if waiver := finding.waiver:
        state = "waiver expired" if waiver.expired else "waived until"
        lines.append(f"  {state} {waiver.expires}: {waiver.owner}, approved by {waiver.approver}, {waiver.ticket}")
    return "\n".join([*lines, f"  fingerprint: {finding.fingerprint}"])
