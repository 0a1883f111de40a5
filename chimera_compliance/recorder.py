"""The pytest plugin that turns test results into verdicts.

It runs in every process: each keeps a journal and attaches to each report what its case has shown; the
controller (or the only process) gathers the reports into results.json and the formats made from it. It is
inert unless checks are among what pytest is asked to run.
"""

import gc
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chimera_compliance.checklist import Checklist, Requirement
from chimera_compliance.coverage import COVERAGE, Coverage
from chimera_compliance.errors import EXIT_INTERRUPTED, ConfigurationError
from chimera_compliance.gate.inputs import GateInputs, GateOptions
from chimera_compliance.gathering import Gathering
from chimera_compliance.history import RESULTS, latest_of
from chimera_compliance.home import CHECKS, HOME, PACKAGE
from chimera_compliance.journal import Journal
from chimera_compliance.outcomes import NotApplicable, Outcome
from chimera_compliance.run_folder import RunFolder
from chimera_compliance.target import Target
from chimera_compliance.verdict import first_line, judge

REQUIREMENT = pytest.StashKey[Requirement]()
FACETS = ("api", "db", "aws", "repo")
_SAMPLES = 3


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("compliance", "compliance verification")
    group.addoption("--target", metavar="FILE", help="target file; the embedded reference stack if not given")
    group.addoption("--controls", metavar="IDS", help="controls to verify, such as C03,C12; all if not given")
    group.addoption("--out", metavar="DIR", help="folder for the reports; a new one under reports/runs if not given")
    group.addoption("--waivers", metavar="FILE", help="accepted risks; those of the target file if not given")
    group.addoption("--previous", metavar="FILE", help="results.json to compare with; the latest run if not given")
    group.addoption("--baseline", metavar="FILE", help="results.json whose findings do not block")
    group.addoption("--evidence", action="store_true", help="make a bundle for auditors, evidence.zip")
    group.addoption("--evidence-key", metavar="FILE", help="the private key to sign it with")
    group.addoption("--evidence-previous", metavar="FILE", help="the bundle before, or the folder of all of them")
    group.addoption("--fail-on", metavar="SEVERITY", help="the least severity of findings that block")


def pytest_configure(config: pytest.Config) -> None:
    if _asks_for_checks(config) and not config.getoption("collectonly", False):
        try:
            config.pluginmanager.register(Recorder(config), "compliance-recorder")
        except ConfigurationError as error:
            raise pytest.UsageError(str(error)) from None


def _asks_for_checks(config: pytest.Config) -> bool:
    return any(path == HOME or path.is_relative_to(CHECKS) for path in _named(config))


def _named(config: pytest.Config) -> list[Path]:
    return [(config.invocation_params.dir / str(argument).split("::")[0]).resolve() for argument in config.args]


def _controls_of_files(config: pytest.Config) -> list[str] | None:
    """The controls of the check files that the command line names; None if it names a folder."""
    files = _named(config)
    return [file.name[5:8].upper() for file in files] if all(file.is_file() for file in files) else None


