"""OSCAL assessment results: valid against NIST's schema, references that lead somewhere, waivers as risks."""

import json

import sample_builders
import sample_results
import schemas

from chimera_compliance.outcomes import Outcome
from chimera_compliance.report import oscal
from chimera_compliance.report.oscal_references import dangling
from chimera_compliance.results import Waiver


def document(results) -> dict:
    text = oscal.render(results)
    assert schemas.problems_of_oscal(text) == []
    assert dangling(json.loads(text)) == []
    return json.loads(text)["assessment-results"]


def waiver(*, expired: bool) -> Waiver:
    return Waiver(
        requirement="C04.1",
        owner="Ann Owner",
        approver="Bea Approver",
        reason="Migrated in March.",
        ticket="SEC-1",
        expires="2027-03-31T23:59:59+05:45",
        expired=expired,
        days_left=1,
    )


def with_waiver(*, expired: bool):
    results = sample_results.realistic()
    accepted = waiver(expired=expired)
    next(finding for finding in results.findings if finding.requirement == "C04.1").waiver = accepted
    return results.model_copy(update={"waivers": [accepted]})


def test_only_what_passed_is_satisfied():
    result = document(sample_results.realistic())["results"][0]
    states = {each["target"]["target-id"]: each["target"]["status"] for each in result["findings"]}
    assert states["C03.1"] == {"state": "satisfied", "reason": "pass"}
    assert states["C03.2"] == {"state": "not-satisfied", "reason": "fail"}
    assert states["C04.5"]["state"] == "not-satisfied"
    assert states["C04.5"]["reason"] == "other"
    assert "permission denied" in states["C04.5"]["remarks"]


def test_what_does_not_apply_is_excluded_with_its_reason():
    result = document(sample_results.realistic())["results"][0]
    objectives = result["reviewed-controls"]["control-objective-selections"][0]
    assert [each["objective-id"] for each in objectives["exclude-objectives"]] == ["C03.7"]
    assert "no refresh tokens" in objectives["exclude-objectives"][0]["remarks"]
    assert "C03.7" not in {each["target"]["target-id"] for each in result["findings"]}


def test_a_waiver_is_an_approved_deviation_with_a_deadline():
    whole = document(with_waiver(expired=False))
    risk = next(each for each in whole["results"][0]["risks"] if each["status"] == "deviation-approved")
    assert risk["deadline"] == "2027-03-31T18:14:59Z"
    entry = risk["risk-log"]["entries"][0]
    names = {party["uuid"]: party["name"] for party in whole["metadata"]["parties"]}
    assert [names[each["party-uuid"]] for each in entry["logged-by"]] == ["Ann Owner", "Bea Approver"]
    finding = next(each for each in whole["results"][0]["findings"] if each["target"]["target-id"] == "C04.1")
    assert finding["target"]["status"]["state"] == "not-satisfied"


def test_an_expired_waiver_leaves_the_risk_open():
    risks = document(with_waiver(expired=True))["results"][0]["risks"]
    assert {each["status"] for each in risks} == {"open"}
    assert next(each for each in risks if "deadline" in each)["risk-log"]["entries"][0]["status-change"] == "open"


def test_a_run_without_findings_has_no_empty_lists():
    result = document(sample_results.green())["results"][0]
    assert "risks" not in result


def test_nothing_at_all_is_still_a_document():
    document(sample_builders.of({}))
    document(
        sample_builders.of(
            {"C03": [sample_builders.requirement("C03.1", "x", Outcome.NOT_APPLICABLE)]}, selected=["C03"]
        )
    )


def test_the_same_results_make_the_same_document():
    assert oscal.render(sample_results.realistic()) == oscal.render(sample_results.realistic())


def test_a_reference_to_nothing_is_seen():
    assert dangling({"uuid": "a", "x": [{"party-uuid": "b"}, {"href": "#c"}, {"uuid": "a"}]}) == ["b", "c", "a"]
