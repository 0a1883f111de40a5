"""From a check to results.json: every way a check can end, and what the run then says."""

import json

import pytest

from chimera_compliance import recorder, report
from chimera_compliance.checklist import Checklist
from chimera_compliance.gate import frozen

CHECKLIST = """
controls:
  - id: C01
    title: The first
    clause: ADR-005 §1
    requirements:
      - {id: C01.1, test: test_one, severity: high, sentence: One holds., remediation: Do one.}
      - {id: C01.2, test: test_two, severity: low, sentence: Two holds., remediation: Do two.}
  - id: C02
    title: The second
    clause: ADR-005 §2
    requirements: []
"""

PRELUDE = """
import pytest
from chimera_compliance import Inconclusive, Problem, control, reject
from chimera_compliance.outcomes import NotReviewed
pytestmark = control("C01")
def seen(journal):
    journal.record("http", "GET /", sent={}, received={"status": 200})
"""
PASSES = "def test_two(journal):\n    seen(journal)\n"


@pytest.fixture
def run(pytester, monkeypatch):
    """Runs checks of this text in a suite of their own; the exit code and results.json."""
    (pytester.path / "checklist.yaml").write_text(CHECKLIST)
    (pytester.path / "target.yaml").write_text("name: a stack\nrepo: {path: .}\n")
    monkeypatch.setattr(recorder, "CHECKS", pytester.path)
    checklist = Checklist.load(pytester.path / "checklist.yaml")
    monkeypatch.setattr(recorder.Checklist, "load", classmethod(lambda cls: checklist))
    (pytester.path / "requirements.lock").write_text(frozen.frozen_list(checklist))
    monkeypatch.setattr(frozen, "LOCK", pytester.path / "requirements.lock")
    conftest = (recorder.HOME / "conftest.py").read_text()
    pytester.makeconftest(conftest)

    def run(text: str, *arguments: str, target: str = "target.yaml"):
        pytester.makepyfile(test_c01_first=PRELUDE + text)
        result = pytester.runpytest_inprocess(
            f"--target={target}", "--out=out", "-pno:cacheprovider", *arguments, "test_c01_first.py"
        )
        file = pytester.path / "out" / "results.json"
        return result, json.loads(file.read_text()) if file.exists() else None

    return run


def requirement(results: dict, name: str) -> dict:
    return next(item for control in results["controls"] for item in control["requirements"] if item["id"] == name)


def test_all_green_is_exit_0(run):
    result, results = run("def test_one(journal):\n    seen(journal)\n" + PASSES, "--controls=C01")
    assert result.ret == 0
    assert results["verdict"] == "passed"
    assert results["counts"]["requirements"]["passed"] == 2


def test_a_control_without_checks_is_not_reviewed_and_exit_2(run):
    result, results = run("def test_one(journal):\n    seen(journal)\n" + PASSES, "--controls=C01,C02")
    assert result.ret == 2
    assert results["controls"][1]["outcome"] == "not_reviewed"
    assert results["controls"][1]["reasons"]


def test_each_offender_is_a_finding_with_its_evidence(run):
    text = """
def test_one(journal):
    seen_id = journal.record("http", "GET /a", sent={"path": "/a"}, received={"status": 200}, reproduce="curl /a")
    first = Problem("GET /a", "is open", expected="401", actual="200", observation=seen_id)
    reject([first, Problem("GET /b", "is open")])
"""
    result, results = run(text + PASSES, "--controls=C01")
    findings = requirement(results, "C01.1")["findings"]
    assert result.ret == 1
    assert [finding["subject"] for finding in findings] == ["GET /a", "GET /b"]
    assert findings[0]["evidence"]["reproduce"] == "curl /a"
    assert findings[0]["severity"] == "high"
    assert len({finding["fingerprint"] for finding in findings}) == 2
    assert results["counts"]["findings"]["high"] == 2


@pytest.mark.parametrize(
    ("body", "outcome", "code"),
    [
        ("    pass\n", "inconclusive", 2),
        ("    raise Inconclusive('why not')\n", "inconclusive", 2),
        ("    raise NotReviewed('why not')\n", "not_reviewed", 2),
        ("    pytest.skip('why not')\n", "not_reviewed", 2),
        ("    raise OSError('why not')\n", "error", 2),
        ("    assert 1 == 2, 'why not'\n", "failed", 1),
        ("    seen(journal)\n    coverage.untested('GET /a', 'why not')\n", "inconclusive", 2),
    ],
)
def test_every_other_end_is_neither_a_pass_nor_a_traceback(run, body, outcome, code):
    result, results = run(f"def test_one(journal, coverage):\n{body}" + PASSES, "--controls=C01")
    assert result.ret == code
    assert requirement(results, "C01.1")["outcome"] == outcome
    assert results["verdict"] == outcome
    assert "Traceback" not in result.stdout.str()
    if body != "    pass\n":
        told = json.dumps(requirement(results, "C01.1"))
        assert "why not" in told


def test_a_file_named_on_the_command_line_selects_its_control(run):
    result, results = run("def test_one(journal):\n    seen(journal)\n" + PASSES)
    assert result.ret == 0
    assert results["run"]["controls_selected"] == ["C01"]


