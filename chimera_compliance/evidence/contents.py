"""What goes into a bundle: the run's own files, copies of what it was given, and lists made of its results."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chimera_compliance.errors import ConfigurationError
from chimera_compliance.evidence import surroundings
from chimera_compliance.evidence.manifest import Missing
from chimera_compliance.gate.past import Unusable, read_results
from chimera_compliance.gathering import suite_digest, suite_files
from chimera_compliance.home import CHECKLIST, HOME
from chimera_compliance.proof import Document
from chimera_compliance.report import FORMATS
from chimera_compliance.report.headline import requirements
from chimera_compliance.results import Results

OBSERVATIONS = "observations.jsonl"
_PURPOSES = {
    "results.json": "the canonical results",
    "report.html": "the report for reviewers",
    "report.xml": "JUnit",
    "report.sarif": "SARIF 2.1.0",
    "summary.md": "the summary of a CI job",
    "comment.md": "the comment on a pull request",
    "oscal.json": "OSCAL assessment results",
    "hdf.json": "HDF for Heimdall",
    "findings.csv": "the findings for spreadsheets",
    OBSERVATIONS: "everything sent and received, redacted",
    surroundings.FILE: "operator, host, clock, tools, and what was redacted how often",
}


@dataclass
class Contents:
    """Files by name, what each is for, and what is missing."""

    results: Results
    files: dict[str, bytes] = field(default_factory=dict)
    purposes: dict[str, str] = field(default_factory=dict)
    missing: list[Missing] = field(default_factory=list)

    def add(self, name: str, content: bytes, purpose: str) -> None:
        """Put a file in."""
        self.files[name], self.purposes[name] = content, purpose

    def lack(self, what: str, reason: str) -> None:
        """Say that something is not there."""
        self.missing.append(Missing(what=what, reason=reason))


def gather(folder: Path, *, target: Path | None, waivers: Path | None, proof: Path | None) -> Contents:
    """Everything of a run's folder, and the files that it was given.

    Raises:
        ConfigurationError: there are no usable results or observations, or a report does not agree with them.
    """
    try:
        results, _ = read_results(folder / "results.json")
    except Unusable as error:
        raise ConfigurationError(f"{folder}: no evidence without results: {error}") from None
    contents = Contents(results)
    for name, purpose in _PURPOSES.items():
        _take(contents, folder / name, name, purpose)
    _agree(contents)
    contents.add("population.json", _json(population(results)), "what was known, tested and not tested, by requirement")
    contents.add(
        "waivers.json",
        _json([waiver.model_dump(mode="json") for waiver in results.waivers]),
        "accepted risks and who approved them",
    )
    _inputs(contents, target, waivers)
    _suite(contents)
    _proof(contents, proof)
    return contents


def _take(contents: Contents, file: Path, name: str, purpose: str) -> None:
    try:
        contents.add(name, file.read_bytes(), purpose)
    except FileNotFoundError:
        if name in ("results.json", OBSERVATIONS):
            raise ConfigurationError(f"{file.parent}: no evidence without {name}: verify again") from None
        contents.lack(name, "the run left none")
    except OSError as error:
        raise ConfigurationError(f"cannot read {file}: {error.strerror}") from None


def _agree(contents: Contents) -> None:
    """Reports that say something else than the results are not signed."""
    if contents.results.run.suite_digest != suite_digest():
        contents.lack("a comparison of the reports with the results", "another version of the suite made them")
        return
    if wrong := disagreeing(contents.results, contents.files):
        raise ConfigurationError(f"{', '.join(wrong)} does not say what results.json says: verify again")


def disagreeing(results: Results, files: dict[str, bytes]) -> list[str]:
    """The reports that this suite would not make of these results."""
    made = {each.FILE: each.render(results).encode("utf-8", "surrogatepass") for each in FORMATS if each.FILE in files}
    return [name for name, content in made.items() if content != files[name]]


def population(results: Results) -> dict[str, Any]:
    """What each requirement was tested on; nothing is drawn at random, so that every known subject is listed."""
    return {
        item.id: item.population.model_dump(mode="json") if item.population else {"cases": item.cases}
        for item in requirements(results)
    }


def _json(document: Any) -> bytes:
    return (json.dumps(document, indent=2) + "\n").encode()


# What the run was given, and what judged


def _inputs(contents: Contents, target: Path | None, waivers: Path | None) -> None:
    run = contents.results.run
    given = {
        "inputs/target.yaml": (target, run.target_digest, "the target file, which names secrets and holds none"),
        "inputs/checklist.yaml": (CHECKLIST, run.checklist_digest, "the checklist"),
    }
    for name, (file, digest, purpose) in given.items():
        content = file.read_bytes() if file and file.is_file() else b""
        if hashlib.sha256(content).hexdigest() == digest:
            contents.add(name, content, purpose)
        else:
            contents.lack(name, f"the run's own is not at hand; its SHA-256 is {digest}")
    if waivers and waivers.is_file():
        contents.add("inputs/waivers.yaml", waivers.read_bytes(), "the waivers as they were given")
    lock = HOME / "config" / "requirements.lock"
    if lock.is_file():
        contents.add("inputs/requirements.lock", lock.read_bytes(), "the frozen list of requirements")


def _suite(contents: Contents) -> None:
    if contents.results.run.suite_digest != suite_digest():
        contents.lack("suite.json", "the run was made with another version of the suite than this one")
        return
    files = {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in suite_files().items()}
    document = {"version": contents.results.run.suite_version, "digest": suite_digest(), "files": files}
    contents.add("suite.json", _json(document), "the SHA-256 of every file of the suite that judged")


def _proof(contents: Contents, proof: Path | None) -> None:
    if proof is None:
        contents.lack("proof.json", "no proof that the checks detect was given: `prove --out proof.json`")
        return
    document = Document.read(proof)
    contents.add("proof.json", proof.read_bytes(), "the proof that each check detects")
    for problem in proof_problems(document, contents.results):
        contents.lack("a proof of every check", problem)


def proof_problems(document: Document, results: Results) -> Iterator[str]:
    """What a proof does not prove of a run."""
    if document.suite_digest != results.run.suite_digest:
        yield "the proof is of another version of the suite"
    broken = [proof.name for proof in document.proofs if not proof.holds]
    if broken:
        yield f"in the proof, {len(broken)} variants came out wrong: {', '.join(broken[:5])}"
    reddened = {name for proof in document.proofs if proof.control for name in proof.failed}
    unproven = [item.id for item in requirements(results) if item.id not in reddened]
    if unproven:
        more = f" and {len(unproven) - 5} more" if len(unproven) > 5 else ""
        yield f"the proof turns {len(unproven)} of the run's checks red by no flaw: {', '.join(unproven[:5])}{more}"
