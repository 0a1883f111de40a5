"""C08  Gitleaks and Bandit stand in the way of every change, and really stop what they should."""

import re

import pytest

from chimera_compliance import Inconclusive, Problem, control, reject
from chimera_compliance.outcomes import NotReviewed, Severity
from chimera_compliance.probes.pipeline import actions, gates, scanners, settings

pytestmark = control("C08")

TESTS = re.compile(r"(^|/)(tests?|testing|conftest\.py|test_[^/]*\.py|[^/]*_test\.py)(/|$)")
MILD = {"own-tag": Severity.LOW, "tag": Severity.MEDIUM, "own-branch": Severity.MEDIUM}


def _merged(problems):
    """One finding for each fault, though several events and states of the repository show it."""
    kept = {}
    for where, what, place, more in problems:
        kept.setdefault((what, place), []).append((where, more))
    for (what, (subject, file, line)), found in kept.items():
        events = ", ".join(dict.fromkeys(event for event, _ in found if event))
        yield Problem(subject, what.replace("…", events, 1), file=file, line=line, **found[0][1])


def _of(candidate, pipeline, actual=""):
    more = {"actual": actual or candidate.scan.command, "observation": pipeline.observation(candidate.run.file)}
    return (candidate.scan.subject, *candidate.place), more


def _fault(fault, pipeline, severity=None):
    seen = pipeline.observation(fault.file, "HEAD")
    return Problem(fault.subject, fault.message, observation=seen, severity=severity, file=fault.file, line=fault.line)


def _remark(remark, pipeline, subject="", message=""):
    actual = remark.text if message else ""
    seen = pipeline.observation(remark.file, "HEAD")
    place = {"file": remark.file, "line": remark.line}
    return Problem(subject or remark.file, message or remark.text, actual=actual, observation=seen, **place)


def _unique(problems):
    return list({(one.subject, one.message, one.file, one.line): one for one in problems}.values())


# On every change


def _runs(pipeline, tool, coverage):
    coverage.unit = "events"
    problems = []
    for judged in pipeline.judged:
        for gate in judged.gates:
            if not gate.running(tool) and _undecided(judged, gate, tool, coverage):
                continue
            coverage.tested(f"{tool} on {gate.event}")
            if not gate.running(tool):
                problems += _idle(pipeline, gate, tool)
    reject(_merged(problems), severity="high")


def _undecided(judged, gate, tool, coverage):
    """What keeps this from being decided: a condition, something that cannot be followed, another service."""
    waiting = [one.open for one in gate.of(tool) if one.open]
    if not gate.of(tool):
        waiting = [f"{one.subject}: {one.why}" for one in gate.unseen if one.may_be(tool)]
        if not judged.workflows.read and not judged.workflows.broken:
            waiting += [f"the pipeline of {other} is not read here" for other in judged.others]
    if waiting:
        coverage.untested(f"{tool} on {gate.event}", waiting[0])
    return bool(waiting)


def _idle(pipeline, gate, tool):
    for one in gate.of(tool):
        place, more = _of(one, pipeline)
        yield str(gate.event), f"does not run on …: {one.idle}", place, more
    if not gate.of(tool):
        more = {"expected": "on every push and pull request", "observation": pipeline.observation("HEAD")}
        yield str(gate.event), "is run by no workflow on …", (tool, ".github/workflows", 0), more


def _stops(pipeline, tool, coverage):
    coverage.unit = "events"
    problems = []
    for judged, gate in _with(pipeline, tool):
        lost = [] if gate.biting(tool) else gate.running(tool)
        if later := next((one for one in lost if one.judged_later), None):
            coverage.untested(f"{tool} on {gate.event}", f"a later step looks into {later.judged_later}")
            continue
        coverage.tested(f"{tool} on {gate.event}")
        for one in lost:
            place, more = _of(one, pipeline, _line(judged.snapshot, *one.place))
            problems.append((str(gate.event), f"does not stop …: {one.lost}", place, more))
    reject(_merged(problems), severity="high")


def _line(snapshot, file, line):
    return snapshot.text(file).splitlines()[line - 1].strip()[:200] if snapshot.is_file(file) else ""


