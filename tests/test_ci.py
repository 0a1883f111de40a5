"""The action, the workflows and their examples: pinned, least permissions, no injected script, and really run."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from chimera_compliance.home import HOME

ACTION = HOME / ".github" / "actions" / "compliance"
WORKFLOWS = sorted((HOME / ".github" / "workflows").glob("*.yml"))
EXAMPLES = [HOME / "docs" / "ci" / f"{name}.yml" for name in ("push", "pull-request", "nightly")]
ALL = [ACTION / "action.yml", *WORKFLOWS, *EXAMPLES]


def load(file: Path) -> dict:
    return yaml.safe_load(file.read_text())


def steps(document: dict) -> list[dict]:
    jobs = document.get("jobs", {})
    found = [step for job in jobs.values() for step in job.get("steps", [])]
    return [*found, *document.get("runs", {}).get("steps", [])]


@pytest.mark.parametrize("file", ALL, ids=lambda file: file.name)
def test_everything_foreign_is_pinned_by_commit_and_tells_its_version(file):
    used = re.findall(r"uses: (\S+)(.*)", file.read_text())
    foreign = [(name, rest) for name, rest in used if not name.startswith("./")]
    assert foreign
    for name, rest in foreign:
        assert re.search(r"@[0-9a-f]{40}$", name), name
        assert "#" in rest, f"{name} tells no version"


@pytest.mark.parametrize("file", ALL, ids=lambda file: file.name)
def test_no_expression_becomes_script(file):
    assert not [step["run"] for step in steps(load(file)) if "${{" in step.get("run", "")]


@pytest.mark.parametrize("file", [*WORKFLOWS, *EXAMPLES], ids=lambda file: file.name)
def test_permissions_are_named_and_none_is_wide(file):
    document = load(file)
    assert document["permissions"] in ({}, {"contents": "read"})
    allowed = {"contents": "read", "security-events": "write", "pull-requests": "write"}
    for job in document["jobs"].values():
        assert set(job.get("permissions", {}).items()) <= set(allowed.items())
    assert "pull_request_target" not in document[True]  # YAML 1.1 takes the key `on` for true


def test_what_the_examples_pass_is_what_the_workflow_takes():
    call = load(HOME / ".github" / "workflows" / "compliance.yml")[True]["workflow_call"]
    for example in EXAMPLES:
        for job in load(example)["jobs"].values():
            assert set(job["with"]) <= set(call["inputs"])
            assert set(job["secrets"]) <= set(call["secrets"])
            required = {name for name, setting in call["inputs"].items() if setting.get("required")}
            assert required <= set(job["with"])
            assert job["uses"].endswith(f"@{job['with']['suite-ref']}")


def test_what_the_workflow_passes_is_what_the_action_takes():
    passed = next(step for step in steps(load(HOME / ".github/workflows/compliance.yml")) if step.get("id"))["with"]
    assert set(passed) <= set(load(ACTION / "action.yml")["inputs"])


@pytest.mark.parametrize("tool", ["zizmor", "actionlint"])
def test_the_linters_of_workflows_find_nothing(tool):
    binary = shutil.which(tool, path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if binary is None:
        pytest.skip(f"{tool} is not installed")
    files = ALL if tool == "zizmor" else [*WORKFLOWS, *EXAMPLES]
    options = ["--offline", "--no-progress", "--quiet"] if tool == "zizmor" else []
    run = subprocess.run([binary, *options, *files], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_template_for_gitlab_can_be_read():
    spec, jobs = yaml.safe_load_all((HOME / "docs" / "ci" / "gitlab.yml").read_text())
    used = set(re.findall(r"\$\[\[ inputs\.([\w-]+) \]\]", (HOME / "docs/ci/gitlab.yml").read_text()))
    assert used == set(spec["spec"]["inputs"])
    job = jobs["compliance"]
    assert job["artifacts"]["when"] == "always"
    script = "\n".join(job["script"])
    assert "$[[" not in script
    subprocess.run(["sh", "-n"], input=script, text=True, check=True)


INPUTS = ("CONTROLS", "FAIL_ON", "WAIVERS", "BASELINE", "PREVIOUS", "SETTINGS")
INPUTS += ("EVIDENCE", "EVIDENCE_KEY", "EVIDENCE_PREVIOUS")


@pytest.fixture
def runner(tmp_path):
    """A place like that of a runner: its variables, its files, and the suite installed where the action puts it."""
    binaries = tmp_path / "temp" / "compliance" / "bin"
    binaries.mkdir(parents=True)
    (binaries / "chimera-compliance").symlink_to(Path(sys.executable).parent / "chimera-compliance")
    (tmp_path / "target.yaml").write_text("name: a repository alone\nrepo: {path: .}\n")
    environment = {
        "PATH": f"{tmp_path / 'bin'}:{Path(sys.executable).parent}:/usr/bin:/bin",
        "RUNNER_TEMP": str(tmp_path / "temp"),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "GITHUB_REPOSITORY": "example/chimera",
        **dict.fromkeys(INPUTS, ""),
        "TARGET": "target.yaml",
        "OUT": "report",
    }

    def run(script: str, **variables: str) -> tuple[int, str, dict]:
        done = subprocess.run(
            ["bash", ACTION / script],
            cwd=tmp_path,
            env={**environment, **variables},
            capture_output=True,
            text=True,
            timeout=120,
        )
        output = tmp_path / "output"
        lines = output.read_text().splitlines() if output.exists() else []
        return done.returncode, done.stdout + done.stderr, dict(line.split("=", 1) for line in lines)

    return run


def test_the_action_verifies_and_tells_what_there_is(runner, tmp_path):
    code, _, output = runner("verify.sh", CONTROLS="C11", PREVIOUS="nowhere.json")
    assert code == 0
    assert output["exit-code"] == "2"
    assert output["results"] == "report/results.json"
    assert json.loads((tmp_path / output["results"]).read_text())["exit_code"] == 2
    assert set(output) >= {"report", "sarif", "comment"}
    assert (tmp_path / "summary").read_text().strip()


def test_the_action_makes_signed_evidence_and_leaves_no_key(runner, tmp_path):
    key = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    _, said, output = runner("verify.sh", CONTROLS="C11", EVIDENCE="true", EVIDENCE_KEY=key)
    assert output["evidence"] == "report/evidence.zip"
    left = [file for file in tmp_path.rglob("*") if file.is_file() and b"PRIVATE KEY" in file.read_bytes()]
    assert left == []
    assert "PRIVATE KEY" not in said


def test_hostile_inputs_stay_arguments(runner, tmp_path):
    code, _, output = runner("verify.sh", TARGET="$(touch owned); `touch owned`", CONTROLS='"; touch owned #')
    assert (code, output["exit-code"]) == (0, "4")
    assert not (tmp_path / "owned").exists()
    assert "results" not in output


def test_settings_reach_the_target_file_and_are_masked(runner, tmp_path):
    (tmp_path / "target.yaml").write_text("name: ${STACK_NAME}\nrepo: {path: .}\n")
    _, said, output = runner("verify.sh", CONTROLS="C11", SETTINGS="# of staging\nSTACK_NAME=a=b c\n\n")
    assert "::add-mask::a=b c" in said
    assert json.loads((tmp_path / output["results"]).read_text())["run"]["target"] == "a=b c"


@pytest.mark.parametrize("settings", ["no value", "1A=x", "PATH=/tmp", "LD_PRELOAD=x", "A B=c", "GITHUB_TOKEN=x"])
def test_settings_that_are_none_are_refused_and_not_shown(runner, settings):
    _, said, output = runner("verify.sh", SETTINGS=settings)
    assert output["exit-code"] == "4"
    assert settings not in said


def test_nothing_that_a_target_says_is_a_command_to_the_runner(runner):
    _, said, _ = runner("verify.sh", CONTROLS="C11")
    first, last = re.search(r"::stop-commands::(\w{32})", said), said.rstrip().splitlines()[-1]
    assert last == f"::{first[1]}::"


GH = """#!/bin/sh
echo "$@" >> calls
case "$*" in *--paginate*) cat comments.json; exit ;; esac
for argument; do case $argument in body=@*) cp "${argument#body=@}" body ;; esac; done
"""


@pytest.fixture
def gh(tmp_path):
    """A `gh` that answers with what it is given and notes how it was called."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "gh").write_text(GH)
    (tmp_path / "bin" / "gh").chmod(0o755)
    (tmp_path / "comment.md").write_text("**Not compliant** `$(touch owned)`\n")

    def answer(*comments: dict) -> None:
        (tmp_path / "comments.json").write_text(json.dumps([list(comments)]))

    return answer


