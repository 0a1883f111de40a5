"""The command line: keys, exit codes, one clear line for each thing that can be wrong."""

import json
import os
import stat
import subprocess
import sys
import zipfile

import pytest
from bundles import cli, leave_run

from chimera_compliance.evidence.signing import PASSPHRASE
from chimera_compliance.home import HOME


@pytest.fixture
def public(key_file):
    return key_file.with_name(key_file.name + ".pub")


def test_a_key_is_for_its_owner_alone_and_never_replaced_by_accident(tmp_path):
    path = tmp_path / "k"
    assert cli("keygen", path).returncode == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    again = cli("keygen", path)
    assert (again.returncode, path.read_bytes()) == (4, before)
    assert "exists: --force replaces it" in again.stderr
    assert cli("keygen", path, "--force").returncode == 0
    assert path.read_bytes() != before


def test_a_key_may_be_encrypted(tmp_path, run):
    words = {PASSPHRASE: "correct horse"}
    assert cli("keygen", tmp_path / "k", **words).returncode == 0
    assert b"ENCRYPTED" in (tmp_path / "k").read_bytes()
    refused = cli("create", run, "--key", tmp_path / "k")
    assert (refused.returncode, "is encrypted: set" in refused.stderr) == (4, True)
    wrong = cli("create", run, "--key", tmp_path / "k", **{PASSPHRASE: "battery staple"})
    assert (wrong.returncode, "is wrong" in wrong.stderr) == (4, True)
    assert "battery" not in wrong.stderr
    assert cli("create", run, "--key", tmp_path / "k", **words).returncode == 0


def test_from_run_to_proof(run, key_file, public):
    made = cli("create", run, "--key", key_file, "--target", run / "target.yaml")
    assert made.returncode == 0, made.stderr
    proven = cli("verify", run / "evidence.zip", "--key", public)
    assert proven.returncode == 0, proven.stdout
    assert "PROVEN" in proven.stdout
    assert "all 9 reports say what results.json says" in proven.stdout
    assert "inputs/target.yaml and inputs/checklist.yaml: as the run was given" in proven.stdout


def test_exit_codes_are_as_documented(bundle, public, run, tmp_path):
    assert cli("verify", bundle).returncode == 2
    cli("keygen", tmp_path / "other")
    stranger = cli("verify", bundle, "--key", tmp_path / "other.pub")
    assert (stranger.returncode, "wrong       signed with another key" in stranger.stdout) == (1, True)
    unsigned = cli("create", run)
    assert (unsigned.returncode, "warning: not signed" in unsigned.stderr) == (0, True)
    assert cli("verify", run / "evidence.zip", "--key", public).returncode == 1
    assert cli("verify", run / "evidence.zip").returncode == 2
    assert cli("verify", tmp_path / "none.zip").returncode == 4


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no public key in PEM"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "no public key in PEM"),
        (None, "cannot read the key"),
        ("private", "is a private key: give the public one"),
        ("rsa", "is no Ed25519 key"),
    ],
)
def test_a_wrong_public_key_is_one_line(bundle, key_file, tmp_path, content, words):
    file = tmp_path / "k.pub"
    if content == "private":
        file.write_bytes(key_file.read_bytes())
    elif content == "rsa":
        subprocess.run(["openssl", "genrsa", "-out", tmp_path / "rsa", "2048"], check=True, capture_output=True)
        subprocess.run(
            ["openssl", "rsa", "-in", tmp_path / "rsa", "-pubout", "-out", file], check=True, capture_output=True
        )
    elif content is not None:
        file.write_bytes(content)
    refused = cli("verify", bundle, "--key", file)
    assert refused.returncode == 4
    assert words in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_a_key_that_others_can_read_is_told(run, key_file, tmp_path):
    loose = tmp_path / "loose"
    loose.write_bytes(key_file.read_bytes())
    loose.chmod(0o644)
    made = cli("create", run, "--key", loose)
    assert made.returncode == 0
    assert "can be read by others (mode 644): chmod 600 it" in made.stderr


def test_a_missing_key_is_told_before_anything_is_made(run, tmp_path):
    refused = cli("create", run, "--key", tmp_path / "none")
    assert refused.returncode == 4
    assert "cannot read the key" in refused.stderr
    assert not (run / "evidence.zip").exists()


