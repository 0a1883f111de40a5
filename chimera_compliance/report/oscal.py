"""OSCAL assessment results 1.2 (NIST): findings, the observations they rest on, and risks with their waivers.

A requirement is an objective of a control of ADR-005's checklist. It is *satisfied* only if it passed; what could not
be decided is *not-satisfied* for the reason "other", so that no reader takes silence for a pass; what does not apply
is excluded from the objectives and told. A finding of ours is a risk: open, or `deviation-approved` with a deadline
while a waiver is in force. Every identifier is derived from the run, so that the same results make the same document.
"""

import json
from collections.abc import Iterator
from typing import Any

from chimera_compliance.outcomes import Outcome
from chimera_compliance.report.escaping import plain
from chimera_compliance.report.headline import headline
from chimera_compliance.report.oscal_parts import Parts
from chimera_compliance.report.oscal_values import file, moment, prop, text, unless_empty
from chimera_compliance.results import RequirementResult, Results

FILE = "oscal.json"
VERSION = "1.2.1"


def render(results: Results) -> str:
    """The document."""
    return json.dumps({"assessment-results": _Document(results).whole()}, separators=(",", ":")) + "\n"


class _Document(Parts):
    """The whole, and what frames it."""

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


def _excluded(item: RequirementResult) -> dict[str, str]:
    return {"objective-id": item.id, "remarks": plain("; ".join(["not applicable", *item.reasons]))}
