"""Whether the files of a bundle agree with each other: a signature says who, not that the parts fit."""

import json
from collections import Counter
from typing import TYPE_CHECKING

from chimera_compliance.evidence.contents import OBSERVATIONS, disagreeing, population, proof_problems
from chimera_compliance.evidence.manifest import sha256
from chimera_compliance.evidence.opened import Opened
from chimera_compliance.gathering import suite_digest
from chimera_compliance.outcomes import Outcome, Severity
from chimera_compliance.proof import Document
from chimera_compliance.report import FORMATS
from chimera_compliance.report.headline import requirements
from chimera_compliance.results import Results

if TYPE_CHECKING:
    from chimera_compliance.evidence.verification import Verification


def about_substance(bundle: Opened, results: Results, found: "Verification") -> None:
    """Check everything that can be worked out again from what lies there."""
    _identity(bundle, results, found)
    _counts(results, found)
    _inputs(bundle, results, found)
    _observations(bundle, results, found)
    _reports(bundle, results, found)
    _proof(bundle, results, found)


def _content(bundle: Opened, name: str) -> bytes | None:
    member = bundle.members.get(name)
    return member.content if member else None


def _identity(bundle: Opened, results: Results, found: "Verification") -> None:
    manifest, run = bundle.manifest, results.run
    if (manifest.run, manifest.started, manifest.target) != (run.id, run.started, run.target):
        found.wrong("manifest and results are of different runs")


def _counts(results: Results, found: "Verification") -> None:
    items = list(requirements(results))
    outcomes = Counter(item.outcome for item in items)
    severities = Counter(finding.severity for finding in results.findings)
    right = results.counts.requirements == {outcome: outcomes[outcome] for outcome in Outcome}
    right &= results.counts.findings == {severity: severities[severity] for severity in Severity}
    right &= results.counts.observations == sum(item.observations for item in items)
    if right:
        found.prove(f"the counts are those of {len(items)} requirements and {len(results.findings)} findings")
    else:
        found.wrong("the counts in results.json are not those of what it lists")


def _inputs(bundle: Opened, results: Results, found: "Verification") -> None:
    run, agreed = results.run, []
    for name, digest in (("inputs/target.yaml", run.target_digest), ("inputs/checklist.yaml", run.checklist_digest)):
        content = _content(bundle, name)
        if content is None:
            continue
        if sha256(content) == digest:
            agreed.append(name)
        else:
            found.wrong(f"{name} is not the one that the run was given")
    if agreed:
        found.prove(f"{' and '.join(agreed)}: as the run was given")
    derived = {
        "population.json": population(results),
        "waivers.json": [each.model_dump(mode="json") for each in results.waivers],
    }
    for name, expected in derived.items():
        content = _content(bundle, name)
        if content is not None and _parsed(content) != expected:
            found.wrong(f"{name} does not say what results.json says")


def _parsed(content: bytes):
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _observations(bundle: Opened, results: Results, found: "Verification") -> None:
    content = _content(bundle, OBSERVATIONS)
    if content is None:
        return
    lines = [_parsed(line) for line in content.splitlines()]
    kept = {line["id"]: line for line in lines if isinstance(line, dict) and isinstance(line.get("id"), str)}
    if len(kept) != len(lines):
        found.wrong(f"{OBSERVATIONS} has lines that are no observation, or two of one id")
        return
    cited = [finding.evidence for finding in results.findings if finding.evidence]
    cited += [sample for item in requirements(results) for sample in item.samples]
    strange = {each.id for each in cited if kept.get(each.id) != each.model_dump(mode="json")}
    if strange:
        found.wrong(
            f"observations that results.json shows are others in {OBSERVATIONS}: {', '.join(sorted(strange)[:5])}"
        )
    else:
        found.prove(
            f"all {len(cited)} observations that results.json shows are among the {len(lines)} in {OBSERVATIONS}"
        )
    counted = Counter(line.get("requirement") for line in kept.values())
    short = [item.id for item in requirements(results) if counted[item.id] < item.observations]
    if short:
        found.wrong(f"{OBSERVATIONS} has fewer observations than results.json counts: {', '.join(short[:5])}")


def _reports(bundle: Opened, results: Results, found: "Verification") -> None:
    if results.run.suite_digest != suite_digest():
        found.open("that the reports say what results.json says: another version of the suite made them than this one")
        return
    files = {each.FILE: content for each in FORMATS if (content := _content(bundle, each.FILE)) is not None}
    for name in (wrong := disagreeing(results, files)):
        found.wrong(f"{name} does not say what results.json says")
    if not wrong:
        found.prove(f"all {len(files)} reports say what results.json says: made again, they are the same")


def _proof(bundle: Opened, results: Results, found: "Verification") -> None:
    content = _content(bundle, "proof.json")
    if content is None:
        return
    try:
        problems = list(proof_problems(Document.of(json.loads(content)), results))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        found.wrong("proof.json cannot be read")
        return
    if not problems:
        found.prove("the proof turns every check of the run red by some flaw, and is of the same suite")
