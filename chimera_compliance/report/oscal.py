"""OSCAL assessment results 1.2 (NIST): findings, the observations they rest on, and risks with their waivers.

A requirement is an objective of a control of ADR-005's checklist. It is *satisfied* only if it passed; what could not
be decided is *not-satisfied* for the reason "other", so that no reader takes silence for a pass; what does not apply
is excluded from the objectives and told. A finding of ours is a risk: open, or `deviation-approved` with a deadline
while a waiver is in force. Every identifier is derived from the run, so that the same results make the same document.
"""

import json
import uuid
from collections.abc import Iterator
from typing import Any

from chimera_compliance.outcomes import Outcome
from chimera_compliance.report.escaping import plain
from chimera_compliance.report.headline import headline, population, words
from chimera_compliance.report.oscal_values import NAMESPACE, file, moment, prop, text, token, unless_empty
from chimera_compliance.report.untrusted import visible
from chimera_compliance.results import ControlResult, Finding, RequirementResult, Results, Waiver

FILE = "oscal.json"
VERSION = "1.2.1"

_SPACE = uuid.uuid5(uuid.NAMESPACE_URL, NAMESPACE)
_REASON = {Outcome.PASSED: "pass", Outcome.FAILED: "fail"}


def render(results: Results) -> str:
    """The document."""
    return json.dumps({"assessment-results": _Document(results).whole()}, separators=(",", ":")) + "\n"