def new_run_id() -> str:
    """Sortable by time, unique without coordination."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:6]}"


def default_out(run_id: str) -> Path:
    """Below the clone, or below the working directory where the suite is installed."""
    root = Path.cwd() if PACKAGE == HOME else HOME
    return root / "reports" / "runs" / run_id


class Recorder:
    """The plugin of one process; `gathering` exists only where reports are gathered."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self._worker = worker = getattr(config, "workerinput", None)
        given = worker["target"] if worker else config.getoption("target")
        self.stack = None if given else _begun_stack()
        self.folder = self.gathering = self.target = None
        self.broken: list[str] = []
        try:
            self.checklist = Checklist.load()
            selected = config.getoption("controls")
            self.controls = control_ids(selected, self.checklist) if selected else _controls_of_files(config)
            self.run_id = worker["run_id"] if worker else new_run_id()
            self.out = Path(worker["out"] if worker else config.getoption("out") or default_out(self.run_id)).absolute()
            self.folder = None if worker else RunFolder(self.out)
            self.journal = self._journal(worker["workerid"].upper() + "-" if worker else "")
            if given:
                self._load_target(Path(given))
        except ConfigurationError:
            self.close()
            raise

    def wait_for_target(self) -> Target:
        """The target; the embedded stack has been starting while the checks were collected.

        Raises:
            pytest.UsageError: the stack did not start.
        """
        if self.target is None:
            from chimera_compliance.stack import StackError

            try:
                self._load_target(self.stack.booted().target)
            except (StackError, ConfigurationError) as error:
                raise pytest.UsageError(str(error)) from None
        return self.target

    def _load_target(self, file: Path) -> None:
        self.target = Target.load(file)
        unknown = set(self.target.not_applicable) - self.checklist.ids
        if unknown:
            raise ConfigurationError(
                f"{self.target.path}: not_applicable names unknown ids: {', '.join(sorted(unknown))}"
            )
        self.gathering = None if self._worker else Gathering(self)

    def gate_inputs(self, now: datetime) -> GateInputs:
        """What the gate goes by; the previous run is the one named, or that of this folder, or the latest beside it."""
        given = {name: self.config.getoption(name) for name in ("waivers", "previous", "baseline")}
        paths = {name: Path(path) if path else None for name, path in given.items()}
        options = GateOptions(**paths, fail_on=self.config.getoption("fail_on"))
        found = None if options.previous else self._earlier_run()
        return GateInputs.load(options, self.target, self.checklist, now, found)

    @property
    def beside_other_runs(self) -> bool:
        """Whether the folder is a new one among those of earlier runs."""
        return not self.config.getoption("out")

    def evidence_options(self):
        """What a bundle is made with, if one is asked for; read first, so that a bad key costs nobody a run."""
        named = {name: self.config.getoption(f"evidence_{name}") for name in ("key", "previous")}
        if not (self.config.getoption("evidence") or any(named.values()) or self.target.evidence.signing_key):
            return None
        from chimera_compliance.evidence.creation import Options

        waivers = self.config.getoption("waivers")
        given = {name: Path(path) if path else None for name, path in {**named, "waivers": waivers}.items()}
        return Options.of(self.target, **given)

    def _earlier_run(self) -> Path | None:
        if not self.beside_other_runs:
            own = self.out / RESULTS
            return own if own.is_file() else None
        return latest_of(self.out.parent, self.target.name)

    def _journal(self, prefix: str) -> Journal:
        try:
            if not prefix:  # the controller comes first: what an earlier run left in this folder is not this run's
                (self.out / "observations.jsonl").unlink(missing_ok=True)
            return Journal(self.out / "observations.jsonl", run_id=self.run_id, prefix=prefix + "O")
        except OSError as error:
            raise ConfigurationError(f"cannot write to {self.out}: {error.strerror}: choose another --out") from None

    def close(self) -> None:
        """Stop the embedded stack, if this process started it, and let go of the folder."""
        if self.stack is not None:
            self.stack.close()
            self.stack = None
        if self.folder is not None:
            self.folder.close()
            self.folder = None

    # Collection

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        self.wait_for_target()
        kept, dropped = [], []
        for item in items:
            requirement = self._requirement_of(item)
            item.stash[REQUIREMENT] = requirement
            wanted = self.controls is None or requirement.id[:3] in self.controls
            (kept if wanted else dropped).append(item)
        order = [item.id for control in self.checklist.controls for item in control.requirements]
        kept.sort(key=lambda item: order.index(item.stash[REQUIREMENT].id))
        items[:] = kept
        if dropped:
            config.hook.pytest_deselected(items=dropped)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.broken.append(f"{report.nodeid} cannot be loaded: {str(report.longrepr).splitlines()[-1]}")

    def _requirement_of(self, item: pytest.Item) -> Requirement:
        marker = item.get_closest_marker("control")
        name = getattr(item, "originalname", item.name)
        requirement = self.checklist.by_test.get((marker.args[0], name)) if marker else None
        if requirement is None:
            raise pytest.UsageError(f"{item.nodeid} proves no requirement of config/checklist.yaml")
        return requirement

    def pytest_collection_finish(self) -> None:
        gc.freeze()  # What was imported stays: to look through it again and again takes a tenth of the time.

    # Running

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        requirement = item.stash[REQUIREMENT]
        self.journal.requirement = requirement.id
        item.stash[COVERAGE] = Coverage()
        self._seen_before = self.journal.count
        declared = self.target.not_applicable
        if reason := declared.get(requirement.id) or declared.get(requirement.id[:3]):
            raise NotApplicable(reason)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo):
        error = _last_frame_only(call) if call.excinfo else None
        report = yield
        self._seconds = call.duration + (self._seconds if call.when == "call" else 0)
        if call.when == "setup":
            self._started = datetime.fromtimestamp(call.start, UTC).isoformat(timespec="milliseconds")
        if call.when == "call" or error is not None:
            self._attach(item, report, error)
        report.sections = []
        return report

    def _attach(self, item: pytest.Item, report: pytest.TestReport, error: BaseException | None) -> None:
        requirement, coverage = item.stash[REQUIREMENT], item.stash[COVERAGE]
        made = self.journal.made_since(self._seen_before)
        outcome, reasons, problems = judge(error, coverage, observed=bool(made))
        redact = self.journal.redact
        report.compliance = {
            "requirement": requirement.id,
            "case": redact(item.callspec.id) if hasattr(item, "callspec") else "",
            "facets": [facet for facet in FACETS if facet in item.fixturenames],
            "outcome": outcome.value,
            "reasons": [redact(reason) for reason in reasons],
            "problems": [self._problem(problem) for problem in problems],
            "started": self._started,
            "seconds": self._seconds,
            "unit": coverage.unit,
            "tested": [redact(name) for name in coverage.decided],
            "untested": {redact(name): redact(reason) for name, reason in coverage.undecided.items()},
            "observations": len(made),
            "requests": sum(observation.kind == "http" for observation in made),
            "notes": [observation.subject for observation in made if observation.kind == "left"],
            "samples": [observation.as_dict() for observation in made[:_SAMPLES]],
            "redactions": redact.taken(),
        }
        self._show(report, outcome, [*reasons, *map(str, problems)], error)

    def _problem(self, problem) -> dict:
        evidence = self.journal.get(problem.observation)
        return {
            **{
                name: self.journal.redact(getattr(problem, name))
                for name in ("subject", "message", "expected", "actual")
            },
            "severity": problem.severity and problem.severity.value,
            "location": {"file": self.journal.redact(problem.file), "line": problem.line} if problem.file else None,
            "evidence": evidence and evidence.as_dict(),
        }

    def _show(self, report: pytest.TestReport, outcome: Outcome, lines: list[str], error: BaseException | None) -> None:
        """What pytest itself prints: the sentence, never a traceback with the run's values in it."""
        text = self.journal.redact("\n".join(lines))
        if outcome in (Outcome.NOT_REVIEWED, Outcome.NOT_APPLICABLE):
            report.outcome, report.longrepr = "skipped", (str(report.fspath), report.location[1], text)
        elif outcome is Outcome.PASSED:
            report.outcome, report.longrepr = "passed", None
        else:
            where = f"\n{_place(error)}" if outcome is Outcome.ERROR and error else ""
            report.outcome, report.longrepr = "failed", f"{outcome.value}: {text}{where}"

    # Other processes

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node) -> None:
        node.workerinput.update(run_id=self.run_id, out=str(self.out), target=str(self.wait_for_target().path))

    # Gathering

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if self.gathering is not None and hasattr(report, "compliance"):
            self.gathering.add(report.compliance)

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int):
        try:
            yield
        finally:
            self.journal.close()
            if self.gathering is not None:
                session.exitstatus = self.gathering.finish(interrupted=exitstatus == pytest.ExitCode.INTERRUPTED)
            elif exitstatus == pytest.ExitCode.INTERRUPTED:
                session.exitstatus = EXIT_INTERRUPTED
            self.close()

    def pytest_terminal_summary(self, terminalreporter) -> None:
        if self.gathering is not None:
            self.gathering.summarize(terminalreporter.write_line)


