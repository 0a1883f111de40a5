"""What the proof has shown, variant by variant, as a document that can be kept, shared out and joined again."""

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from chimera_compliance.checklist import Checklist
from chimera_compliance.errors import ConfigurationError
from chimera_compliance.gathering import suite_digest
from chimera_compliance.outcomes import Outcome
from chimera_compliance.results import Results

_UNDECIDED = (Outcome.INCONCLUSIVE, Outcome.NOT_REVIEWED)


@dataclass
class Proof:
    """What verifying one variant has shown. `control` is the one it breaks; none for a correct variant.

    Some break others `also`. One that `blinds` answers to no client: its other controls cannot be decided, which
    must not look like a failure.
    """

    name: str
    control: str | None
    why: str
    outcomes: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    problem: str = ""
    seconds: float = 0.0
    blinds: bool = False
    also: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()
    """Those that it is verified on."""

    @property
    def red(self) -> set[str]:
        """The controls that must be red."""
        return {self.control, *self.also} - {None}

    @property
    def holds(self) -> bool:
        """Whether it is red where it must be and green everywhere else."""
        if self.problem or not self.outcomes:
            return False
        others = (Outcome.PASSED, *_UNDECIDED) if self.blinds else (Outcome.PASSED,)
        return self.red & set(self.controls) <= self.outcomes.keys() and all(
            outcome in ((Outcome.FAILED,) if control in self.red else others)
            for control, outcome in self.outcomes.items()
        )

    def take(self, results: Results) -> None:
        """Keep what a run has shown; a control without checks proves nothing and is left out."""
        reviewed = [control for control in results.controls if control.requirements]
        self.outcomes = {control.id: control.outcome.value for control in reviewed}
        requirements = [item for control in reviewed for item in control.requirements]
        self.failed = [item.id for item in requirements if item.outcome is Outcome.FAILED]
        tolerated = (Outcome.PASSED, *(_UNDECIDED if self.blinds else ()))
        foreign = [item for item in requirements if item.id[:3] not in self.red]
        unexpected = [item for item in foreign if item.outcome not in tolerated]
        self.problem = "; ".join(f"{item.id} {item.outcome}: {_first(item)}" for item in unexpected[:3])


def _first(item) -> str:
    if item.findings:
        return f"{item.findings[0].subject} {item.findings[0].message} {item.findings[0].case}".strip()
    return item.reasons[0] if item.reasons else ""


@dataclass
class Document:
    """Proofs of one version of the suite; `unproven` are the requirements that no flaw of their control turns red."""

    proofs: list[Proof]
    unproven: list[str] = field(default_factory=list)
    seconds: float = 0.0
    finished: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    suite_digest: str = field(default_factory=suite_digest)

    @classmethod
    def read(cls, file: Path) -> "Document":
        """What `write` has written.

        Raises:
            ConfigurationError: it cannot be read, or is no proof.
        """
        try:
            return cls.of(json.loads(file.read_bytes()))
        except OSError as error:
            raise ConfigurationError(f"cannot read the proof {file}: {error.strerror}") from None
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise ConfigurationError(f"{file} is no proof: make one with `chimera-compliance prove --out`") from None

    @classmethod
    def of(cls, document: dict) -> "Document":
        """The same from parsed JSON.

        Raises:
            TypeError, KeyError, AttributeError: it is no proof.
        """
        tuples = ("also", "controls")
        proofs = [Proof(**{k: tuple(v) if k in tuples else v for k, v in each.items()}) for each in document["proofs"]]
        return cls(**{**document, "proofs": proofs, "suite_digest": document["suite_digest"]})

    @classmethod
    def joined(cls, parts: list["Document"]) -> "Document":
        """One document of several parts.

        Raises:
            ConfigurationError: they are of different versions of the suite, or two of them prove the same.
        """
        if len({part.suite_digest for part in parts}) > 1:
            raise ConfigurationError("the parts are of different versions of the suite: prove all of them again")
        proofs = [proof for part in parts for proof in part.proofs]
        if len({proof.name for proof in proofs}) < len(proofs):
            raise ConfigurationError("two parts prove the same variant: name each part once")
        return cls(proofs, seconds=sum(part.seconds for part in parts), suite_digest=parts[0].suite_digest)

    def write(self, file: Path) -> None:
        """Keep it as JSON."""
        file.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    def judge(self, checklist: Checklist, controls: list[str]) -> None:
        """Find what is unproven of these controls."""
        reddened = {
            name for proof in self.proofs if proof.control for name in proof.failed if name[:3] == proof.control
        }
        known = [item.id for control in checklist.controls if control.id in controls for item in control.requirements]
        self.unproven = [name for name in known if name not in reddened]

    @property
    def holds(self) -> bool:
        """Whether all came out as required."""
        return not self.unproven and all(proof.holds for proof in self.proofs)
