"""A repository's pipeline as the checks see it: what stands in its files, and what its scanners do when run.

The trials are begun early and in threads of their own, since they wait for other programs: the controls that wait for
the network meanwhile lose nothing.
"""

import fnmatch
import re
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from chimera_compliance.journal import Journal
from chimera_compliance.outcomes import Inconclusive
from chimera_compliance.probes.pipeline import git
from chimera_compliance.probes.pipeline.actions import Step, steps
from chimera_compliance.probes.pipeline.gates import Candidate, Gate, gates
from chimera_compliance.probes.pipeline.snapshot import Snapshot
from chimera_compliance.probes.pipeline.trial import Laboratory, Trials
from chimera_compliance.probes.pipeline.workflows import FOLDER, Workflows
from chimera_compliance.target.repo import RepoFacet

# Other services whose files say that there is a pipeline, though not one that is read here.
OTHERS = (
    ".gitlab-ci.yml",
    ".circleci/config.yml",
    "azure-pipelines.yml",
    "Jenkinsfile",
    ".travis.yml",
    "bitbucket-pipelines.yml",
    ".drone.yml",
    ".woodpecker.yml",
    "buildspec.yml",
    "cloudbuild.yaml",
)


@dataclass
class Judged:
    """One state of the repository: a branch as committed, or the work tree as it lies there."""

    snapshot: Snapshot
    workflows: Workflows
    gates: list[Gate]
    folders: list[str]
    trials: Future | None = None

    @cached_property
    def steps(self) -> list[Step]:
        """Every step of its workflows and composite actions."""
        return list(steps(self.snapshot, self.workflows))

    @property
    def scanning(self) -> set[tuple[str, str]]:
        """The jobs that run a scanner, by file and name."""
        return {(one.run.file, one.run.id) for gate in self.gates for one in gate.candidates}

    @property
    def others(self) -> list[str]:
        """The pipelines of other services."""
        return [file for file in OTHERS if self.snapshot.is_file(file)]

    def biting(self, tool: str) -> list[Candidate]:
        """The scans of a tool that stop something, each once."""
        found = {one.scan.key: one for gate in self.gates for one in gate.biting(tool)}
        return list(found.values())

    def running(self, tool: str) -> list[Candidate]:
        """The scans of a tool that run, each once."""
        found = {one.scan.key: one for gate in self.gates for one in gate.running(tool)}
        return list(found.values())


