"""The gate's policy: what blocks, what is let through, and that nothing passes for not having been looked at."""

import pytest
from gate.conftest import findings

OUTCOMES = {"inconclusive": "raise Inconclusive('x')", "error": "raise OSError('x')"}


@pytest.mark.parametrize(("level", "code"), [("low", 1), ("medium", 1), ("HIGH", 1), ("critical", 0)])
def test_the_threshold(suite, level, code):
    result, results = suite.run("look(coverage, 'a')", "look(coverage, '')", f"--fail-on={level}")
    assert result == code
    assert results["verdict"] == "failed"
    assert results["counts"]["findings"]["high"] == 1
    assert findings(results)["a"]["tolerated"] == ("below_threshold" if code == 0 else "")


def test_the_target_file_sets_the_policy_and_the_command_line_goes_before_it(suite):
    suite.write("target.yaml", "name: a stack\nrepo: {path: .}\ngate: {fail_on: critical}\n")
    assert suite.run("look(coverage, 'a')")[0] == 0
    assert suite.run("look(coverage, 'a')", "look(coverage, '')", "--fail-on=high")[0] == 1


@pytest.mark.parametrize("name", ["grave", "", "passed"])
def test_an_unknown_threshold_is_bad_configuration(suite, name):
    if name:
        assert suite.run("pass", "pass", f"--fail-on={name}")[0] == 4
        assert "critical, high, medium, low" in suite.output
    suite.write("target.yaml", f"name: a stack\nrepo: {{path: .}}\ngate:\n  fail_on: '{name}'\n")
    assert suite.run("pass", "pass")[0] == 4
    assert "target.yaml:4: gate.fail_on" in suite.output


def test_what_was_not_reviewed_blocks_unless_the_policy_allows_it(suite):
    assert suite.run("raise NotReviewed('no database')")[0] == 2
    suite.write("target.yaml", "name: a stack\nrepo: {path: .}\ngate: {not_reviewed: allow}\n")
    code, results = suite.run("raise NotReviewed('no database')")
    assert code == 0
    assert results["verdict"] == "not_reviewed"
    assert results["gate"]["tolerated"] == ["1 requirement not reviewed"]


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_the_policy_allows_nothing_else(suite, outcome):
    suite.write("target.yaml", "name: a stack\nrepo: {path: .}\ngate: {not_reviewed: allow}\n")
    code, results = suite.run(OUTCOMES[outcome])
    assert code == 2
    assert results["gate"]["reasons"][0].startswith(f"C01.1 {outcome}")


def test_nothing_passes_because_nothing_was_looked_at(suite):
    suite.write("target.yaml", "name: a stack\nrepo: {path: .}\ngate: {not_reviewed: allow}\n")
    code, results = suite.run("raise NotReviewed('x')", "raise NotReviewed('x')")
    assert code == 2
    assert "nothing shows that anything was looked at" in results["gate"]["reasons"][0]
    assert suite.run("pass", "pass", "--controls=C02")[0] == 2


def test_a_tolerated_finding_does_not_cover_for_what_was_not_decided(suite):
    code, results = suite.run("look(coverage, 'a', untested='b')", "look(coverage, '')", "--fail-on=critical")
    assert code == 2
    assert results["gate"]["reasons"] == ["C01.1 not tested on 1 of 3 tables"]


def test_a_case_in_error_beside_a_tolerated_finding_still_counts(suite):
    suite.write(
        "test_c01_first.py",
        "import pytest\nfrom chimera_compliance import Problem, control, reject\npytestmark = control('C01')\n"
        "@pytest.mark.parametrize('way', ['finds', 'breaks'])\n"
        "def test_one(coverage, way):\n    coverage.tested('a')\n"
        "    if way == 'breaks':\n        raise OSError('x')\n    reject([Problem('a', 'is open')])\n"
        "def test_two(coverage):\n    coverage.tested('a')\n",
    )
    result = suite.pytester.runpytest_inprocess(
        "--target=target.yaml", "--out=out", "--fail-on=critical", "-pno:cacheprovider", "test_c01_first.py"
    )
    assert int(result.ret) == 2


def test_only_what_is_new_against_a_baseline_blocks(suite):
    suite.run("look(coverage, 'a')", out="accepted")
    code, results = suite.run("look(coverage, 'a')", "look(coverage, '')", "--baseline=accepted/results.json")
    assert code == 0
    assert findings(results)["a"]["tolerated"] == "baseline"
    assert results["gate"]["policy"]["baseline"] == "results.json"
    assert len(results["gate"]["policy"]["baseline_digest"]) == 64
    for _ in range(2):  # a second time it is still new: against the baseline, not against yesterday
        code, results = suite.run("look(coverage, 'a b')", "look(coverage, '')", "--baseline=accepted/results.json")
        assert code == 1
        assert results["gate"]["reasons"] == ["1 high finding"]


def test_what_got_worse_than_in_the_baseline_blocks(suite):
    milder = "coverage.tested('a'); reject([Problem('a', 'is open')], severity='low') if 0 else"
    milder = "coverage.tested('a')\n    from chimera_compliance.outcomes import Severity\n"
    milder += "    reject([Problem('a', 'is open', severity=Severity.LOW)])"
    suite.run(milder, out="accepted")
    assert suite.run("look(coverage, 'a')", "look(coverage, '')", "--baseline=accepted/results.json")[0] == 1
    assert suite.run(milder, "look(coverage, '')", "--baseline=accepted/results.json")[0] == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [("{", "not a baseline"), ('{"schema_version": "0.1"}', "schema version 0.1"), (None, "No such file")],
)
def test_a_baseline_that_cannot_be_used_stops_the_run_before_it_begins(suite, content, message):
    if content is not None:
        suite.write("accepted.json", content)
    code, results = suite.run("pass", "pass", "--baseline=accepted.json")
    assert (code, results) == (4, None)
    assert message in suite.output


def test_a_baseline_of_another_target_is_refused(suite):
    suite.run("look(coverage, 'a')", out="accepted")
    suite.write("target.yaml", "name: another\nrepo: {path: .}\n")
    assert suite.run("pass", "pass", "--baseline=accepted/results.json", out="other")[0] == 4
    assert "of another target: a stack" in suite.output


def test_a_dropped_check_is_noticed_and_nothing_tolerates_it(suite):
    lock = suite.path / "requirements.lock"
    lock.write_text(lock.read_text() + "C01.3 test_three 0123456789ab\n")
    suite.write("target.yaml", "name: a stack\nrepo: {path: .}\ngate: {not_reviewed: allow}\n")
    code, results = suite.run()
    assert code == 2
    missing = results["controls"][0]["requirements"][-1]
    assert (missing["id"], missing["outcome"], missing["test"]) == ("C01.3", "error", "test_three")
    assert any(reason.startswith("C01.3 was not run") for reason in results["gate"]["reasons"])


def test_a_suite_without_its_frozen_list_is_not_whole(suite):
    (suite.path / "requirements.lock").unlink()
    assert suite.run()[0] == 4
    assert "the suite is not whole" in suite.output