def _with(pipeline, tool):
    found = [(judged, gate) for judged in pipeline.judged for gate in judged.gates if gate.running(tool)]
    if not found:
        raise Inconclusive(f"{tool} runs on no change, so there is nothing more to judge")
    return found


def _scans(pipeline, tool):
    """The scans that count: those that stop something, or at least run."""
    _with(pipeline, tool)
    return [(judged, one) for judged in pipeline.judged for one in judged.biting(tool) or judged.running(tool)]


def test_workflows_can_be_read(pipeline, coverage):
    """GitHub runs nothing of a workflow that it cannot read, and a scan that is not run reports nothing."""
    coverage.unit = "workflow files"
    problems = []
    for judged in pipeline.judged:
        coverage.tested([*judged.workflows.read, *(one.file for one in judged.workflows.broken)] or "there is none")
        for one in judged.workflows.broken:
            remark = settings.Remark(one.file, one.line, f"is no workflow: {one.why}")
            problems.append(_remark(remark, pipeline))
    reject(_unique(problems))


def test_gitleaks_runs_on_every_change(pipeline, coverage):
    """A push or a pull request that no scanner meets takes its secrets along."""
    _runs(pipeline, "gitleaks", coverage)


def test_gitleaks_stops_the_change(pipeline, coverage):
    """A scan whose failure is swallowed on the way is a report that nobody reads."""
    _stops(pipeline, "gitleaks", coverage)


def test_gitleaks_sees_the_whole_history(pipeline, coverage):
    """A secret that a later commit removes is still in every clone."""
    coverage.unit = "scans"
    problems = []
    found = _scans(pipeline, "gitleaks")
    for judged in {id(judged): judged for judged, _ in found}.values():
        here = [one for other, one in found if other is judged]
        coverage.tested([one.scan.subject for one in here])
        narrow = [(one, scanners.narrowed_history(one.scan)) for one in here]
        if all(why for _, why in narrow):
            problems += [("", f"does not see the whole history: {why}", *_of(one, pipeline)) for one, why in narrow]
    reject(_merged(problems))


def test_gitleaks_keeps_its_own_rules(pipeline, coverage):
    """Three patterns of one's own miss PKCS#8 keys, fine-grained tokens and temporary AWS keys."""
    coverage.unit = "configurations"
    problems = []
    for judged, one in _scans(pipeline, "gitleaks"):
        file = settings.gitleaks_file(one.scan, judged.snapshot)
        coverage.tested(file or "the scanner's own configuration")
        if file and not judged.snapshot.is_file(file):
            place, more = _of(one, pipeline)
            problems += _merged([("", f"names a configuration that is not there: {file}", place, more)])
            continue
        gutted = settings.gitleaks(judged.snapshot, file) if file else None
        if gutted:
            remarks = [gutted.malformed, gutted.without_defaults, *gutted.disabled]
            problems += [_remark(remark, pipeline) for remark in remarks if remark]
    reject(_unique(problems))


def test_gitleaks_excepts_nothing_wholesale(pipeline, coverage):
    """An allow-list that lets everything pass, a baseline, a single enabled rule, a configuration that nothing uses."""
    coverage.unit = "scans"
    problems, used = [], set()
    for judged, one in _scans(pipeline, "gitleaks"):
        coverage.tested(one.scan.subject)
        place, more = _of(one, pipeline)
        problems += _merged([("", f"lets findings pass ({what})", place, more) for what in scanners.loosened(one.scan)])
        file = settings.gitleaks_file(one.scan, judged.snapshot)
        used.add(file)
        if file and judged.snapshot.is_file(file):
            found = settings.gitleaks(judged.snapshot, file)
            used.add(found.extends)
            problems += [_remark(remark, pipeline) for remark in found.swallowing]
    for judged in pipeline.judged:
        problems += [
            Problem(file, "is a configuration of gitleaks that no scan takes", file=file, severity=Severity.MEDIUM)
            for file in judged.snapshot.entries
            if re.fullmatch(r"((\.github|config|ci|\.ci|security)/)?\.?gitleaks[\w-]*\.toml", file) and file not in used
        ]
    reject(_unique(problems))


def test_bandit_runs_on_every_change(pipeline, coverage):
    """A push or a pull request that no scanner meets takes its weaknesses along."""
    _with_python(pipeline)
    _runs(pipeline, "bandit", coverage)


