"""C08: ways in which a scanner is there and is not run on some change."""

from chimera_compliance.stack.flaws import flaw
from chimera_compliance.stack.flaws.c08_edits import BANDIT, GITLEAKS, WORKFLOW, edit, remove, write

_ON = "on: [push, pull_request]\n"
_SCAN = "  secret-scan:\n    runs-on: ubuntu-latest\n"
_ANALYSIS = "  static-analysis:\n    runs-on: ubuntu-latest\n"


@flaw("C08", why="there is no workflow at all", breaks="C08.2")
def no_workflow(made):
    remove(made, WORKFLOW)


@flaw("C08", why="the workflow cannot be parsed, so GitHub runs nothing of it", breaks="C08.1")
def malformed_workflow(made):
    edit(made, ("    steps:\n", "   steps:\n"))


@flaw("C08", why="the workflow file is empty", breaks="C08.1")
def empty_workflow(made):
    write(made, WORKFLOW, "")


@flaw("C08", why="a second workflow is a symbolic link, which GitHub does not follow", breaks="C08.1")
def linked_workflow(made):
    from chimera_compliance.stack.flaws.c08_edits import commit

    commit(made, lambda path: (path / ".github/workflows/extra.yml").symlink_to("../../pyproject.toml"))


@flaw("C08", why="Gitleaks is taken out of the workflow", breaks="C08.2")
def no_gitleaks(made):
    edit(made, (GITLEAKS, ""))


@flaw("C08", why="Bandit is installed and not run", breaks="C08.7")
def no_bandit(made):
    edit(made, (BANDIT, "bandit --version"))


@flaw("C08", why="scans run on pushes alone: a fork's pull request meets none", breaks="C08.2")
def push_only(made):
    edit(made, (_ON, "on: push\n"))


@flaw("C08", why="scans run on pull requests alone: a direct push meets none", breaks="C08.2")
def pull_request_only(made):
    edit(made, (_ON, "on: pull_request\n"))


@flaw("C08", why="scans run at night alone, and on no change", breaks="C08.2")
def nightly_only(made):
    edit(made, (_ON, "on:\n  schedule:\n    - cron: '0 3 * * *'\n"))


@flaw("C08", why="scans run when somebody presses a button", breaks="C08.2")
def by_hand_only(made):
    edit(made, (_ON, "on: workflow_dispatch\n"))


@flaw("C08", why="the branches filter names a branch that does not ship", breaks="C08.2")
def other_branches(made):
    edit(made, (_ON, "on:\n  push:\n    branches: [develop]\n  pull_request:\n"))


@flaw("C08", why="the branch that ships is left out by name", breaks="C08.2")
def branch_left_out(made):
    edit(made, (_ON, "on:\n  push:\n    branches-ignore: [main]\n  pull_request:\n"))


@flaw("C08", why="only a push of a tag is scanned", breaks="C08.2")
def tags_only(made):
    edit(made, (_ON, "on:\n  push:\n    tags: ['v*']\n  pull_request:\n"))


@flaw("C08", why="a change of a settings file alone starts nothing", breaks="C08.2")
def paths_filter(made):
    edit(made, (_ON, "on:\n  push:\n    paths: ['**.py']\n  pull_request:\n    paths: ['**.py']\n"))


@flaw("C08", why="a change of documentation alone starts nothing, and secrets end up there as well", breaks="C08.2")
def paths_ignored(made):
    edit(made, (_ON, "on:\n  push:\n    paths-ignore: ['**.md', 'docs/**']\n  pull_request:\n"))


@flaw("C08", why="Bandit's workflow is not started by changes of skills/", breaks="C08.7")
def paths_filter_misses_a_folder(made):
    from chimera_compliance.stack.flaws.c08_edits import CALLED

    edit(made, (BANDIT, "true"))
    paths = "paths: ['src/**', pyproject.toml]"
    filtered = f"on:\n  push:\n    {paths}\n  pull_request:\n    {paths}\n"
    write(made, ".github/workflows/bandit.yml", CALLED.replace("on:\n  workflow_call:\n", filtered))


@flaw("C08", why="pull requests are scanned when they are labelled", breaks="C08.2")
def only_when_labelled(made):
    edit(made, (_ON, "on:\n  push:\n  pull_request:\n    types: [labeled]\n"))


@flaw("C08", why="the job is switched off", breaks="C08.2")
def switched_off(made):
    edit(made, (_SCAN, _SCAN + "    if: false\n"))


@flaw("C08", why="the step is switched off by an expression", breaks="C08.7")
def step_switched_off(made):
    edit(made, ("      - name: Run Bandit\n", "      - name: Run Bandit\n        if: ${{ false && always() }}\n"))


@flaw("C08", why="the job runs on a branch that there is not", breaks="C08.2")
def only_on_master(made):
    edit(made, (_SCAN, _SCAN + "    if: github.ref == 'refs/heads/master' || github.base_ref == 'master'\n"))


@flaw("C08", why="pull requests from forks are passed over", breaks="C08.2")
def not_for_forks(made):
    edit(made, (_SCAN, _SCAN + "    if: ${{ !github.event.pull_request.head.repo.fork }}\n"))


@flaw("C08", why="whoever writes the commit message can switch the scan off", breaks="C08.2")
def skipped_by_message(made):
    edit(made, (_SCAN, _SCAN + "    if: ${{ !contains(github.event.head_commit.message, '[no scan]') }}\n"))


@flaw("C08", why="the job needs one that never runs, and is skipped with it", breaks="C08.7")
def needs_a_skipped_job(made):
    lint = "  lint:\n    runs-on: ubuntu-latest\n    if: github.event_name == 'schedule'\n"
    lint += "    steps:\n      - run: 'true'\n\n"
    edit(made, (_ANALYSIS, lint + _ANALYSIS + "    needs: lint\n"))


@flaw("C08", why="the scanner is skipped where it is not installed", breaks="C08.7")
def skipped_where_missing(made):
    edit(made, (BANDIT, f"if command -v bandit; then {BANDIT}; else echo skipped; fi"))


@flaw("C08", why="the scan is a reusable workflow that nothing calls", breaks="C08.2")
def called_by_nobody(made):
    edit(made, (_ON, "on:\n  workflow_call:\n"))


@flaw("C08", why="a local action is referred to, and the scanner is in another one", breaks="C08.2")
def wrong_action(made):
    edit(made, (GITLEAKS, "      - uses: ./.github/actions/secrets\n"))
    scan = "runs:\n  using: composite\n  steps:\n    - shell: bash\n      run: gitleaks git .\n"
    write(made, ".github/actions/gitleaks/action.yml", f"name: Scan\n{scan}")
    write(made, ".github/actions/secrets/action.yml", "name: Secrets\nruns:\n  using: composite\n  steps: []\n")


@flaw("C08", why="the make target that the workflow names runs the tests, not the scanner", breaks="C08.7")
def wrong_make_target(made):
    edit(made, (BANDIT, "make check"))
    write(made, "Makefile", f"check:\n\tpytest\n\nsecurity:\n\t{BANDIT}\n")
