"""The suite judges properties and no habits: a secure stack of another style is green by its target file alone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from second_stack.serve import running

from chimera_compliance.home import HOME

CONTROLS = "C03,C04,C12"


@pytest.fixture(scope="module")
def helpdesk():
    with running(lifetime_seconds=15) as folder:  # so that tokens are renewed while the checks run
        yield folder


@pytest.mark.parametrize("target", ["target.yaml", "minting.yaml"])
def test_the_other_style_is_green(helpdesk, target, tmp_path):
    """Once for a verifier who has passwords, once for one who holds the signing key."""
    command = [sys.executable, "-m", "chimera_compliance.cli", "verify", "--controls", CONTROLS, "--out", str(tmp_path)]
    command += ["--target", str(helpdesk / target)]
    run = subprocess.run(command, cwd=HOME, capture_output=True, text=True, timeout=120)
    assert not dissent(tmp_path / "results.json")
    assert run.returncode == 0, run.stdout + run.stderr


def dissent(file: Path) -> list[str]:
    """Every requirement that is not green, with its first finding or reason."""
    controls = json.loads(file.read_text())["controls"]
    items = [item for control in controls for item in control["requirements"] if control["id"] in CONTROLS]
    assert len(items) > 20
    return [
        f"{item['id']} {item['outcome']}: {item['findings'][:1] or item['reasons'][:1]}"
        for item in items
        if item["outcome"] != "passed"
    ]


def test_checks_and_probes_do_not_know_it():
    words = ("helpdesk", "second_stack", "x-desk-badge", "desk_worker", "northwind")
    files = [*(HOME / "checks").glob("*.py"), *(HOME / "chimera_compliance").rglob("*.py")]
    assert not [file for file in files if any(word in file.read_text(encoding="utf-8").lower() for word in words)]
