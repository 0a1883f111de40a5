"""The golden list of what is verified, read from config/checklist.yaml."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from chimera_compliance.home import CHECKLIST
from chimera_compliance.located_yaml import LocatedYaml
from chimera_compliance.outcomes import Severity


class Requirement(BaseModel):
    """One sentence that one test function proves."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^C\d\d\.\d+$")
    test: str = Field(pattern=r"^test_\w+$")
    sentence: str
    severity: Severity
    remediation: str
    references: dict[str, list[str]] = Field(
        {}, description="Of the frameworks whose clauses differ from the control's; an empty list where there is none."
    )

    def references_in(self, control: "Control") -> dict[str, list[str]]:
        """What it refers to: the control's clauses but for those of the frameworks that it names itself."""
        return {name: clauses for name, clauses in {**control.references, **self.references}.items() if clauses}


class Control(BaseModel):
    """One item of the checklist."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^C\d\d$")
    title: str
    clause: str
    references: dict[str, list[str]] = {}
    requirements: list[Requirement] = []


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")
    controls: list[Control]


@dataclass(frozen=True)
class Checklist:
    """The controls in ADR-005's order."""

    controls: list[Control]
    digest: str = ""

    @classmethod
    def load(cls, path: Path = CHECKLIST) -> "Checklist":
        """Read the list.

        Raises:
            ConfigurationError: the file is missing or malformed.
        """
        document = LocatedYaml.read(path).parse(_Document)
        return cls(document.controls, hashlib.sha256(path.read_bytes()).hexdigest())

    @cached_property
    def by_test(self) -> dict[tuple[str, str], Requirement]:
        """The requirement that a test function of a control proves."""
        return {(control.id, item.test): item for control in self.controls for item in control.requirements}

    @cached_property
    def ids(self) -> frozenset[str]:
        """Every id of a control or requirement."""
        requirements = {item.id for control in self.controls for item in control.requirements}
        return frozenset(requirements | {control.id for control in self.controls})