def _begun_stack():
    from chimera_compliance.stack import Stack, StackError

    try:
        stack = Stack.start()
        stack.begin()
    except StackError as error:
        raise ConfigurationError(str(error)) from None
    return stack


def control_ids(text: str, checklist: Checklist) -> list[str]:
    """The controls that a comma-separated list names.

    Raises:
        ConfigurationError: one of them does not exist, or there is none.
    """
    ids = [part.strip().upper() for part in text.split(",") if part.strip()]
    known = [control.id for control in checklist.controls]
    unknown = [name for name in ids if name not in known]
    if unknown or not ids:
        raise ConfigurationError(f"--controls: no such control: {', '.join(unknown) or text} (there are C01 to C12)")
    return ids


def _last_frame_only(call: pytest.CallInfo) -> BaseException:
    """Spare pytest the rendering of tracebacks that nobody is shown: with many cases it costs seconds."""
    error, frame = call.excinfo.value, call.excinfo.tb
    if isinstance(error, pytest.skip.Exception):  # whose place pytest insists on
        return error
    while frame.tb_next:
        frame = frame.tb_next
    call.excinfo = pytest.ExceptionInfo.from_exc_info((type(error), error, frame))
    return error


def _place(error: BaseException) -> str:
    frame = error.__traceback__
    while frame and frame.tb_next:
        frame = frame.tb_next
    return f"at {Path(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno}" if frame else first_line(error)
