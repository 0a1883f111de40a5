"""Checks of three lines against a target that is never contacted: real runs, real files, no stack."""

import json

import pytest

from chimera_compliance import recorder
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
import os
import pytest
from chimera_compliance import Inconclusive, Problem, control, reject
from chimera_compliance.outcomes import NotReviewed
pytestmark = control("C01")

def look(coverage, wrong, known="a b c", untested=""):
    coverage.unit = "tables"
    coverage.tested(known.split())
    for name in untested.split():
        coverage.untested(name, "locked")
    reject([Problem(f"table {name}" if name.isupper() else name, "is open", expected="shut") for name in wrong.split()])
"""


class Suite:
    """A suite of two requirements, whose checks are given anew for each run."""

    def __init__(self, pytester) -> None:
        self.pytester = pytester
        self.path = pytester.path
        self.output = ""

    def write(self, name: str, text: str):
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def run(self, one: str = "look(coverage, '')", two: str = "look(coverage, '')", *arguments: str, out: str = "out"):
        """Exit code and results; `one` and `two` are what the two checks do."""
        for cached in self.path.glob("__pycache__/test_c01*"):
            cached.unlink()
        text = f"{PRELUDE}def test_one(coverage):\n    {one}\ndef test_two(coverage):\n    {two}\n"
        self.write("test_c01_first.py", text)
        shared = ["--target=target.yaml", "--controls=C01", "-pno:cacheprovider", f"--out={out}", *arguments]
        last = {argument.split("=")[0]: argument for argument in shared}
        result = self.pytester.runpytest_inprocess(*last.values(), "test_c01_first.py")
        self.output = result.stdout.str() + result.stderr.str()
        file = self.path / out / "results.json"
        return int(result.ret), json.loads(file.read_text()) if file.exists() else None


@pytest.fixture
def suite(pytester, monkeypatch) -> Suite:
    """The suite, with its checklist, its frozen list and its target."""
    suite = Suite(pytester)
    checklist = Checklist.load(suite.write("checklist.yaml", CHECKLIST))
    suite.write("requirements.lock", frozen.frozen_list(checklist))
    suite.write("target.yaml", "name: a stack\nrepo: {path: .}\n")
    monkeypatch.setattr(recorder, "CHECKS", suite.path)
    monkeypatch.setattr(recorder.Checklist, "load", classmethod(lambda cls: checklist))
    monkeypatch.setattr(frozen, "LOCK", suite.path / "requirements.lock")
    pytester.makeconftest((recorder.HOME / "conftest.py").read_text())
    return suite


def findings(results: dict) -> dict[str, dict]:
    """Findings by subject."""
    return {
        finding["subject"]: finding
        for control in results["controls"]
        for requirement in control["requirements"]
        for finding in requirement["findings"]
    }
