"""The same results by framework and clause, and what of each framework no requirement speaks to.

A mapping says which clause a requirement has to do with. It never says that the clause is met: what a run does not
show stands in plain words in config/frameworks.yaml.
"""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from pydantic import BaseModel, ConfigDict

from chimera_compliance.home import HOME
from chimera_compliance.located_yaml import LocatedYaml
from chimera_compliance.outcomes import Outcome, worst
from chimera_compliance.results import ControlResult, RequirementResult, Results

FRAMEWORKS = HOME / "config" / "frameworks.yaml"


class Framework(BaseModel):
    """A standard or law that requirements refer to; `prefix` is what its ids begin with before the part."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    full: str
    prefix: str = ""
    parts: dict[str, str] = {}
    clauses: dict[str, str] = {}
    not_shown: list[str] = []

    def part_of(self, clause: str) -> str:
        """The chapter or family that a clause belongs to; the longest one that fits."""
        name = clause.removeprefix(self.prefix)
        name = f"V{name.split('.')[0]}" if self.prefix else name
        return max((part for part in self.parts if _belongs(name, part)), key=len, default="")

    def title(self, clause: str) -> str:
        """What a clause is about; empty where the file does not say."""
        return self.clauses.get(clause) or self.parts.get(clause, "")


def _belongs(name: str, part: str) -> bool:
    return name == part or (name.startswith(part) and not name[len(part)].isalnum())


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")
    frameworks: list[Framework]


def load_frameworks() -> list[Framework]:
    """The frameworks in the order in which reports show them."""
    return LocatedYaml.read(FRAMEWORKS).parse(_Document).frameworks


@dataclass(frozen=True)
class Clause:
    """A clause and all that refers to it: requirements, and controls that have none."""

    name: str
    title: str
    items: list[RequirementResult | ControlResult]

    @property
    def outcome(self) -> Outcome:
        """That of the worst of them."""
        return worst(item.outcome for item in self.items)

    @property
    def findings(self) -> int:
        """Findings on it."""
        return sum(len(item.findings) for item in self.items if isinstance(item, RequirementResult))

    @cached_property
    def counts(self) -> Counter[Outcome]:
        """How many of them came out how, worst first."""
        tally = Counter(item.outcome for item in self.items)
        return Counter({outcome: tally[outcome] for outcome in Outcome if tally[outcome]})

    @property
    def not_passed(self) -> list[RequirementResult | ControlResult]:
        """Those that a reader wants to look up."""
        return [item for item in self.items if item.outcome is not Outcome.PASSED]


@dataclass(frozen=True)
class View:
    """A framework as a run speaks to it; `silent` are the parts that nothing refers to."""

    framework: Framework
    clauses: list[Clause]
    silent: dict[str, str]


def by_framework(results: Results) -> list[View]:
    """Every framework, those that only the checklist knows after those of the file."""
    frameworks = load_frameworks()
    referring = _referring(results)
    unknown = [Framework(name=name, full=name) for name in referring if name not in {each.name for each in frameworks}]
    return [_view(framework, referring.get(framework.name, {})) for framework in [*frameworks, *unknown]]


def _referring(results: Results) -> dict[str, dict[str, list[RequirementResult | ControlResult]]]:
    found: dict[str, dict[str, list]] = {}
    for control in results.controls:
        for item in control.requirements or [control]:
            for framework, clauses in item.references.items():
                for clause in clauses:
                    found.setdefault(framework, {}).setdefault(clause, []).append(item)
    return found


def _view(framework: Framework, referring: dict[str, list]) -> View:
    clauses = [Clause(name, framework.title(name), items) for name, items in sorted(referring.items(), key=_natural)]
    spoken_to = {framework.part_of(clause.name) for clause in clauses}
    silent = {part: title for part, title in framework.parts.items() if part not in spoken_to}
    return View(framework, clauses, silent)


def _natural(entry: tuple[str, list]) -> list[tuple[int, str]]:
    """Sorts CWE-89 before CWE-287."""
    words = "".join(letter if letter.isalnum() else " " for letter in entry[0]).split()
    return [(int(word), "") if word.isdigit() else (0, word) for word in words]
