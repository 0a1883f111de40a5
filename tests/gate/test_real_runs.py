"""Exit codes 0 to 4, the four states, and every way in which a folder may refuse, by real runs against a real stack."""

import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from chimera_compliance.home import HOME
from chimera_compliance.run_folder import RunFolder
from chimera_compliance.stack import Stack

WAIVER = """waivers:
  - requirement: {requirement}
    owner: ada@example.com
    approver: grace@example.com
    reason: caches are being replaced
    ticket: SEC-42
    expires: {expires}
"""


@pytest.fixture(scope="module")
def targets() -> dict[str, Path]:
    """Target files of one name, as if the same stack had been changed: right, and with a flaw."""
    with Stack.start() as stack:
        yield {
            "right": _renamed(stack.boot().target),
            "wrong": _renamed(stack.boot("c11-no-vary").target),
        }


def _renamed(target: Path) -> Path:
    file = target.parent / "staging.yaml"
    file.write_text(re.sub(r"(?m)^name:.*$", "name: Chimera staging", target.read_text()))
    return file


def command(target: Path, out: Path, *arguments: str) -> list[str]:
    cli = [sys.executable, "-m", "chimera_compliance.cli", "verify", "--controls", "C11"]
    return [*cli, "--target", str(target), "--out", str(out), *arguments]


def verify(target: Path, out: Path, *arguments: str, **settings) -> tuple[int, str]:
    """Exit code and everything that was said."""
    run = subprocess.run(
        command(target, out, *arguments), cwd=HOME, capture_output=True, text=True, timeout=300, **settings
    )
    assert "Traceback" not in run.stdout + run.stderr
    return run.returncode, run.stdout + run.stderr


def results(out: Path) -> dict:
    return json.loads((out / "results.json").read_text())


def waivers(folder: Path, requirement: str, expires: str) -> str:
    file = folder / "waivers.yaml"
    file.write_text(WAIVER.format(requirement=requirement, expires=expires))
    return f"--waivers={file}"


def test_exit_0_when_everything_is_right(targets, tmp_path):
    assert verify(targets["right"], tmp_path)[0] == 0
    assert results(tmp_path)["gate"]["passed"]


def test_exit_1_on_findings_and_0_when_they_are_waived_or_below_the_threshold(targets, tmp_path):
    assert verify(targets["wrong"], tmp_path)[0] == 1
    found = results(tmp_path)
    assert found["gate"]["reasons"]
    failed = [item["id"] for item in found["controls"][0]["requirements"] if item["outcome"] == "failed"]
    assert len(failed) == 1
    waived = waivers(tmp_path, failed[0], "2090-01-01T00:00:00+00:00")
    assert verify(targets["wrong"], tmp_path / "waived", waived)[0] == 0
    assert verify(targets["wrong"], tmp_path / "above", "--fail-on=critical")[0] == 0
    baseline = f"--baseline={tmp_path / 'results.json'}"
    assert verify(targets["wrong"], tmp_path / "known", baseline)[0] == 0
    assert "NOT COMPLIANT" in verify(targets["wrong"], tmp_path / "known", baseline)[1]


def test_exit_2_when_something_was_not_reviewed(tmp_path):
    target = tmp_path / "target.yaml"
    target.write_text(f"name: a repository alone\nrepo: {{path: {HOME}}}\n")
    assert verify(target, tmp_path / "out")[0] == 2


def test_exit_3_on_an_expired_waiver(targets, tmp_path):
    code, said = verify(targets["right"], tmp_path, waivers(tmp_path, "C11.1", "2020-01-01T00:00:00+00:00"))
    assert code == 3
    assert "expired" in said


def test_exit_4_on_bad_configuration(targets, tmp_path):
    code, said = verify(targets["right"], tmp_path, waivers(tmp_path, "C11.999", "2090-01-01T00:00:00+00:00"))
    assert code == 4
    assert f"{tmp_path}/waivers.yaml:2: there is no requirement 'C11.999'" in said
    assert not (tmp_path / "results.json").exists()


