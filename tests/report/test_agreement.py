"""Whatever a run has shown: every format is valid, holds under hostile text, and tells the same numbers."""

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from collections import Counter

import arbitrary_results
import pytest
import schemas
from hypothesis import HealthCheck, Phase, given, settings

from chimera_compliance.outcomes import Outcome, Severity
from chimera_compliance.report import FORMATS, hdf, junit, markdown, oscal, pull_request, sarif
from chimera_compliance.report import csv as spreadsheet
from chimera_compliance.report.oscal_references import dangling
from chimera_compliance.results import Results

any_results = given(arbitrary_results.results())
pytestmark = pytest.mark.filterwarnings("ignore::hypothesis.errors.NonInteractiveExampleWarning")
often = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # to shrink a case of this size takes minutes
    suppress_health_check=list(HealthCheck),
)


@often
@any_results
def test_every_format_is_valid(results: Results):
    texts = {each.FILE: each.render(results) for each in FORMATS}
    assert schemas.problems_of_sarif(texts["report.sarif"]) == []
    assert schemas.problems_of_oscal(texts["oscal.json"]) == []
    assert schemas.problems_of_hdf(texts["hdf.json"]) == []
    assert schemas.problems_of_junit(texts["report.xml"]) == []
    assert dangling(json.loads(texts["oscal.json"])) == []


@often
@any_results
def test_findings_are_counted_alike(results: Results):
    found, waived = results.counts.findings, results.counts.waived
    assert in_sarif(results) == {each: found[each] - waived[each] for each in Severity}
    assert in_csv(results, "severity", lambda row: row["fingerprint"]) == found
    risks = json.loads(oscal.render(results))["assessment-results"]["results"][0].get("risks", [])
    covered = sum(item.waiver is not None and not item.findings for c in results.controls for item in c.requirements)
    assert len(risks) == sum(found.values()) + covered
    failed = [each for c in controls_of_hdf(results) for each in c["results"] if each["status"] == "failed"]
    assert len(failed) == sum(found.values())
    cases = ET.fromstring(junit.render(results)).iter("failure")
    assert sum(int(re.match(r"([\d,]+) finding", case.get("message"))[1]) for case in cases) == sum(found.values())


@often
@any_results
def test_requirements_are_counted_alike(results: Results):
    counts = results.counts.requirements
    assert in_csv(results, "outcome", lambda row: row["requirement"], once_by="requirement") == counts
    root = ET.fromstring(junit.render(results))
    assert len(root.findall(".//failure")) == counts[Outcome.FAILED]
    assert len(root.findall(".//error")) == counts[Outcome.ERROR] + counts[Outcome.INCONCLUSIVE]
    result = json.loads(oscal.render(results))["assessment-results"]["results"][0]
    outcomes = Counter(
        prop["value"] for each in result.get("findings", []) for prop in each["props"] if prop["name"] == "outcome"
    )
    assert outcomes == {o: counts[o] for o in Outcome if counts[o] and o is not Outcome.NOT_APPLICABLE}
    states = Counter(each["target"]["status"]["state"] for each in result.get("findings", []))
    assert states["satisfied"] == counts[Outcome.PASSED]
    assert result_counts(result) == {f"requirements-{name.replace('_', '-')}": str(n) for name, n in counts.items()}


@often
@any_results
def test_heimdall_shows_what_came_out(results: Results):
    shown = Counter(heimdall_status(each) for each in controls_of_hdf(results))
    counts = results.counts.requirements
    without = sum(not control.requirements for control in results.controls)
    assert shown == Counter(
        {
            "Failed": counts[Outcome.FAILED],
            "Profile Error": counts[Outcome.ERROR] + counts[Outcome.INCONCLUSIVE],
            "Not Reviewed": counts[Outcome.NOT_REVIEWED] + without,
            "Not Applicable": counts[Outcome.NOT_APPLICABLE],
            "Passed": counts[Outcome.PASSED],
        }
    )


@often
@any_results
def test_people_read_the_same_numbers(results: Results):
    for text in (markdown.render(results), pull_request.render(results)):
        table = dict(re.findall(r"^\| ([a-z ]+) \| [\d,]+ \| ([\d,]+) \|$", text, re.MULTILINE))
        for outcome, count in results.counts.requirements.items():
            assert table[outcome.replace("_", " ")] == f"{count:,}"
        rows = dict(re.findall(r"^\| (critical|high|medium|low) \| ([\d,]+) \| [\d,]+ \|$", text, re.MULTILINE))
        assert rows == {severity: f"{count:,}" for severity, count in results.counts.findings.items()}
        listed = len(re.findall(r"^- \*\*(critical|high|medium|low)", text, re.MULTILINE))
        left = re.search(r"\*\*([\d,]+) further", text)
        assert listed + (int(left[1].replace(",", "")) if left else 0) == len(results.findings)


def in_sarif(results: Results) -> dict[Severity, int]:
    run = json.loads(sarif.render(results))["runs"][0]
    levels = Counter(result["properties"]["severity"] for result in run["results"])
    for result in run["results"]:
        rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
        assert rule["id"] == result["ruleId"]
        assert rule["properties"]["security-severity"] == sarif._SCORES[Severity(result["properties"]["severity"])]
    return {severity: levels[severity] for severity in Severity}


def in_csv(results: Results, column: str, wanted, once_by: str = "") -> dict[str, int]:
    text = spreadsheet.render(results).removeprefix("\ufeff")
    rows = [row for row in csv.DictReader(io.StringIO(text, newline="")) if wanted(row)]
    if once_by:
        rows = list({row[once_by]: row for row in rows}.values())
    counted = Counter(row[column] for row in rows)
    names = Severity if column == "severity" else Outcome
    return {name: counted[name] for name in names}


def controls_of_hdf(results: Results) -> list[dict]:
    return json.loads(hdf.render(results))["profiles"][0]["controls"]


def heimdall_status(control: dict) -> str:
    """As inspecjs computes it (HDFControl_1_0.compute_status)."""
    kinds = [result["status"] for result in control["results"]]
    if not kinds or "error" in kinds:
        return "Profile Error"
    if control.get("waiver_data", {}).get("skipped_due_to_waiver") or control["impact"] == 0:
        return "Not Applicable"
    return next(
        word
        for kind, word in (("failed", "Failed"), ("passed", "Passed"), ("skipped", "Not Reviewed"))
        if kind in kinds
    )


def result_counts(result: dict) -> dict[str, str]:
    return {prop["name"]: prop["value"] for prop in result["props"] if prop["name"].startswith("requirements-")}