MARK = "<!-- chimera-compliance -->"


@pytest.mark.parametrize(
    ("comments", "call"),
    [
        ([], "POST repos/example/chimera/issues/7/comments"),
        ([{"id": 5, "user": {"type": "User"}, "body": f"{MARK} not ours"}], "POST repos/example/chimera/issues/7"),
        ([{"id": 6, "user": {"type": "Bot"}, "body": f"{MARK}\nold"}], "PATCH repos/example/chimera/issues/comments/6"),
    ],
)
def test_a_pull_request_has_one_comment_that_is_renewed(runner, gh, tmp_path, comments, call):
    gh(*comments)
    code, _, _ = runner("comment.sh", NUMBER="7", COMMENT="comment.md", GH_TOKEN="x")
    assert code == 0
    assert call in (tmp_path / "calls").read_text()
    assert (tmp_path / "body").read_text() == f"{MARK}\n**Not compliant** `$(touch owned)`\n"
    assert not (tmp_path / "owned").exists()


def test_a_comment_that_may_not_be_written_fails_nothing(runner, gh, tmp_path):
    (tmp_path / "bin" / "gh").write_text("#!/bin/sh\nexit 1\n")
    code, said, _ = runner("comment.sh", NUMBER="7", COMMENT="comment.md", GH_TOKEN="x")
    assert code == 0
    assert "::warning::" in said
