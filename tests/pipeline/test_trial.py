"""The trial itself, with real git, gitleaks and Bandit; and what is refused to be run."""

from pathlib import Path

import pytest
from repositories import make, script, workflow

from chimera_compliance.probes.pipeline import arguments
from chimera_compliance.probes.pipeline.arguments import Refused
from chimera_compliance.probes.pipeline.pipeline import Pipeline
from chimera_compliance.probes.pipeline.scan import Scan
from chimera_compliance.target.repo import RepoFacet

needs_gitleaks = pytest.mark.skipif(arguments.find_gitleaks() is None, reason="there is no gitleaks here")


def tried(folder: Path, files: dict[str, str], **settings):
    """The trials of a repository made of these files, and what was planted."""
    pipeline = Pipeline.open(RepoFacet(path=str(folder), **settings), make(folder, files))
    try:
        found = pipeline.trials(pipeline.judged[0])
        return found.trials, found.canaries
    finally:
        pipeline.close()


def test_bandit_reports_what_is_planted_and_nothing_else(tmp_path):
    (trial,), canaries = tried(tmp_path / "repo", script("bandit -rq src skills | tee out.txt"))
    assert trial.clean.code == 0
    assert trial.clean.hits == ()
    assert trial.planted.code == 1
    assert all(trial.planted.reports(one.file, one.test) for one in canaries.weaknesses)
    assert {one.folder for one in canaries.weaknesses} == {"src", "skills"}
    assert not trial.planted.reports(canaries.harmless)


@needs_gitleaks
def test_gitleaks_reports_every_kind_in_tree_and_history(tmp_path):
    (trial,), canaries = tried(tmp_path / "repo", script("gitleaks git -v . --exit-code 3"))
    missed = [one for one in canaries.secrets if not trial.planted.reports(one.file)]
    assert not missed
    assert (trial.clean.code, trial.planted.code) == (0, 3)
    assert not trial.planted.reports(canaries.harmless)


@needs_gitleaks
def test_a_shallow_checkout_is_as_shallow_in_the_trial(tmp_path):
    files = {
        name: text.replace("{fetch-depth: 0}", "{fetch-depth: 1}") for name, text in script("gitleaks git").items()
    }
    (trial,), canaries = tried(tmp_path / "repo", files)
    assert [one.where for one in canaries.secrets if not trial.planted.reports(one.file)] == [
        "a file that a later commit removes"
    ]


def test_a_module_of_the_repository_does_not_take_bandits_place(tmp_path):
    proof = tmp_path / "proof"
    evil = f"open({str(proof)!r}, 'w').write('run')\n"
    files = {**script("bandit -r src skills"), "bandit.py": evil, "bandit/__init__.py": evil, "yaml.py": evil}
    (trial,), canaries = tried(tmp_path / "repo", files)
    assert trial.planted.reports(canaries.weaknesses[0].file)
    assert not proof.exists()


def test_the_configuration_of_a_hostile_repository_runs_nothing(tmp_path):
    proof = tmp_path / "proof"
    folder = make(tmp_path / "repo", {**script("bandit -r src skills"), ".gitattributes": "* filter=x diff=x\n"})
    run = tmp_path / "run.sh"
    run.write_text(f"#!/bin/sh\ntouch {proof}\ncat\n")
    run.chmod(0o755)
    settings = (
        f'[core]\n\tfsmonitor = {run}\n\thooksPath = {tmp_path}\n[filter "x"]\n\tclean = {run}\n\tsmudge = {run}\n'
    )
    with (folder / ".git/config").open("a") as config:
        config.write(f'{settings}[diff "x"]\n\ttextconv = {run}\n\tcommand = {run}\n')
    (tmp_path / "post-checkout").write_text(f"#!/bin/sh\ntouch {proof}\n")
    (tmp_path / "post-checkout").chmod(0o755)
    (folder / "src/app.py").write_text("A = 3\n")
    pipeline = Pipeline.open(RepoFacet(path=str(folder)), folder)
    try:
        assert [one.snapshot.label for one in pipeline.judged] == ["HEAD", "the work tree"]
        assert all(pipeline.trials(one).trials[0].clean.code == 0 for one in pipeline.judged)
    finally:
        pipeline.close()
    assert not proof.exists()


