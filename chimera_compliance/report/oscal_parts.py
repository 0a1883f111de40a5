"""The parts of an OSCAL result that are made of requirements and findings: observations, risks, and findings."""

import uuid
from collections.abc import Iterator
from typing import Any

from chimera_compliance.outcomes import Outcome
from chimera_compliance.report.escaping import plain
from chimera_compliance.report.headline import population, words
from chimera_compliance.report.oscal_values import NAMESPACE, moment, prop, token, unless_empty
from chimera_compliance.report.untrusted import visible
from chimera_compliance.results import ControlResult, Finding, RequirementResult, Results, Waiver

_SPACE = uuid.uuid5(uuid.NAMESPACE_URL, NAMESPACE)
_REASON = {Outcome.PASSED: "pass", Outcome.FAILED: "fail"}


class Parts:
    """Each part refers to others by identifiers made of the run and a name."""

    def __init__(self, results: Results) -> None:
        self.results = results
        self.requirements = [(control, item) for control in results.controls for item in control.requirements]

    def id(self, *names: str) -> str:
        return str(uuid.uuid5(_SPACE, "\0".join(map(visible, (self.results.run.id, *names)))))

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
