"""HDF, as Heimdall reads it."""

import json

import sample_results
import schemas

from chimera_compliance.report import hdf
from chimera_compliance.results import Waiver


def controls(results) -> dict[str, dict]:
    text = hdf.render(results)
    assert schemas.problems_of_hdf(text) == []
    return {each["id"]: each for each in json.loads(text)["profiles"][0]["controls"]}


def test_a_requirement_is_a_control_with_a_result_for_each_finding():
    found = controls(sample_results.realistic())
    assert [each["status"] for each in found["C03.2"]["results"]] == ["failed"] * 3
    assert found["C03.2"]["impact"] == 0.9
    assert found["C03.2"]["tags"]["nist"] == ["IA-2", "IA-8", "AC-3", "AC-14"]
    assert "reproduce: curl" in found["C03.2"]["results"][0]["message"]
    assert found["C03.1"]["results"][0]["code_desc"] == "17 of 17 operations tested"


def test_what_was_not_looked_at_is_skipped_with_its_reason():
    nobody = controls(sample_results.realistic())["C01"]["results"]
    assert [(each["status"], each["skip_message"]) for each in nobody] == [
        ("skipped", "this version of the suite has no check for it")
    ]


def test_a_waiver_is_told_and_hides_nothing():
    results = sample_results.realistic()
    finding = next(finding for finding in results.findings if finding.requirement == "C04.1")
    finding.tolerated = "waived"
    finding.waiver = Waiver(
        requirement="C04.1",
        owner="ann",
        approver="bea",
        reason="r",
        ticket="T",
        expires="2027-01-01T00:00:00+00:00",
        expired=False,
        days_left=3,
    )
    control = controls(results)["C04.1"]
    assert control["waiver_data"]["skipped_due_to_waiver"] is False
    assert control["results"][0]["status"] == "failed"
    assert "1 of 1 findings" in control["waiver_data"]["message"]
