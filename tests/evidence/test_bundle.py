"""What is in a bundle, that it is the same whenever it is made, and that a wrong folder makes none."""

import hashlib
import json
import subprocess
import zipfile

import pytest
from bundles import TARGET, leave_run

from chimera_compliance.errors import ConfigurationError
from chimera_compliance.evidence import archive
from chimera_compliance.evidence.creation import Options, create
from chimera_compliance.evidence.opened import Opened
from chimera_compliance.evidence.signing import open_envelope
from chimera_compliance.gathering import suite_digest
from chimera_compliance.outcomes import Outcome


def test_everything_that_the_verdict_rests_on_is_in_it(bundle):
    names = set(zipfile.ZipFile(bundle).namelist())
    reports = {
        "results.json",
        "report.html",
        "report.xml",
        "report.sarif",
        "summary.md",
        "comment.md",
        "oscal.json",
        "hdf.json",
    }
    assert names >= reports | {
        "findings.csv",
        "observations.jsonl",
        "environment.json",
        "population.json",
        "waivers.json",
    }
    assert names >= {
        "inputs/target.yaml",
        "inputs/checklist.yaml",
        "inputs/requirements.lock",
        "suite.json",
        "README.txt",
    }
    assert names >= {"manifest.json", "statement.dsse.json", "key.pub"}


def test_it_says_what_is_missing_and_why(bundle):
    missing = {each.what: each.reason for each in Opened.read(bundle).manifest.missing}
    assert missing == {
        "proof.json": "no proof that the checks detect was given: `prove --out proof.json`",
        "timestamp.tsr": "no time-stamping authority was asked",
    }


def test_any_unzip_can_open_it(bundle):
    with zipfile.ZipFile(bundle) as opened:
        assert opened.testzip() is None
        assert opened.read("inputs/target.yaml").decode() == TARGET


def test_the_archive_is_the_same_whenever_it_is_made(run, key):
    opened = Opened.read(create(run, Options(key=key)))
    assert archive.write(reversed(opened.members.values())) == opened.data
    assert {info.date_time for info in zipfile.ZipFile(opened.path).infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_statement_is_in_totos_and_counts_as_results_json_does(bundle):
    opened = Opened.read(bundle)
    said = json.loads(open_envelope(opened.members["statement.dsse.json"].content).payload)
    assert said["_type"] == "https://in-toto.io/Statement/v1"
    assert said["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    assert said["predicate"]["result"] == "FAILED"
    results = json.loads(opened.members["results.json"].content)
    for name, outcomes in (("passedTests", [Outcome.PASSED]), ("failedTests", [Outcome.FAILED])):
        assert len(said["predicate"][name]) == sum(results["counts"]["requirements"][each] for each in outcomes)
    digests = {each["name"]: each["digest"]["sha256"] for each in said["subject"]}
    assert digests["report.html"] == hashlib.sha256(opened.members["report.html"].content).hexdigest()


def test_the_suite_is_listed_file_by_file(bundle):
    suite = json.loads(Opened.read(bundle).members["suite.json"].content)
    assert suite["digest"] == suite_digest()
    assert {"checks/test_c11_cors.py", "conftest.py", "config/checklist.yaml", "chimera_compliance/cli.py"} <= set(
        suite["files"]
    )


def test_openssl_agrees_with_the_signature(bundle, key, tmp_path):
    """As README.txt in the bundle tells to check it without the suite."""
    envelope = open_envelope(Opened.read(bundle).members["statement.dsse.json"].content)
    (tmp_path / "signed").write_bytes(envelope.pae())
    (tmp_path / "signature").write_bytes(bytes.fromhex(next(iter(envelope.signatures.values())).signature))
    (tmp_path / "key.pub").write_bytes(key.public.pem)
    command = [
        "openssl",
        "pkeyutl",
        "-verify",
        "-pubin",
        "-inkey",
        "key.pub",
        "-rawin",
        "-in",
        "signed",
        "-sigfile",
        "signature",
    ]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).returncode == 0


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lambda folder: (folder / "results.json").unlink(), "no evidence without results"),
        (lambda folder: (folder / "results.json").write_text("{"), "may be cut off"),
        (lambda folder: (folder / "observations.jsonl").unlink(), "no evidence without observations.jsonl"),
        (
            lambda folder: (folder / "report.html").write_text("<h1>Compliant</h1>"),
            "report.html does not say what results.json says",
        ),
        (lambda folder: (folder / "summary.md").write_text("all fine"), "summary.md does not say"),
    ],
    ids=["no results", "corrupt results", "no observations", "another report", "another summary"],
)
def test_a_folder_that_does_not_agree_with_itself_makes_no_bundle(run, key, break_it, words):
    break_it(run)
    with pytest.raises(ConfigurationError, match=words):
        create(run, Options(key=key))
    assert not (run / "evidence.zip").exists()


def test_a_full_disk_leaves_the_earlier_bundle(run, key, monkeypatch):
    before = create(run, Options(key=key)).read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        create(run, Options(key=key))
    assert (run / "evidence.zip").read_bytes() == before
    assert sorted(path.name for path in run.glob(".*")) == []


def test_a_bundle_of_an_earlier_run_is_moved_aside_not_replaced(tmp_path, key):
    folder = leave_run(tmp_path / "run", run="20261122T204101Z-aaaaaa", day=22)
    first = create(folder, Options(key=key)).read_bytes()
    leave_run(folder, run="20261123T204101Z-bbbbbb", day=23)
    create(folder, Options(key=key, previous=folder / "evidence.zip"))
    assert (folder / "evidence-20261122T204101Z-aaaaaa.zip").read_bytes() == first
    assert Opened.read(folder / "evidence.zip").manifest.sequence == 2


def proof(run, **changes) -> dict:
    results = json.loads((run / "results.json").read_text())
    ids = [item["id"] for control in results["controls"] for item in control["requirements"]]
    flaw = {"name": "a-flaw", "control": "C03", "why": "", "failed": ids, "outcomes": {"C03": "failed"}}
    return {"suite_digest": suite_digest(), "unproven": [], "proofs": [flaw], **changes}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, None),
        ({"suite_digest": "another"}, "the proof is of another version of the suite"),
        ({"proofs": []}, "turns 16 of the run's checks red by no flaw"),
    ],
)
def test_what_a_proof_does_not_prove_is_told(run, key, changes, words):
    (run / "proof.json").write_text(json.dumps(proof(run, **changes)))
    opened = Opened.read(create(run, Options(key=key, proof=run / "proof.json")))
    assert "proof.json" in opened.members
    told = [each.reason for each in opened.manifest.missing if each.what == "a proof of every check"]
    assert (words is None and told == []) or words in told[0]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"proofs": [1]}'])
def test_what_is_no_proof_is_refused(run, key, text):
    (run / "proof.json").write_text(text)
    with pytest.raises(ConfigurationError, match="is no proof"):
        create(run, Options(key=key, proof=run / "proof.json"))