def _with_python(pipeline):
    if not any(judged.folders for judged in pipeline.judged):
        raise Inconclusive(
            "there is no Python in the repository: name repo.source_folders, or declare it not applicable"
        )


def test_bandit_stops_the_change(pipeline, coverage):
    """A scan whose failure is swallowed on the way is a report that nobody reads."""
    _stops(pipeline, "bandit", coverage)


def test_bandit_sees_every_source(pipeline, coverage):
    """A folder that is not named, not there, or left out is passed over without a word."""
    coverage.unit = "source folders"
    problems = []
    found = _scans(pipeline, "bandit")
    for judged in {id(judged): judged for judged, _ in found}.values():
        here = [one for other, one in found if other is judged]
        if any("\ue000" in word for one in here for word in one.scan.argv):
            coverage.untested(here[0].scan.subject, "what it looks at is not known before it runs")
            continue
        coverage.tested(judged.folders)
        problems += _unseen_sources(pipeline, judged, here)
    reject(_unique(problems))


def _unseen_sources(pipeline, judged, here):
    """The first file of each folder that no scan sees, and the pattern that leaves it out if one does."""
    left_out = {one: list(_excludes(judged, one)) for one in here}
    told = set()
    for folder in judged.folders:
        later = f"{folder}/added_later.py".removeprefix("./")
        sources = [path for path in judged.snapshot.under(folder) if path.endswith(".py") and not TESTS.search(path)]
        for path in [*sources, later]:
            reached = [(one, name) for one in here if (name := scanners.spelled(one.scan, path))]
            why = [scanners.excluded(name, left_out[one]) for one, name in reached]
            reason = why[0] if why else "it is not among its targets"
            if (why and not all(why)) or (folder, reason) in told:
                continue
            told.add((folder, reason))
            (_, file, line), more = _of(here[0], pipeline)
            pattern = f"the pattern {reason!r} leaves it out" if why else reason
            yield Problem(f"{folder}", f"is not all seen by Bandit: {path}: {pattern}", file=file, line=line, **more)


def _excludes(judged, candidate):
    for pattern in scanners.listed(scanners.options(candidate.scan), "exclude"):
        inside = judged.snapshot.under(f"{candidate.scan.cwd}/{pattern}")
        yield f"{pattern.rstrip('/')}/*" if inside else pattern
    for file in settings.bandit_files(candidate.scan, judged.snapshot):
        yield from settings.bandit(judged.snapshot, file).excludes


def test_bandit_reports_every_weakness(pipeline, coverage):
    """Levels, skipped tests and baselines let findings pass that nobody has looked at."""
    coverage.unit = "scans"
    problems = []
    for judged, one in _scans(pipeline, "bandit"):
        coverage.tested(one.scan.subject)
        place, more = _of(one, pipeline)
        problems += _merged([("", f"lets findings pass ({what})", place, more) for what in scanners.loosened(one.scan)])
        files = settings.bandit_files(one.scan, judged.snapshot)
        for file in files:
            if not judged.snapshot.is_file(file):
                problems += _merged([("", f"names a configuration that is not there: {file}", place, more)])
        read = [settings.bandit(judged.snapshot, file) for file in files if judged.snapshot.is_file(file)]
        problems += [_remark(found.malformed, pipeline) for found in read if found.malformed]
        problems += [_remark(remark, pipeline) for remark in settings.skipped_tests(one.scan, read)]
        if not files and not one.scan.action and settings.bandit(judged.snapshot, "pyproject.toml").given:
            message = "runs without the configuration in pyproject.toml (-c pyproject.toml)"
            problems += _merged([("", message, place, more | {"severity": Severity.LOW})])
    reject(_unique(problems))


def test_bandit_exceptions_name_their_test(pipeline, coverage):
    """A bare `# nosec` silences every test on its line, also those that are yet to come."""
    _with_python(pipeline)
    coverage.unit = "source folders"
    problems = []
    for judged in pipeline.judged:
        coverage.tested(judged.folders)
        problems += [
            _remark(remark, pipeline, f"{remark.file}:{remark.line}", "silences every test of Bandit")
            for remark in settings.bare_exceptions(judged.snapshot, judged.folders)
        ]
    reject(_unique(problems))