class _Document:
    """The parts refer to each other by identifiers made of the run and a name."""

    def __init__(self, results: Results) -> None:
        self.results = results
        self.requirements = [(control, item) for control in results.controls for item in control.requirements]

    def id(self, *names: str) -> str:
        return str(uuid.uuid5(_SPACE, "\0".join(map(visible, (self.results.run.id, *names)))))

    def whole(self) -> dict[str, Any]:
        run = self.results.run
        return {
            "uuid": self.id("assessment-results"),
            "metadata": {
                "title": f"ADR-005 security checklist, verified on {plain(run.target)}",
                "last-modified": moment(run.finished),
                "version": text(run.id),
                "oscal-version": VERSION,
                "roles": [
                    {"id": "owner", "title": "Risk owner"},
                    {"id": "approver", "title": "Approver of the waiver"},
                ],
                **unless_empty("parties", self.parties()),
            },
            "import-ap": {
                "href": f"#{self.id('plan')}",
                "remarks": "There is no plan in OSCAL: target file and checklist are it.",
            },
            "results": [self.result()],
            "back-matter": {"resources": self.resources()},
        }

    def parties(self) -> list[dict[str, Any]]:
        names = sorted({name for waiver in self.results.waivers for name in (waiver.owner, waiver.approver)})
        return [{"uuid": self.id("party", name), "type": "person", "name": text(name)} for name in names]

    def resources(self) -> list[dict[str, Any]]:
        run = self.results.run
        plan = {
            "uuid": self.id("plan"),
            "title": "Target file and checklist",
            "description": "What was to be verified, of what. Both lie in the evidence bundle.",
            "rlinks": [
                file("inputs/target.yaml", run.target_digest),
                file("inputs/checklist.yaml", run.checklist_digest),
            ],
        }
        journal = {
            "uuid": self.id("journal"),
            "title": "Observations",
            "description": "Everything sent and received, redacted, with commands that reproduce it.",
            "rlinks": [{"href": "observations.jsonl", "media-type": "application/jsonl"}],
        }
        return [plan, journal]

    def result(self) -> dict[str, Any]:
        run = self.results.run
        risks = [*self.risks()]
        return {
            "uuid": self.id("result"),
            "title": f"Run {text(run.id)}",
            "description": plain(headline(self.results).sentence),
            "start": moment(run.started),
            "end": moment(run.finished),
            "props": [*self.counts()],
            "local-definitions": {"components": [self.stack()], "assessment-assets": self.tool()},
            "reviewed-controls": self.reviewed(),
            "observations": [*self.observations()],
            **unless_empty("risks", risks),
            **unless_empty("findings", [*self.findings()]),
            **({"remarks": "\n\n".join(map(plain, self.results.notes))} if self.results.notes else {}),
        }

    def counts(self) -> Iterator[dict[str, str]]:
        counts = self.results.counts
        yield prop("verdict", self.results.verdict)
        for outcome, count in counts.requirements.items():
            yield prop(f"requirements-{outcome}", str(count))
        for severity, count in counts.findings.items():
            yield prop(f"findings-{severity}", str(count))
        for severity, count in counts.waived.items():
            yield prop(f"waived-{severity}", str(count))

    def stack(self) -> dict[str, Any]:
        return {
            "uuid": self.id("stack"),
            "type": "this-system",
            "title": plain(self.results.run.target),
            "description": "The deployed stack that the target file describes.",
            "status": {"state": "operational"},
        }

    def tool(self) -> dict[str, Any]:
        run = self.results.run
        suite = {
            "uuid": self.id("suite"),
            "type": "software",
            "title": "Chimera Compliance",
            "description": "Probes a deployed stack for the twelve controls of ADR-005.",
            "props": [prop("version", run.suite_version), prop("source-sha256", run.suite_digest)],
            "status": {"state": "operational"},
        }
        platform = {
            "uuid": self.id("platform"),
            "title": f"Python {text(run.python)}",
            "uses-components": [{"component-uuid": suite["uuid"]}],
        }
        return {"components": [suite], "assessment-platforms": [platform]}

    def reviewed(self) -> dict[str, Any]:
        controls = [{"control-id": control.id} for control in self.results.controls]
        selection = {"include-controls": controls} if controls else {"include-all": {}}
        left_out = ", ".join(self.results.run.controls_left_out)
        told = {"remarks": f"Left out of this run: {text(left_out)}"} if left_out else {}
        included = [item for _, item in self.requirements if item.outcome is not Outcome.NOT_APPLICABLE]
        excluded = [item for _, item in self.requirements if item.outcome is Outcome.NOT_APPLICABLE]
        objectives = {
            **(
                {"include-objectives": [{"objective-id": item.id} for item in included]}
                if included
                else {"include-all": {}}
            ),
            **unless_empty("exclude-objectives", [_excluded(item) for item in excluded]),
        }
        return {
            "description": "Controls and objectives are those of ADR-005's checklist (inputs/checklist.yaml).",
            "control-selections": [{**selection, **told}],
            "control-objective-selections": [objectives],
        }

    # Observations: one of each requirement, and one of each finding

    def observations(self) -> Iterator[dict[str, Any]]:
        for control, item in self.requirements:
            yield self.of_requirement(control, item)
            yield from (self.of_finding(item, finding) for finding in item.findings)
        for control in self.results.controls:
            if not control.requirements:
                yield self.of_control(control)

    def observation(self, name: tuple[str, ...], title: str, text: str, when: str, **facts: Any) -> dict[str, Any]:
        return {
            "uuid": self.id("observation", *name),
            "title": title,
            "description": text,
            "methods": ["TEST"],
            "origins": [{"actors": [{"type": "tool", "actor-uuid": self.id("suite")}]}],
            "subjects": [{"subject-uuid": self.id("stack"), "type": "component"}],
            "collected": moment(when),
            **facts,
        }

    def of_control(self, control: ControlResult) -> dict[str, Any]:
        text = f"{words(control.outcome)}: {plain('; '.join(control.reasons))}"
        facts = {"types": ["control-objective"], "props": [prop("outcome", control.outcome)]}
        title = f"{control.id} {plain(control.title)}"
        return self.observation((control.id,), title, text, self.results.run.finished, **facts)

    def of_requirement(self, control: ControlResult, item: RequirementResult) -> dict[str, Any]:
        told = [words(item.outcome), population(item), *item.reasons]
        told += [
            f"not tested: {left.subject}: {left.reason}"
            for left in (item.population.untested if item.population else [])
        ]
        props = [prop("outcome", item.outcome), prop("observations", str(item.observations))]
        return self.observation(
            (item.id,),
            f"{item.id} {plain(item.sentence)}",
            "\n\n".join(plain(line) for line in told if line),
            item.started or self.results.run.started,
            types=["control-objective"],
            props=props,
            **{
                "relevant-evidence": [
                    {"href": f"#{self.id('journal')}", "description": f"What was observed for {item.id}."}
                ]
            },
        )

    def of_finding(self, item: RequirementResult, finding: Finding) -> dict[str, Any]:
        facts = [
            f"{name}: {plain(value)}" for name in ("case", "expected", "actual") if (value := getattr(finding, name))
        ]
        seen = finding.evidence
        evidence = {"href": f"#{self.id('journal')}", "description": plain(_seen(finding))}
        return self.observation(
            ("finding", finding.fingerprint),
            plain(f"{finding.subject} {finding.message}"),
            "\n\n".join([plain(f"{finding.subject} {finding.message}"), *facts]),
            seen.time if seen else item.started or self.results.run.started,
            types=["finding"],
            props=[prop("subject", finding.subject), prop("fingerprint", finding.fingerprint)],
            **({"relevant-evidence": [evidence]} if seen else {}),
        )

    # Risks: one of each finding, and one of what was not decided and is waived

    def risks(self) -> Iterator[dict[str, Any]]:
        for control, item in self.requirements:
            for finding in item.findings:
                title = plain(f"{finding.subject} {finding.message}")
                yield self.risk(control, item, ("finding", finding.fingerprint), title, finding.waiver, _marks(finding))
            if item.waiver and not item.findings:
                title = f"{item.id} {words(item.outcome)}"
                yield self.risk(control, item, (item.id,), title, item.waiver, [prop("severity", item.severity)])

    def risk(
        self,
        control: ControlResult,
        item: RequirementResult,
        name: tuple[str, ...],
        title: str,
        waiver: Waiver | None,
        props: list[dict[str, str]],
    ) -> dict[str, Any]:
        in_force = waiver is not None and not waiver.expired
        return {
            "uuid": self.id("risk", *name),
            "title": title,
            "description": f"{item.id} {plain(item.sentence)}",
            "statement": f"{control.id} {plain(control.title)} ({plain(control.clause)}) does not hold here.",
            "props": props,
            "status": "deviation-approved" if in_force else "open",
            **({"deadline": moment(waiver.expires)} if waiver else {}),
            "remediations": [
                {
                    "uuid": self.id("remediation", *name),
                    "lifecycle": "recommendation",
                    "title": "How to remedy it",
                    "description": visible(item.remediation) or "See the requirement.",
                }
            ],
            **({"risk-log": {"entries": [self.accepted(waiver, name)]}} if waiver else {}),
            "related-observations": [{"observation-uuid": self.id("observation", *name)}],
        }

    def accepted(self, waiver: Waiver, name: tuple[str, ...]) -> dict[str, Any]:
        """What the waiver says, logged by its owner and its approver."""
        expired = f" It expired on {waiver.expires}." if waiver.expired else ""
        return {
            "uuid": self.id("waiver", *name),
            "title": f"Waiver, ticket {plain(waiver.ticket)}",
            "description": f"{plain(waiver.reason)}{expired}",
            "start": moment(waiver.approved or self.results.run.started),
            "end": moment(waiver.expires),
            "props": [
                prop("ticket", waiver.ticket),
                *([prop("source", waiver.source)] if waiver.source else []),
            ],
            "logged-by": [
                {"party-uuid": self.id("party", waiver.owner), "role-id": "owner"},
                {"party-uuid": self.id("party", waiver.approver), "role-id": "approver"},
            ],
            "status-change": "open" if waiver.expired else "deviation-approved",
        }

    # Findings in OSCAL's sense: one of each requirement that applies

    def findings(self) -> Iterator[dict[str, Any]]:
        for control, item in self.requirements:
            if item.outcome is not Outcome.NOT_APPLICABLE:
                yield self.finding(control, item)

    def finding(self, control: ControlResult, item: RequirementResult) -> dict[str, Any]:
        marks = [finding.fingerprint for finding in item.findings]
        names = [("finding", mark) for mark in marks] or ([(item.id,)] if item.waiver else [])
        seen = [(item.id,), *(("finding", mark) for mark in marks)]
        status = {"state": "satisfied" if item.outcome is Outcome.PASSED else "not-satisfied"}
        status["reason"] = _REASON.get(item.outcome, "other")
        reasons = [words(item.outcome), *item.reasons] if status["reason"] == "other" else []
        return {
            "uuid": self.id("objective", item.id),
            "title": f"{item.id} {words(item.outcome)}",
            "description": plain(item.sentence),
            "props": [*_cited(control, item)],
            "target": {
                "type": "objective-id",
                "target-id": item.id,
                "status": status | ({"remarks": plain("; ".join(reasons))} if reasons else {}),
            },
            "related-observations": [{"observation-uuid": self.id("observation", *name)} for name in seen],
            **unless_empty("related-risks", [{"risk-uuid": self.id("risk", *name)} for name in names]),
        }


def _cited(control: ControlResult, item: RequirementResult) -> Iterator[dict[str, str]]:
    yield prop("outcome", item.outcome)
    yield prop("severity", item.severity)
    yield prop("clause", control.clause)
    for framework, clauses in item.references.items():
        name = token(framework)
        yield from (prop(name, clause, group="reference") for clause in clauses)


def _marks(finding: Finding) -> list[dict[str, str]]:
    facts = {"severity": finding.severity, "fingerprint": finding.fingerprint, "status": finding.status or ""}
    facts |= {"since": finding.since, "tolerated": finding.tolerated}
    return [prop(name, value) for name, value in facts.items() if value]


def _seen(finding: Finding) -> str:
    seen = finding.evidence
    parts = [f"observation {seen.id}"] if seen else []
    parts += [f"reproduce: {seen.reproduce}"] if seen and seen.reproduce else []
    return "; ".join(parts) or "no observation is kept of it"


def _excluded(item: RequirementResult) -> dict[str, str]:
    return {"objective-id": item.id, "remarks": plain("; ".join(["not applicable", *item.reasons]))}