def test_a_link_in_the_repository_leads_nowhere(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    folder = make(tmp_path / "repo", script("bandit -r src skills"))
    (folder / "skills/rank.py").unlink()
    (folder / "skills").rmdir()
    (folder / "skills").symlink_to(outside)
    from chimera_compliance.stack.repository import git

    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "Link")
    pipeline = Pipeline.open(RepoFacet(path=str(folder)), folder)
    try:
        pipeline.trials(pipeline.judged[0])
    finally:
        pipeline.close()
    assert not list(outside.iterdir())


def test_nothing_is_left_behind_and_the_repository_is_untouched(tmp_path):
    folder = make(tmp_path / "repo", script("bandit -r src skills"))
    before = sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file())
    pipeline = Pipeline.open(RepoFacet(path=str(folder)), folder)
    place = Path(pipeline._folder.name)
    pipeline.trials(pipeline.judged[0])
    pipeline.close()
    assert sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()) == before
    assert not place.exists()


REFUSED = {
    "git log can write files": "gitleaks git . --log-opts=--output=/tmp/x",
    "a path outside": "gitleaks detect --source /etc",
    "a configuration outside": "gitleaks git -c ../../x.toml .",
    "a server": "gitleaks git . --diagnostics=http",
    "a template": "gitleaks git . --report-template x.tmpl",
    "from standard input": "gitleaks stdin",
    "a target outside": "bandit -r / src",
    "a setting outside": "bandit -r src --ini ../x.ini",
    "an option that is not known": "bandit -r src --plugin x",
    "home": "bandit -r ~/src",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_could_do_harm_is_not_run(name, tmp_path):
    words = REFUSED[name].split()
    scan, report = Scan(words[0], tuple(words), "x.yml", 1, depth=0), tmp_path / "report.json"
    run = {"gitleaks": lambda: arguments.gitleaks(Path("gitleaks"), scan, None, report)}
    with pytest.raises(Refused):
        run.get(scan.tool, lambda: arguments.bandit(scan, [], report))()


def test_a_report_goes_where_we_say(tmp_path):
    scan = Scan("gitleaks", ("gitleaks", "git", "-r", "/etc/x", "-f", "sarif", "--no-banner", "."), "x.yml", 1, depth=0)
    made = arguments.gitleaks(Path("gitleaks"), scan, None, tmp_path / "report.json")
    assert "/etc/x" not in made
    assert made[made.index("--report-path") + 1] == str(tmp_path / "report.json")


def test_a_command_that_the_target_file_allows_is_run_instead(tmp_path):
    files = {**script("make scan"), "Makefile": "scan:\n\tbandit -r src skills\n"}
    (trial,), canaries = tried(tmp_path / "repo", files, scan_commands={"bandit": ["make", "scan"]})
    assert trial.planted.code not in (0, None)
    assert all(trial.planted.reports(one.file, one.test) for one in canaries.weaknesses)


def test_an_argument_that_is_not_known_is_named(tmp_path):
    (trial,), _ = tried(tmp_path / "repo", workflow("- run: bandit -r ${{ steps.x.outputs.folders }}\n"))
    assert trial.refused == "a part of it is not known before it runs"


def test_python_anywhere_in_the_repository_is_a_source_where_no_folder_is_named(tmp_path):
    folder = make(tmp_path / "repo", {**script("bandit -r ."), "app/main.py": "A = 1\n"}, sources=False)
    pipeline = Pipeline.open(RepoFacet(path=str(folder)), folder)
    try:
        found = pipeline.trials(pipeline.judged[0])
    finally:
        pipeline.close()
    assert {one.folder for one in found.canaries.weaknesses} == {".", "app"}
    assert all(found.trials[0].planted.reports(one.file, one.test) for one in found.canaries.weaknesses)
