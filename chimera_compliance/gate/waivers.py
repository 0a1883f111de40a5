"""Accepted risks, read from YAML: who answers for each, who approved it, why, and until when.

A waiver names requirements one by one, never a whole control: nobody can accept what a later version of the suite may
find. It covers findings only, unless it says that it covers what could not be decided as well.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from chimera_compliance.checklist import Checklist
from chimera_compliance.errors import ConfigurationError
from chimera_compliance.located_yaml import LocatedYaml
from chimera_compliance.outcomes import Outcome
from chimera_compliance.results import Finding, RequirementResult, Waiver

COVERABLE = (Outcome.FAILED, Outcome.ERROR, Outcome.INCONCLUSIVE, Outcome.NOT_REVIEWED)


def _moment(value: object) -> datetime:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError("not an ISO 8601 time, such as 2027-03-31T23:59:59+00:00") from None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError("needs a time and an offset from UTC, such as 2027-03-31T23:59:59+00:00")
    if not 2000 < value.year < 9000:  # so that it can be told in every zone
        raise ValueError("this is no year for a waiver")
    return value


def _said(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text.strip()


def _coverable(outcome: Outcome) -> Outcome:
    if outcome not in COVERABLE:
        raise ValueError(f"a waiver covers {', '.join(COVERABLE)}")
    return outcome


_Moment = Annotated[datetime, BeforeValidator(_moment)]
_Said = Annotated[str, AfterValidator(_said)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", str_max_length=4000)

    requirement: _Said
    fingerprint: str = Field("", pattern="^([0-9a-f]{16})?$")
    subject: _Said = "*"
    outcomes: list[Annotated[Outcome, AfterValidator(_coverable)]] = Field([Outcome.FAILED], min_length=1)
    owner: _Said
    approver: _Said
    reason: _Said
    ticket: _Said
    approved: _Moment | None = None
    expires: _Moment

    @model_validator(mode="after")
    def _somebody_else_approved(self) -> "_Entry":
        if _person(self.owner) == _person(self.approver):
            raise ValueError("owner and approver are the same: somebody else has to approve")
        return self


def _person(name: str) -> str:
    return " ".join(name.split()).casefold()


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1
    waivers: list[_Entry] = Field(max_length=10_000)


@dataclass(frozen=True)
class Waivers:
    """The waivers of a file, as they stand at one moment."""

    waivers: list[Waiver] = field(default_factory=list)

    @classmethod
    def load(cls, path: Path, checklist: Checklist, now: datetime) -> "Waivers":
        """Read a file.

        Raises:
            ConfigurationError: it cannot be used; a line for each problem, with file and line.
        """
        document = LocatedYaml.read(path)
        entries = document.parse(_Document).waivers
        problems = [
            f"{path}:{document.line_of(('waivers', index, 'requirement'))}: {problem}"
            for index, entry in enumerate(entries)
            if (problem := _unknown(entry.requirement, checklist))
        ]
        if problems:
            raise ConfigurationError("\n".join(problems))
        return cls(
            [
                _waiver(entry, f"{path.name}:{document.line_of(('waivers', index))}", now)
                for index, entry in enumerate(entries)
            ]
        )

    @cached_property
    def _of(self) -> dict[str, list[Waiver]]:
        found = defaultdict(list)
        for waiver in self.waivers:
            found[waiver.requirement].append(waiver)
        return found

    def of_finding(self, finding: Finding) -> Waiver | None:
        """The waiver that covers a finding, the one that lasts longest if there are several."""
        return _best(waiver for waiver in self._of.get(finding.requirement, []) if _covers(waiver, finding))

    def of_requirement(self, requirement: RequirementResult) -> Waiver | None:
        """The waiver that covers a requirement as a whole, with the outcome that it has."""
        return _best(
            waiver
            for waiver in self._of.get(requirement.id, [])
            if requirement.outcome in waiver.outcomes and waiver.subject == "*" and not waiver.fingerprint
        )


def _unknown(name: str, checklist: Checklist) -> str:
    if name in {control.id for control in checklist.controls}:
        return f"{name} is a control: a waiver names its requirements one by one, such as {name}.1"
    return "" if name in checklist.ids else f"there is no requirement {name!r}"


def _waiver(entry: _Entry, source: str, now: datetime) -> Waiver:
    moments = {"expires": entry.expires.isoformat(), "approved": entry.approved.isoformat() if entry.approved else ""}
    left = entry.expires - now
    return Waiver(
        **{**entry.model_dump(), **moments},
        expired=left.total_seconds() <= 0,
        days_left=left.days,
        source=source,
    )


def _covers(waiver: Waiver, finding: Finding) -> bool:
    return (
        Outcome.FAILED in waiver.outcomes
        and waiver.fingerprint in ("", finding.fingerprint)
        and (waiver.subject == finding.subject or fnmatchcase(finding.subject, waiver.subject))
    )


def _best(candidates: Iterable[Waiver]) -> Waiver | None:
    return max(candidates, key=lambda waiver: datetime.fromisoformat(waiver.expires).astimezone(UTC), default=None)