def test_a_missing_facet_is_not_reviewed(run):
    result, results = run("def test_one(api):\n    pass\n" + PASSES, "--controls=C01")
    assert result.ret == 2
    assert requirement(results, "C01.1")["reasons"] == ["the target file has no api section"]


def test_a_declared_requirement_is_not_applicable_and_not_run(run, pytester):
    (pytester.path / "na.yaml").write_text("name: x\nrepo: {path: .}\nnot_applicable: {C01.1: there is none}\n")
    result, results = run("def test_one():\n    assert False\n" + PASSES, "--controls=C01", target="na.yaml")
    assert result.ret == 0
    assert requirement(results, "C01.1")["outcome"] == "not_applicable"
    assert requirement(results, "C01.1")["reasons"] == ["there is none"]


def test_a_run_of_nothing_but_not_applicable_is_not_clean(run, pytester):
    (pytester.path / "na.yaml").write_text("name: x\nrepo: {path: .}\nnot_applicable: {C01: there is none}\n")
    result, _ = run("def test_one():\n    pass\n" + PASSES, "--controls=C01", target="na.yaml")
    assert result.ret == 2


def test_deselected_checks_are_not_reviewed(run):
    result, results = run("def test_one(journal):\n    seen(journal)\n" + PASSES, "--controls=C01", "-k", "one")
    assert result.ret == 2
    assert requirement(results, "C01.2")["reasons"] == ["not run"]


def test_no_check_at_all_is_exit_2(run):
    result, results = run("def test_one():\n    pass\n" + PASSES, "--controls=C02")
    assert result.ret == 2
    assert results["verdict"] == "not_reviewed"


def test_a_check_without_requirement_is_an_error(run):
    result, _ = run("def test_three():\n    pass\n")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*test_three proves no requirement of config/checklist.yaml*"])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--controls=C99"], "no such control: C99"),
        (["--controls=,"], "no such control"),
    ],
)
def test_bad_arguments_are_one_line_and_exit_4(run, arguments, says):
    result, results = run(PASSES, *arguments)
    assert result.ret == 4
    assert says in result.stderr.str()
    assert results is None


def test_a_missing_target_is_exit_4(run):
    result, _ = run(PASSES, target="nowhere.yaml")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*cannot read nowhere.yaml: No such file or directory*"])


def test_an_interrupted_run_keeps_what_it_saw(run):
    text = "def test_one(journal):\n    seen(journal)\ndef test_two():\n    raise KeyboardInterrupt\n"
    result, results = run(text, "--controls=C01")
    assert result.ret == 130
    assert results["run"]["interrupted"]
    assert requirement(results, "C01.1")["outcome"] == "passed"
    assert requirement(results, "C01.2")["outcome"] == "not_reviewed"


def test_secrets_reach_no_output(run, pytester):
    text = """
def test_one(journal):
    journal.redact.add("hunter2-hunter2", "PASSWORD")
    token = "hunter2-hunter2"
    assert token == "", token
def test_two(journal):
    raise RuntimeError("hunter2-hunter2")
"""
    result, _ = run(text, "--controls=C01", "--showlocals", "-vv")
    written = "".join(file.read_text() for file in (pytester.path / "out").iterdir())
    assert "hunter2" not in written
    assert "hunter2" not in result.stdout.str()


def test_a_full_disk_is_told_and_never_clean(run, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(report, "write_all", full)
    result, results = run("def test_one(journal):\n    seen(journal)\n" + PASSES, "--controls=C01")
    assert result.ret == 2
    assert results is None
    result.stdout.fnmatch_lines(["error: cannot write the reports to *No space left on device*"])


def test_a_format_that_cannot_be_made_costs_nobody_the_others(run, monkeypatch):
    from chimera_compliance.report import html

    monkeypatch.setattr(html, "render", lambda results: 1 / 0)
    result, results = run("def test_one(journal):\n    seen(journal)\n" + PASSES, "--controls=C01")
    assert result.ret == 2
    assert results["verdict"] == "passed"
    result.stdout.fnmatch_lines(["error: not all reports could be made: report.html: ZeroDivisionError*"])


def test_a_run_of_no_check_starts_nothing(pytester):
    pytester.makepyfile(
        "def test_of_the_suite(pytestconfig):\n"
        "    assert pytestconfig.pluginmanager.get_plugin('compliance-recorder') is None"
    )
    pytester.makeconftest((recorder.HOME / "conftest.py").read_text())
    assert pytester.runpytest_inprocess("-pno:cacheprovider").ret == 0


def test_a_check_file_that_cannot_be_loaded_is_told(run):
    result, results = run("import no_such_module_anywhere\n")
    assert result.ret == 2
    assert "No module named 'no_such_module_anywhere'" in results["notes"][0]
    assert not results["run"]["interrupted"]


def test_a_folder_used_again_holds_the_observations_of_the_last_run_alone(run, pytester):
    for _ in range(2):
        run("def test_one(journal):\n    seen(journal)\n" + PASSES)
    assert len((pytester.path / "out" / "observations.jsonl").read_text().splitlines()) == 2
