"""NEW, STILL, FIXED and REGRESSED over real runs, and what may be called none of them."""

import json

import pytest
from gate.conftest import findings


def statuses(results: dict) -> dict[str, str]:
    found = {subject: finding["status"] for subject, finding in findings(results).items()}
    found |= {item["subject"]: "fixed" for item in results["fixed"]}
    return found | {item["subject"]: "not retested" for item in results["not_retested"]}


def test_four_states_over_three_runs(suite):
    _, first = suite.run("look(coverage, 'a b')")
    assert statuses(first) == {"a": None, "b": None}
    assert first["previous"] is None
    assert first["counts"]["statuses"] == {}
    _, second = suite.run("look(coverage, 'b c')")
    assert statuses(second) == {"a": "fixed", "b": "still", "c": "new"}
    assert second["previous"]["run"] == first["run"]["id"]
    assert second["previous"]["compared"]
    _, third = suite.run("look(coverage, 'a c')")
    assert statuses(third) == {"a": "regressed", "b": "fixed", "c": "still"}
    assert third["counts"]["statuses"] == {"new": 0, "regressed": 1, "still": 1, "fixed": 1}


def test_what_was_fixed_long_ago_is_remembered(suite):
    _, first = suite.run("look(coverage, 'a')")
    _, second = suite.run()
    suite.run()
    _, fourth = suite.run()
    assert fourth["fixed_before"] == {findings(first)["a"]["fingerprint"]: second["run"]["id"]}
    _, fifth = suite.run("look(coverage, 'a')")
    assert statuses(fifth) == {"a": "regressed"}
    assert fifth["fixed_before"] == {}


def test_a_finding_tells_since_when_it_stands(suite):
    _, first = suite.run("look(coverage, 'a')")
    suite.run("look(coverage, 'a')")
    _, third = suite.run("look(coverage, 'a b')")
    assert findings(third)["a"]["since"] == first["run"]["started"]
    assert findings(third)["b"]["since"] == third["run"]["started"]


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        ("raise Inconclusive('no answer')", "its requirement came out inconclusive"),
        ("raise NotReviewed('no database')", "its requirement came out not reviewed"),
        ("raise OSError('broken')", "its requirement came out error"),
        ("look(coverage, 'b', known='b c')", "this run knows no such member of the tables"),
        ("look(coverage, '', known='b c')", "this run knows no such member of the tables"),
        ("look(coverage, 'b', untested='a')", "it could not be tested: locked"),
    ],
)
def test_what_nobody_looked_at_again_is_not_fixed(suite, check, reason):
    suite.run("look(coverage, 'a')")
    _, second = suite.run(check)
    assert statuses(second)["a"] == "not retested"
    assert second["not_retested"][0]["reason"] == reason
    _, third = suite.run("look(coverage, 'a')")
    assert statuses(third)["a"] == "still"
    _, fourth = suite.run()
    assert statuses(fourth) == {"a": "fixed"}
    assert fourth["fixed"][0]["reason"] == "tested again and right"


def test_a_control_left_out_fixes_nothing(suite):
    suite.run("look(coverage, 'a')")
    _, second = suite.run("pass", "pass", "--controls=C02")
    assert statuses(second) == {"a": "not retested"}


def test_a_subject_outside_any_population_is_fixed_only_when_its_requirement_passes(suite):
    suite.run("look(coverage, 'X Y')")
    _, second = suite.run("look(coverage, 'X')")
    assert statuses(second) == {"table X": "still", "table Y": "not retested"}
    _, third = suite.run()
    assert statuses(third) == {"table X": "fixed", "table Y": "fixed"}


def test_new_where_nobody_had_looked_is_told_apart(suite):
    suite.run("raise Inconclusive('no answer')")
    _, second = suite.run("look(coverage, 'a')", "look(coverage, 'b')")
    assert statuses(second) == {"a": "new", "b": "new"}
    assert {subject: found["first_look"] for subject, found in findings(second).items()} == {"a": True, "b": False}


def test_the_previous_run_can_be_named(suite):
    suite.run("look(coverage, 'a')", out="monday")
    _, second = suite.run("look(coverage, 'a')", "look(coverage, '')", "--previous=monday/results.json", out="tuesday")
    assert statuses(second) == {"a": "still"}
    _, alone = suite.run("look(coverage, 'a')", out="wednesday")
    assert alone["previous"] is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "not valid JSON"),
        ("", "not valid JSON"),
        ("[]", "no results.json"),
        ("[" * 100_000, "not valid JSON"),
        ('{"schema_version": "9.0"}', "schema version 9.0"),
        ('{"schema_version": "1.0", "run": 7}', "not as its schema version says"),
        ("\xff\xfe", "not valid JSON"),
    ],
)
def test_a_previous_run_that_cannot_be_read_is_told(suite, content, reason):
    (suite.path / "before.json").write_text(content, encoding="latin-1")
    code, results = suite.run("look(coverage, '')", "look(coverage, '')", "--previous=before.json")
    assert code == 0
    assert not results["previous"]["compared"]
    assert reason in results["previous"]["reason"]
    assert any(reason in note for note in results["notes"])
    assert reason in suite.output


def test_a_previous_run_cut_off_at_any_place_is_told(suite):
    suite.run("look(coverage, 'a')", out="before")
    whole = (suite.path / "before" / "results.json").read_text()
    for length in (1, len(whole) // 2, len(whole) - 3):
        (suite.path / "cut.json").write_text(whole[:length])
        _, results = suite.run("look(coverage, 'a')", "look(coverage, '')", "--previous=cut.json")
        assert statuses(results) == {"a": None}


def test_a_run_of_another_target_is_not_compared_with(suite):
    suite.run("look(coverage, 'a')")
    suite.write("target.yaml", "name: another stack\nrepo: {path: .}\n")
    code, results = suite.run("look(coverage, 'a')")
    assert code == 1
    assert statuses(results) == {"a": None}
    assert "another target" in results["previous"]["reason"]


def test_a_previous_run_that_is_not_there_is_bad_configuration(suite):
    code, results = suite.run("look(coverage, '')", "look(coverage, '')", "--previous=nowhere.json")
    assert code == 4
    assert results is None
    assert "nowhere.json: there is no such file" in suite.output


def test_results_that_carry_a_history_can_be_read_back(suite):
    suite.run("look(coverage, 'a b')")
    _, second = suite.run("look(coverage, 'b')", "raise Inconclusive('x')")
    assert json.loads(json.dumps(second)) == second
    assert second["fixed"]