@dataclass
class Pipeline:
    """All that is judged of one repository; a context manager, since it lives in a temporary folder."""

    settings: RepoFacet
    path: Path
    judged: list[Judged] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)
    """Branches that ship and are not in the repository, and why that matters."""
    _observed: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="chimera-pipeline-", ignore_cleanup_errors=True)
        self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="pipeline")

    @classmethod
    def open(cls, settings: RepoFacet, path: Path) -> "Pipeline":
        """Read the repository and begin the trials."""
        made = cls(settings, path)
        try:
            made._read()
        except BaseException:
            made.close()
            raise
        return made

    def close(self) -> None:
        """End what is still running and remove the clones."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._folder.cleanup()

    def trials(self, judged: Judged) -> Trials:
        """What trying the scanners has shown."""
        if judged.trials is None:
            raise Inconclusive("no scanner runs, so there is none to try")
        return judged.trials.result()

    def _read(self) -> None:
        home, clone = Path(self._folder.name) / "home", Path(self._folder.name) / "clone"
        home.mkdir()
        changed = git.borrow(self.path, clone, home=home)
        slug = self.settings.github.repository if self.settings.github else "owner/repository"
        for snapshot in self._snapshots(clone, home, changed):
            workflows = Workflows.of(snapshot)
            folders = _folders(snapshot, self.settings.source_folders)
            found = gates(snapshot, workflows, slug, self.default_branch, folders)
            judged = Judged(snapshot, workflows, found, folders)
            self.judged.append(judged)
            scans = [one.scan for tool in ("gitleaks", "bandit") for one in judged.running(tool)]
            if scans:
                laboratory = Laboratory(snapshot, folders, dict(self.settings.scan_commands))
                judged.trials = self._pool.submit(laboratory.run, scans)

    def _snapshots(self, clone: Path, home: Path, changed: str) -> list[Snapshot]:
        listing = git.run(
            self.path, home, "for-each-ref", "--format=%(refname) %(objectname) %(symref)", "refs/heads", "refs/remotes"
        )
        refs, self.default_branch = _branches(
            listing.decode(errors="replace").splitlines(), self.settings.default_branch, clone, home
        )
        patterns = self.settings.shipping_branches or [self.default_branch]
        current = git.run(clone, home, "rev-parse", "--abbrev-ref", "HEAD").decode().strip()
        ships = {name for name in refs if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)}
        here = current if current in ships else self.default_branch
        plain = [one for one in patterns if not re.search(r"[*?\[]", one)]
        stands_for = dict.fromkeys([here, *(name for name in plain if name not in refs)])
        made = [Snapshot(clone, home, "HEAD", "HEAD", tuple(stands_for))]
        if changed:
            made.append(Snapshot(clone, home, changed, "the work tree", (here,)))
        made += [Snapshot(clone, home, refs[name], name, (name,)) for name in sorted(ships - {here})]
        return _different(made)

    # What was seen

    def observe(self, journal: Journal) -> None:
        """Write down what was read; called by the process that keeps the journal."""
        for judged in self.judged:
            for file in (*judged.workflows.read, *(one.file for one in judged.workflows.broken)):
                self._observe_file(journal, judged, file)
            self._observed[judged.snapshot.label] = journal.record(
                "repository",
                f"pipeline at {judged.snapshot.label}",
                sent={"read": [f"{FOLDER}/*.yml", *OTHERS], "branches": list(judged.snapshot.branches)},
                received={
                    "workflows": sorted(judged.workflows.read),
                    "scans": [
                        {
                            "place": one.scan.subject,
                            "command": one.scan.command,
                            "event": str(gate.event),
                            "idle": one.idle or one.open,
                            "lost": one.lost,
                        }
                        for gate in judged.gates
                        for one in gate.candidates
                    ],
                },
                reproduce=f"git ls-tree -r --name-only HEAD {FOLDER}",
            )

    def _observe_file(self, journal: Journal, judged: Judged, file: str) -> None:
        here = [one for gate in judged.gates for one in gate.candidates if one.scan.workflow == file]
        self._observed.setdefault(
            file,
            journal.record(
                "repository",
                file,
                sent={"read": file, "at": judged.snapshot.label},
                received={"scans": sorted({f"{one.scan.subject}: {one.scan.command}" for one in here})},
                reproduce=f"git show HEAD:{file}",
            ),
        )

    def observe_trials(self, journal: Journal) -> None:
        """Write down what was run, once it has been."""
        for judged in self.judged:
            if judged.trials is None:
                continue
            for trial in judged.trials.result().trials:
                runs = {
                    name: run and {"exit": run.code, "findings": None if run.hits is None else len(run.hits)}
                    for name, run in (("clean", trial.clean), ("planted", trial.planted))
                }
                self._observed[f"trial {trial.scan.subject}"] = journal.record(
                    "trial",
                    f"{trial.scan.subject} at {judged.snapshot.label}",
                    sent={"command": trial.scan.command, "in": trial.scan.cwd},
                    received=runs if not trial.refused else {"refused": trial.refused},
                    reproduce=f"git clone --shared REPOSITORY clone && cd clone && {trial.scan.command}",
                )

    def observation(self, *names: str) -> str:
        """The observation that shows one of these."""
        return next((self._observed[name] for name in names if name in self._observed), "")


def _branches(lines: list[str], stated: str | None, clone: Path, home: Path) -> tuple[dict[str, str], str]:
    """Every branch with its commit, local ones first, and the name of the default one."""
    local, remote, default = {}, {}, stated
    for line in lines:
        name, commit, *symref = line.split(" ")
        if name == "refs/remotes/origin/HEAD" and symref and symref[0]:
            default = default or symref[0].removeprefix("refs/remotes/origin/")
        elif name.startswith("refs/heads/"):
            local[name.removeprefix("refs/heads/")] = commit
        elif name.startswith("refs/remotes/origin/"):
            remote[name.removeprefix("refs/remotes/origin/")] = commit
    current = git.run(clone, home, "rev-parse", "--abbrev-ref", "HEAD").decode().strip()
    guess = next((one for one in ("main", "master") if one in local or one in remote), current)
    return {**remote, **local}, default or (guess if guess != "HEAD" else "main")


def _different(snapshots: list[Snapshot]) -> list[Snapshot]:
    """Of those with the same files, one that stands for the branches of all."""
    kept: dict[str, Snapshot] = {}
    for one in snapshots:
        tree = git.run(one.clone, one.home, "rev-parse", f"{one.tree}^{{tree}}").decode().strip()
        if tree in kept:
            kept[tree].branches = tuple(dict.fromkeys([*kept[tree].branches, *one.branches]))
        else:
            kept[tree] = one
    return list(kept.values())


def _folders(snapshot: Snapshot, stated: list[str]) -> list[str]:
    """The source folders that there are; where none of them is, the repository itself."""
    found = [folder.strip("/") for folder in stated if snapshot.under(folder)]
    return found or (["."] if any(path.endswith(".py") for path in snapshot.entries) else [])