def test_deployments_wait_for_the_scans(pipeline, coverage):
    """A version that is brought out while the scan still runs is out whatever the scan says."""
    coverage.unit = "deployments"
    problems = []
    for judged in pipeline.judged:
        for gate in judged.gates:
            coverage.tested([f"{one.file}:{one.line}" for one in gate.deployments] or "nothing is deployed")
            problems += [
                Problem(
                    f"{one.file}:{one.line} {one.what}",
                    f"does not wait for {' and '.join(missing)}",
                    observation=pipeline.observation(one.workflow),
                    file=one.file,
                    line=one.line,
                )
                for one in gate.deployments
                if (missing := gates.unguarded(one, gate))
            ]
    reject(_unique(problems))


# What the workflows entrust to others


def _faults(pipeline, coverage, find, unit, severities=None):
    coverage.unit = unit
    problems = []
    for judged in pipeline.judged:
        if not judged.workflows.read:
            raise Inconclusive("there is no workflow to judge")
        coverage.tested([f"{step.file}:{step.line}" for step in judged.steps] or "no step")
        problems += [_fault(fault, pipeline, (severities or {}).get(fault.kind)) for fault in find(judged)]
    reject(_unique(problems))


def test_actions_are_pinned(pipeline, coverage):
    """A tag or a branch of somebody else's repository can be moved to other code over night."""
    _faults(pipeline, coverage, lambda judged: actions.pins(judged.steps), "steps", MILD)


def test_permissions_are_least(pipeline, coverage):
    """What an action's token may not do, a hijacked action cannot do either."""
    _faults(
        pipeline,
        coverage,
        lambda judged: actions.permissions(judged.workflows, judged.scanning),
        "steps",
        {"unstated": Severity.LOW},
    )


def test_text_of_strangers_is_not_run(pipeline, coverage):
    """A title of a pull request is text that anybody writes; in a script it is code."""
    _faults(pipeline, coverage, lambda judged: actions.injections(judged.steps), "steps")


def test_code_of_strangers_meets_no_secrets(pipeline, coverage):
    """A fork's commit that is run beside secrets can send them anywhere."""
    mild = {"inherit": Severity.MEDIUM}
    _faults(pipeline, coverage, lambda judged: actions.exposures(judged.workflows), "steps", mild)


def test_checkouts_leave_no_credentials(pipeline, coverage):
    """A token that is left in .git/config is there for every later step, and for every artifact made of the folder."""
    _faults(pipeline, coverage, lambda judged: actions.kept_credentials(judged.steps, judged.workflows), "steps")


# Tried out


def _tried(pipeline, trials, tool, coverage, unit):
    """Each state of the repository with the trials of a tool that could be run."""
    coverage.unit = unit
    _with(pipeline, tool)
    for judged in pipeline.judged:
        if judged.trials is None:
            continue
        found = trials(judged)
        run = [trial for trial in found.of(tool) if not trial.refused]
        refused = [trial for trial in found.of(tool) if trial.refused]
        if not run and refused:
            raise NotReviewed(f"{refused[0].scan.command}: {refused[0].refused}")
        yield judged, found, run


def _trial(trial, pipeline):
    return {
        "file": trial.scan.file,
        "line": trial.scan.line,
        "actual": trial.scan.command,
        "observation": pipeline.observation(f"trial {trial.scan.subject}"),
    }


def test_gitleaks_reports_each_canary(pipeline, trials, coverage):
    """Only a secret that is really reported, by the repository's own command, shows that the gate holds."""
    problems = []
    for _, found, run in _tried(pipeline, trials, "gitleaks", coverage, "planted secrets"):
        for secret in found.canaries.secrets:
            coverage.tested(f"{secret.kind.name} in {secret.where}")
            if run and not any(trial.planted.code and trial.planted.reports(secret.file) for trial in run):
                problems.append(
                    Problem(
                        f"{secret.kind.what}",
                        f"in {secret.where} is not reported ({secret.kind.origin})",
                        "a finding and an exit code other than 0",
                        **_trial(run[0], pipeline),
                    )
                )
    reject(_unique(problems))


def test_gitleaks_is_quiet_on_the_rest(pipeline, trials, coverage):
    """A gate that is always shut says nothing, and one that cannot read its settings exits like one that has found."""
    _quiet(_tried(pipeline, trials, "gitleaks", coverage, "scans"), pipeline, coverage, lambda hit: True)


