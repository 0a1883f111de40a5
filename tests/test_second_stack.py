"""The suite judges properties and no habits: a secure stack of another style is green by its target file alone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from second_stack.serve import running

from chimera_compliance.errors import EXIT_CLEAN, EXIT_INCOMPLETE
from chimera_compliance.home import HOME

CONTROLS = "C03,C04,C05,C07,C10,C12"


@pytest.fixture(scope="module")
def helpdesk():
    with running(lifetime_seconds=7) as folder:  # renewed 5 s before they expire: every other second
        yield folder


def verify(target: Path, out: Path) -> tuple[int, list[dict]]:
    """The exit code and every requirement."""
    command = [sys.executable, "-m", "chimera_compliance.cli", "verify", "--controls", CONTROLS, "--out", str(out)]
    run = subprocess.run([*command, "--target", str(target)], cwd=HOME, capture_output=True, text=True, timeout=300)
    controls = json.loads((out / "results.json").read_text())["controls"]
    assert [control["id"] for control in controls if control["requirements"]] == CONTROLS.split(","), run.stderr
    return run.returncode, [item for control in controls for item in control["requirements"]]


def told(items: list[dict]) -> list[str]:
    """Each with its first finding or reason."""
    return [f"{item['id']} {item['outcome']}: {item['findings'][:1] or item['reasons'][:1]}" for item in items]


def test_everything_is_green_for_who_holds_the_key(helpdesk, tmp_path):
    code, items = verify(helpdesk / "minting.yaml", tmp_path)
    assert told([item for item in items if item["outcome"] not in ("passed", "not_applicable")]) == []
    assert code == EXIT_CLEAN


def test_without_the_key_all_but_what_needs_it_is_green(helpdesk, tmp_path):
    """Tokens are obtained by signing in, and renewed: they live shorter than the checks take."""
    code, items = verify(helpdesk / "target.yaml", tmp_path)
    lacking = [item for item in items if item["outcome"] not in ("passed", "not_applicable")]
    others = [item for item in lacking if "tokens.mint" not in str(item["reasons"])]
    assert told(others) == []
    assert {item["outcome"] for item in items} == {"passed", "not_reviewed", "not_applicable"}
    assert code == EXIT_INCOMPLETE


def test_checks_and_probes_do_not_know_it():
    words = ("helpdesk", "second_stack", "x-desk-badge", "desk_worker", "northwind")
    files = [*(HOME / "checks").glob("*.py"), *(HOME / "chimera_compliance").rglob("*.py")]
    assert not [file for file in files if any(word in file.read_text(encoding="utf-8").lower() for word in words)]
