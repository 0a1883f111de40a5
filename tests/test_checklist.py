"""The golden list and the checks agree: no requirement without a test, no test without a requirement."""

import ast

from chimera_compliance.checklist import Checklist
from chimera_compliance.home import CHECKS


def functions() -> set[tuple[str, str]]:
    found = set()
    for file in CHECKS.glob("test_c*.py"):
        tree = ast.parse(file.read_text())
        names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
        assert len(names) == len(set(names)), f"{file.name} defines a check twice"
        found |= {(file.name[5:8].upper(), name) for name in names}
    return found


def test_every_requirement_has_its_test_and_every_test_its_requirement():
    assert set(Checklist.load().by_test) == functions()


def test_there_are_the_twelve_controls_in_order():
    assert [control.id for control in Checklist.load().controls] == [f"C{number:02}" for number in range(1, 13)]


def test_ids_and_tests_are_unique_and_belong_to_their_control():
    checklist = Checklist.load()
    requirements = [item for control in checklist.controls for item in control.requirements]
    assert len({item.id for item in requirements}) == len(requirements)
    assert len(checklist.by_test) == len(requirements)
    assert all(item.id.startswith(control.id) for control in checklist.controls for item in control.requirements)


def test_each_requirement_can_be_read_and_acted_on():
    for control in Checklist.load().controls:
        assert control.clause.startswith("ADR-005")
        assert control.references
        for item in control.requirements:
            assert len(item.sentence) > 20, item.id
            assert len(item.remediation) > 20, item.id
