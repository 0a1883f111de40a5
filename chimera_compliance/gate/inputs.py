"""What the gate goes by, read before anything is probed, so that a bad file costs nobody a run."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from chimera_compliance.checklist import Checklist
from chimera_compliance.errors import ConfigurationError
from chimera_compliance.gate.comparison import compare
from chimera_compliance.gate.decision import decide
from chimera_compliance.gate.past import Past, Unusable, load_previous, read_results
from chimera_compliance.gate.waivers import Waivers
from chimera_compliance.outcomes import Severity
from chimera_compliance.results import Policy, Results
from chimera_compliance.target import Target


@dataclass(frozen=True)
class GateOptions:
    """What the command line says about the gate; it goes before what the target file says."""

    waivers: Path | None = None
    previous: Path | None = None
    baseline: Path | None = None
    fail_on: str | None = None


@dataclass(frozen=True)
class GateInputs:
    """Policy, waivers, baseline and the run before."""

    policy: Policy = field(default_factory=Policy)
    waivers: Waivers = field(default_factory=Waivers)
    baseline: Results | None = None
    past: Past | None = None

    @classmethod
    def load(
        cls, options: GateOptions, target: Target, checklist: Checklist, now: datetime, found: Path | None
    ) -> "GateInputs":
        """Read everything; `found` is a previous run that nobody named.

        Raises:
            ConfigurationError: a file that was named cannot be used.
        """
        settings = target.gate
        waivers = options.waivers or (settings.waivers and target.file(settings.waivers))
        baseline, digest, name = _baseline(options.baseline or (settings.baseline and target.file(settings.baseline)))
        if baseline and baseline.run.target != target.name:
            raise ConfigurationError(f"the baseline {name} is of another target: {baseline.run.target}")
        if options.previous and not options.previous.is_file():
            raise ConfigurationError(f"cannot read {options.previous}: there is no such file")
        previous = options.previous or found
        return cls(
            policy=Policy(
                fail_on=_severity(options.fail_on) or settings.fail_on,
                not_reviewed=settings.not_reviewed,
                baseline=name,
                baseline_digest=digest,
            ),
            waivers=Waivers.load(waivers, checklist, now) if waivers else Waivers(),
            baseline=baseline,
            past=load_previous(previous, target.name) if previous else None,
        )

    def apply(self, results: Results, broken: list[str]) -> Results:
        """The results with statuses, waivers and the gate."""
        if self.past is not None:
            results = compare(results, self.past)
        return decide(results, self.policy, self.waivers, self.baseline, broken)


def _severity(name: str | None) -> Severity | None:
    try:
        return Severity(name.lower()) if name else None
    except ValueError:
        raise ConfigurationError(f"--fail-on: {name!r} is none of {', '.join(Severity)}") from None


def _baseline(path: Path | None) -> tuple[Results | None, str, str]:
    if path is None:
        return None, "", ""
    try:
        return *read_results(path), path.name
    except Unusable as error:
        raise ConfigurationError(f"{path}: not a baseline: {error}: make it again with this suite") from None