def test_four_states_over_real_runs(targets, tmp_path):
    verify(targets["right"], tmp_path)
    verify(targets["wrong"], tmp_path)
    found = results(tmp_path)["counts"]["statuses"]
    assert found["new"] == sum(found.values()) > 0
    verify(targets["wrong"], tmp_path)
    assert results(tmp_path)["counts"]["statuses"] == {"new": 0, "regressed": 0, "still": found["new"], "fixed": 0}
    verify(targets["right"], tmp_path)
    assert results(tmp_path)["counts"]["statuses"] == {"new": 0, "regressed": 0, "still": 0, "fixed": found["new"]}
    assert results(tmp_path)["not_retested"] == []
    assert verify(targets["wrong"], tmp_path)[0] == 1
    assert results(tmp_path)["counts"]["statuses"] == {"new": 0, "regressed": found["new"], "still": 0, "fixed": 0}


def test_runs_in_the_suites_own_folder_find_each_other_and_make_an_index(targets, tmp_path):
    root = tmp_path / "runs"
    script = (
        "import sys; from pathlib import Path; from chimera_compliance import recorder;"
        f"recorder.default_out = lambda run: Path({str(root)!r}) / run;"
        "from chimera_compliance.cli import main; main()"
    )
    arguments = ["verify", "--controls=C11", "--target", str(targets["right"])]
    for _ in range(2):
        subprocess.run([sys.executable, "-c", script, *arguments], cwd=HOME, check=True, timeout=300)
    runs = sorted(root.glob("*/results.json"))
    assert len(runs) == 2
    assert json.loads(runs[1].read_text())["previous"]["run"] == runs[0].parent.name
    assert (root / "index.html").read_text().count('<tr><th scope="row"><a href=') == 2


def test_a_folder_that_another_run_writes_into_is_refused(targets, tmp_path):
    folder = RunFolder(tmp_path)
    code, said = verify(targets["right"], tmp_path)
    folder.close()
    assert code == 4
    assert f"another run writes into {tmp_path}" in said
    assert verify(targets["right"], tmp_path)[0] == 0


def test_of_two_runs_at_once_one_is_refused_and_the_other_is_whole(targets, tmp_path):
    both = [
        subprocess.Popen(command(targets["right"], tmp_path), cwd=HOME, stdout=subprocess.DEVNULL) for _ in range(2)
    ]
    assert sorted(run.wait(timeout=300) for run in both) == [0, 4]
    lines = (tmp_path / "observations.jsonl").read_text().splitlines()
    assert len(lines) == results(tmp_path)["counts"]["observations"]
    assert all(json.loads(line) for line in lines)


def _small_disk():
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))


def test_a_full_disk_is_told_and_never_a_pass(targets, tmp_path):
    verify(targets["right"], tmp_path)
    before = (tmp_path / "results.json").read_bytes()
    code, said = verify(targets["right"], tmp_path, preexec_fn=_small_disk)
    assert code == 2
    assert "File too large" in said
    assert f"cannot write the reports to {tmp_path}" in said
    assert (tmp_path / "results.json").read_bytes() == before
    assert not [file for file in tmp_path.iterdir() if file.name.startswith(".")]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_full_file_system_is_told_and_never_a_pass(targets, tmp_path):
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", tmp_path], capture_output=True)
    if mounted.returncode:
        pytest.skip("no file system may be mounted here")
    try:
        code, said = verify(targets["right"], tmp_path / "out")
        assert code == 2
        assert "No space left on device" in said
    finally:
        subprocess.run(["umount", tmp_path], check=True)


@pytest.mark.parametrize("out", ["/proc/nowhere", "target.yaml/out"])
def test_a_folder_that_cannot_be_written_is_bad_configuration(targets, tmp_path, out):
    (tmp_path / "target.yaml").write_text("x")
    code, said = verify(targets["right"], tmp_path / out)
    assert code == 4
    assert "cannot write to" in said


def test_a_folder_that_may_only_be_read_is_bad_configuration(targets, tmp_path):
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", tmp_path], capture_output=True)
    if mounted.returncode:
        pytest.skip("no file system may be mounted here")
    try:
        code, said = verify(targets["right"], tmp_path)
        assert code == 4
        assert f"cannot write to {tmp_path}" in said
    finally:
        subprocess.run(["umount", tmp_path], check=True)
