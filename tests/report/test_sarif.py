"""SARIF as GitHub's code scanning takes it."""

import gzip
import json

import pytest
import sample_builders
import sample_results
import schemas

from chimera_compliance.outcomes import Outcome, Severity
from chimera_compliance.report import sarif
from chimera_compliance.results import Location, Results, Status, Waiver


def run_of(results: Results) -> dict:
    text = sarif.render(results)
    assert schemas.problems_of_sarif(text) == []
    return json.loads(text)["runs"][0]


def waived(results: Results) -> Results:
    """The same results with a waiver over the findings of C12.1."""
    waiver = Waiver(
        requirement="C12.1",
        owner="ann",
        approver="bea",
        reason="r",
        ticket="T-1",
        expires="2027-01-01T00:00:00+00:00",
        expired=False,
        days_left=9,
    )
    for finding in results.findings:
        if finding.requirement == "C12.1":
            finding.waiver, finding.tolerated = waiver, "waived"
    waived = {
        severity: sum(f.tolerated == "waived" and f.severity is severity for f in results.findings)
        for severity in Severity
    }
    return results.model_copy(
        update={"counts": results.counts.model_copy(update={"waived": waived}), "waivers": [waiver]}
    )


def test_a_finding_is_an_alert_with_all_that_github_reads():
    run = run_of(sample_results.realistic())
    assert len(run["results"]) == 20
    first = run["results"][0]
    assert first["ruleId"] == "C03.2"
    assert first["level"] == "error"
    assert first["message"]["text"].startswith("POST /commerce/transactions admitted a token that nobody signed")
    assert first["locations"][0]["physicalLocation"]["region"]["startLine"] == 1
    marks = [each["partialFingerprints"]["primaryLocationLineHash"] for each in run["results"]]
    assert len(set(marks)) == 20
    rule = run["tool"]["driver"]["rules"][first["ruleIndex"]]
    assert rule["properties"]["security-severity"] == "9.5"
    assert rule["shortDescription"]["text"] == "A token whose signature does not verify is refused."
    assert "external/cwe/cwe-347" in rule["properties"]["tags"]


def test_every_run_has_a_name_of_its_own():
    one = sample_results.green()
    other = one.model_copy(update={"run": one.run.model_copy(update={"id": "20270101T000000Z-aaaaaa"})})
    names = {run_of(each)["automationDetails"]["id"] for each in (one, other)}
    assert names == {"chimera-compliance/chimera-staging/" + each.run.id for each in (one, other)}


def test_the_fault_is_placed_in_its_file_or_where_the_subject_is_described():
    results = sample_results.realistic()
    results.findings[0].location = Location(file="src/app ü/main.py", line=31)
    results.findings[1].place = Location(file="api/openapi.yaml", line=88)
    results.run.target_file = "compliance/staging.yaml"
    places = [each["locations"][0]["physicalLocation"] for each in run_of(results)["results"][:3]]
    assert [place["artifactLocation"]["uri"] for place in places] == [
        "src/app%20%C3%BC/main.py",
        "api/openapi.yaml",
        "compliance/staging.yaml",
    ]
    assert [place["region"]["startLine"] for place in places] == [31, 88, 1]


@pytest.mark.parametrize("name", ["/etc/passwd", "//evil.example/x", "https://evil.example/x", "javascript:alert(1)"])
def test_a_place_is_never_an_address(name):
    results = sample_results.realistic()
    results.findings[0].location = Location(file=name)
    uri = run_of(results)["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert not uri.startswith("/")
    assert ":" not in uri


def test_what_a_waiver_covers_is_left_out_and_told():
    run = run_of(waived(sample_results.realistic()))
    assert len(run["results"]) == 11
    assert not any(each["ruleId"] == "C12.1" for each in run["results"])
    told = [each["message"]["text"] for each in run["invocations"][0]["toolExecutionNotifications"]]
    assert "9 findings covered by a waiver: left out here" in told


def test_what_is_undecided_is_told_and_is_no_alert():
    run = run_of(sample_results.realistic())
    told = "\n".join(each["message"]["text"] for each in run["invocations"][0]["toolExecutionNotifications"])
    assert "C04.5 error: InsufficientPrivilege" in told
    assert "C01 not reviewed: this version of the suite has no check for it" in told
    assert run["invocations"][0]["executionSuccessful"] is False


def test_a_finding_of_another_severity_than_its_requirement_has_a_rule_of_its_own():
    run = run_of(sample_results.many(9))
    low = next(each for each in run["results"] if each["level"] == "note")
    assert low["ruleId"] == "C03.2/low"
    assert run["tool"]["driver"]["rules"][low["ruleIndex"]]["properties"]["security-severity"] == "2.0"


def test_a_link_in_a_message_stays_text():
    found = sample_builders.finding("C03.1", "high", "[x](https://evil.example)", "is odd")
    results = sample_builders.of(
        {"C03": [sample_builders.requirement("C03.1", "It holds.", Outcome.FAILED, findings=[found])]}
    )
    assert run_of(results)["results"][0]["message"]["text"].startswith(r"\[x\](https")


def test_states_are_given_for_all_or_for_none():
    results = sample_results.realistic()
    assert not any("baselineState" in each for each in run_of(results)["results"])
    for finding in results.findings:
        finding.status = Status.REGRESSED
    assert {each["baselineState"] for each in run_of(results)["results"]} == {"new"}


def test_more_than_github_takes_is_left_out_from_the_least_severe_and_counted():
    text = sarif.render(sample_results.many(25_900))
    run = json.loads(text)["runs"][0]
    assert len(run["results"]) == 25_000
    assert len(gzip.compress(text.encode())) < 10_000_000
    assert [each["level"] for each in run["results"]].count("error") == 17_266
    assert run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"].startswith(
        "900 findings more than fit"
    )


def test_a_log_that_is_too_large_is_cut(monkeypatch):
    monkeypatch.setattr(sarif, "MOST_BYTES", 8_000)
    run = run_of(sample_results.many(500))
    assert 0 < len(run["results"]) < 500


def test_no_rule_has_more_tags_than_github_keeps():
    assert all(
        len(rule["properties"]["tags"]) <= 10 for rule in run_of(sample_results.realistic())["tool"]["driver"]["rules"]
    )