def _quiet(tried, pipeline, coverage, known):
    problems = []
    for _, found, run in tried:
        for trial in run:
            coverage.tested(trial.scan.subject)
            if (why := _noise(trial, found, known)) and why != "is red":
                problems.append(
                    Problem(trial.scan.subject, why, **_trial(trial, pipeline) | {"actual": trial.clean.said})
                )
    reject(_unique(problems))


def _noise(trial, found, known):
    """What is wrong with a run on the repository as it is; findings of another control are its business."""
    clean = trial.clean
    if clean.hits is None:
        return f"leaves no report on the repository as it is (exit code {clean.code})"
    if trial.planted.hits is not None and trial.planted.reports(found.canaries.harmless):
        return "reports a file in which there is nothing"
    if clean.code and not clean.hits:
        return f"fails with exit code {clean.code} on the repository as it is, and reports nothing"
    others = sorted({f"{hit.rule} {hit.file.removeprefix('./')}:{hit.line}" for hit in clean.hits if not known(hit)})
    return f"fails on the repository as it is: {', '.join(others[:5])}" if clean.code and others else ""


def test_bandit_reports_each_planted_weakness(pipeline, trials, coverage):
    """The same for weaknesses: one of each severity, in every source folder and in the folders below."""
    problems = []
    for _, found, run in _tried(pipeline, trials, "bandit", coverage, "planted weaknesses"):
        for weak in found.canaries.weaknesses:
            coverage.tested(f"{weak.test} in {weak.folder}")
            if run and not any(trial.planted.code and trial.planted.reports(weak.file, weak.test) for trial in run):
                problems.append(
                    Problem(
                        f"{weak.test} in {weak.folder}",
                        f"of {weak.severity} severity is not reported",
                        "a finding and an exit code other than 0",
                        **_trial(run[0], pipeline),
                    )
                )
    reject(_unique(problems))


def test_bandit_is_quiet_on_the_rest(pipeline, trials, coverage):
    """Findings that are let stand make a gate that is always shut; hardcoded passwords are another control's."""
    tried = _tried(pipeline, trials, "bandit", coverage, "scans")
    _quiet(tried, pipeline, coverage, lambda hit: hit.rule in ("B105", "B106", "B107"))


# Branch protection


@pytest.fixture
def rules(branch_rules, coverage):
    coverage.unit = "branches"
    coverage.tested(branch_rules)
    return branch_rules


def test_scans_are_required_checks(pipeline, rules, coverage):
    """A red check that nobody must heed is a decoration."""
    problems = []
    for one in rules:
        for tool in ("gitleaks", "bandit"):
            names = {name for judged in pipeline.judged for name in gates.checks_of(judged.gates, tool, one.branch)}
            if names and not any(gates.is_required(name, one.checks) for name in names):
                if one.unread and "protection" in one.unread:
                    coverage.untested(one, one.unread)
                    continue
                problems.append(
                    Problem(
                        one.subject,
                        f"can be merged into while {tool} fails",
                        f"required: {', '.join(names)}",
                        one.actual,
                        one.observation,
                    )
                )
    reject(problems)


def test_history_cannot_be_rewritten(rules, coverage):
    """A force push replaces what has been scanned; a deleted branch takes its rules along."""
    problems = []
    for one in rules:
        open_to = [
            what for what, shut in (("force pushes", one.no_force_push), ("deletion", one.no_deletion)) if not shut
        ]
        if open_to and "protection" in one.unread:
            coverage.untested(one, one.unread)
        elif open_to:
            problems.append(
                Problem(one.subject, f"admits {' and '.join(open_to)}", "neither", one.actual, one.observation)
            )
    reject(problems)


def test_nobody_is_above_the_rules(rules, coverage):
    """Whoever may bypass the rules is whose account is worth stealing."""
    problems = []
    for one in rules:
        if one.bypassed_by:
            who = ", ".join(dict.fromkeys(one.bypassed_by))
            problems.append(
                Problem(one.subject, f"has rules that {who} may bypass", "nobody", one.actual, one.observation)
            )
        elif one.unread:
            coverage.untested(one, one.unread)
    reject(problems)
