"""The installed wheel runs the same checks, with the same ids, as the clone; also inside a hostile project."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from chimera_compliance.home import HOME

TARGET = "name: a repository alone\nrepo: {path: .}\n"


@pytest.fixture(scope="session")
def wheel(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, HOME],
        check=True,
        capture_output=True,
        timeout=120,
    )
    return next(out.glob("*.whl"))


@pytest.fixture(scope="session")
def installed(wheel, tmp_path_factory) -> Path:
    """A folder that holds the wheel's content as site-packages would."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run(installed: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(installed), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-P", "-m", "chimera_compliance.cli", *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_wheel_mirrors_the_clone(wheel):
    inside = set(zipfile.ZipFile(wheel).namelist())
    for name in ("conftest.py", "pyproject.toml", "config/checklist.yaml", "reports/templates/report.html.j2"):
        assert f"chimera_compliance/{name}" in inside
    checks = {f"chimera_compliance/checks/{file.name}" for file in (HOME / "checks").glob("*.py")}
    assert checks
    assert checks <= inside
    assert not any("/runs/" in name or "__pycache__" in name for name in inside)
    assert {name.split("/")[0] for name in inside if "dist-info" not in name} == {"chimera_compliance"}


def test_the_wheel_lists_the_same_checks_as_the_clone(installed, tmp_path):
    clone = run(HOME, tmp_path, "list", "--json")
    wheel = run(installed, tmp_path, "list", "--json")
    assert wheel.returncode == 0, wheel.stderr
    assert '"facets": [\n          "api"' in wheel.stdout
    assert wheel.stdout == clone.stdout


def test_a_hostile_project_does_not_get_in_the_way(installed, tmp_path):
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option -k nothing\npython_files = x_*.py\n")
    (tmp_path / "conftest.py").write_text("raise SystemExit('the conftest of the project was loaded')\n")
    (tmp_path / "chimera.yaml").write_text(TARGET)
    result = run(installed, tmp_path, "verify", "--target", "chimera.yaml", "--out", "out")
    assert result.returncode == 2, result.stdout + result.stderr
    assert "was loaded" not in result.stdout + result.stderr
    assert (tmp_path / "out" / "results.json").exists()
    assert not list(tmp_path.rglob(".pytest_cache"))