def test_a_bundle_of_another_target_is_not_followed(bundle, tmp_path, key_file):
    folder = leave_run(tmp_path / "elsewhere", run="r2", target="Another stack")
    refused = cli("create", folder, "--key", key_file, "--previous", bundle)
    assert (refused.returncode, "is of another target: Chimera staging" in refused.stderr) == (4, True)


def test_what_is_no_bundle_is_not_followed(run, key_file):
    refused = cli("create", run, "--key", key_file, "--previous", run / "results.json")
    assert (refused.returncode, "is not a bundle to follow" in refused.stderr) == (4, True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_told(run, key_file):
    run.chmod(0o500)
    refused = cli("create", run, "--key", key_file)
    run.chmod(0o700)
    assert (refused.returncode, "cannot write" in refused.stderr) == (4, True)


def test_where_nothing_can_be_written_is_told(run, key_file):
    refused = cli("create", run, "--key", key_file, "--out", "/proc/evidence.zip")
    assert (refused.returncode, "cannot write /proc/evidence.zip" in refused.stderr) == (4, True)


def test_a_full_disk_is_told(run, key_file):
    refused = cli("create", run, "--key", key_file, "--out", "/dev/full/evidence.zip")
    assert (refused.returncode, refused.stderr.count("\n")) == (4, 1)


def test_two_at_once_do_not_write_into_the_same_folder(run, key_file):
    import fcntl

    held = os.open(run, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(held, fcntl.LOCK_EX)
    refused = cli("create", run, "--key", key_file)
    os.close(held)
    assert (refused.returncode, "another run writes into" in refused.stderr) == (4, True)


def test_a_whole_chain_by_the_command_line(chain, public):
    run = cli("verify", chain[-1], "--key", public, "--chain", chain[0].parent)
    assert run.returncode == 0, run.stdout
    assert "a chain of 3 bundles, each following the one before" in run.stdout
    assert "no run was missed since the one before" in run.stdout
    follows = cli("verify", chain[-1], "--key", public, "--previous", chain[0])
    assert (follows.returncode, "it does not follow 21.zip: it follows bundle 2" in follows.stdout) == (1, True)


# Made by `verify` itself


TARGET = """
name: A repository
repo: {path: .}
evidence: {operator: Ann, host: runner-1, signing_key: 'file:evidence.key', every_hours: 24, previous: earlier}
"""


def run_suite(folder, *arguments: str) -> subprocess.CompletedProcess:
    command = [
        sys.executable,
        "-m",
        "chimera_compliance.cli",
        "verify",
        "--target=target.yaml",
        "--controls=C11",
        *arguments,
    ]
    environment = {**os.environ, "PYTHONPATH": str(HOME)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


def test_a_run_leaves_a_signed_bundle_that_follows_the_one_before(tmp_path, key_file, public):
    (tmp_path / "target.yaml").write_text(TARGET)
    (tmp_path / "evidence.key").write_bytes(key_file.read_bytes())
    (tmp_path / "evidence.key").chmod(0o600)
    (tmp_path / "earlier").mkdir()
    first = run_suite(tmp_path, "--out=earlier/one")
    assert first.returncode == 2, first.stdout + first.stderr
    second = run_suite(tmp_path, "--out=two")
    assert "error" not in second.stdout, second.stdout
    before = tmp_path / "earlier" / "one" / "evidence.zip"
    proven = cli("verify", tmp_path / "two" / "evidence.zip", "--key", public, "--previous", before)
    assert proven.returncode == 0, proven.stdout
    assert "it follows evidence.zip (bundle 1" in proven.stdout
    with zipfile.ZipFile(tmp_path / "two" / "evidence.zip") as opened:
        facts = json.loads(opened.read("environment.json"))
    assert facts["operator"] == {"name": "Ann", "told_by": "the target file"}
    assert facts["host"]["name"] == "runner-1"
    assert facts["clock"]["source"].startswith("the system's clock")
    assert facts["tools"]["python"]


def test_a_key_that_cannot_be_used_costs_nobody_a_run(tmp_path):
    (tmp_path / "target.yaml").write_text(TARGET)
    refused = run_suite(tmp_path, "--out=out")
    assert refused.returncode == 4
    assert "cannot read the key" in refused.stderr + refused.stdout
    assert not (tmp_path / "out" / "results.json").exists()
