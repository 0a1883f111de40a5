"""C08: ways in which a scanner runs and stops, and does not see what it should."""

from chimera_compliance.stack.flaws import flaw
from chimera_compliance.stack.flaws.c08_edits import (
    BANDIT,
    GITLEAKS,
    WORKFLOW,
    commit,
    edit,
    gitleaks_command,
    remove,
    write,
)

_TOML = ".gitleaks.toml"
_DEPTH = "          fetch-depth: 0\n"
_DEFAULTS = "[extend]\nuseDefault = true\n"


def _gitleaks(made, command, **more):
    edit(made, (GITLEAKS, gitleaks_command(command, **more)))


def _settings(made, *changes):
    edit(made, *changes, file=_TOML)


def _pyproject(made, settings):
    edit(made, ('exclude_dirs = ["tests"]\n', settings), file="pyproject.toml")


# Gitleaks


@flaw("C08", why="the checkout fetches one commit, and nothing of what came before", breaks="C08.4")
def shallow(made):
    edit(made, (_DEPTH, ""))
    _gitleaks(made, "gitleaks git .")


@flaw("C08", why="the checkout fetches ten commits", breaks="C08.4")
def ten_commits(made):
    edit(made, (_DEPTH, "          fetch-depth: 10\n"))


@flaw("C08", why="files are scanned, not commits", breaks="C08.4")
def no_git(made):
    _gitleaks(made, "gitleaks detect --no-git --source .")


@flaw("C08", why="the newest commit alone is scanned", breaks="C08.4")
def newest_commit(made):
    _gitleaks(made, "gitleaks git --log-opts=-1 .")


@flaw("C08", why="a range of commits that is empty on the branch itself", breaks="C08.4")
def empty_range(made):
    _gitleaks(made, "gitleaks detect --log-opts='origin/main..HEAD'")


@flaw("C08", why="the hook that gitleaks publishes looks at what is staged, and in CI nothing is", breaks="C08.4")
def staged_only(made):
    _gitleaks(made, "pre-commit run gitleaks --all-files")
    hook = (
        "repos:\n  - repo: https://github.com/gitleaks/gitleaks\n    rev: v8.30.0\n    hooks:\n      - id: gitleaks\n"
    )
    write(made, ".pre-commit-config.yaml", hook)


@flaw("C08", why="what a baseline lists is let pass", breaks="C08.6")
def baseline(made):
    _gitleaks(made, "gitleaks git . --baseline-path baseline.json")
    write(made, "baseline.json", "[]\n")


@flaw("C08", why="one rule is run, of some two hundred", breaks="C08.6")
def one_rule(made):
    _gitleaks(made, "gitleaks git . --enable-rule github-pat")


@flaw("C08", why="the three rules of ADR-005 §6, and none of the scanner's own", breaks="C08.5")
def adr_005_rules_alone(made):
    from chimera_compliance.stack.flaws.adr_005 import _three_patterns

    commit(made, _three_patterns)


@flaw("C08", why="the scanner's own rules are switched off by useDefault = false", breaks="C08.5")
def defaults_off(made):
    _settings(made, (_DEFAULTS, "[extend]\nuseDefault = false\n"))


@flaw("C08", why="the configuration is empty, which gitleaks takes for: no rules", breaks="C08.5")
def empty_configuration(made):
    write(made, _TOML, "")


@flaw("C08", why="rules of the scanner's own are switched off", breaks="C08.5")
def rules_switched_off(made):
    _settings(made, (_DEFAULTS, f'{_DEFAULTS}disabledRules = ["slack-bot-token", "generic-api-key"]\n'))


@flaw(
    "C08",
    why="the configuration is malformed: gitleaks exits with 1, as if it had found something",
    breaks="C08.5",
    blinds=True,
)
def malformed_configuration(made):
    _settings(made, ("[extend]\n", "[extend\n"))


@flaw("C08", why="the action is given a configuration that is not there", breaks="C08.5")
def missing_configuration(made):
    token = "          GITHUB_TOKEN: ${{ secrets.GITHUB_TOKEN }}\n"
    edit(made, (token, f"{token}          GITLEAKS_CONFIG: ci/gitleaks.toml\n"))


@flaw("C08", why="a second configuration lies where nothing takes it", breaks="C08.6")
def configuration_not_taken(made):
    write(made, "ci/gitleaks.toml", _DEFAULTS)


@flaw("C08", also=("C02",), why="an allow-list of everything", breaks="C08.6")
def allows_everything(made):
    _settings(made, (_DEFAULTS, f"{_DEFAULTS}\n[[allowlists]]\nregexes = ['''.*''']\n"))


@flaw("C08", also=("C02",), why="an allow-list of every Python file", breaks="C08.18")
def allows_python(made):
    _settings(made, (_DEFAULTS, f"{_DEFAULTS}\n[[allowlists]]\npaths = ['''\\.py$''']\n"))


@flaw("C08", also=("C02",), why="an allow-list of a source folder", breaks="C08.18")
def allows_a_folder(made):
    _settings(made, (_DEFAULTS, f"{_DEFAULTS}\n[[allowlists]]\npaths = ['''^skills/''']\n"))


@flaw("C08", also=("C02",), why="an allow-list of AWS keys by their form", breaks="C08.18")
def allows_a_form(made):
    _settings(made, (_DEFAULTS, f"{_DEFAULTS}\n[[allowlists]]\nregexes = ['''(AKIA|ASIA)[A-Z0-9]+''']\n"))


@flaw("C08", why="a rule takes the id of the scanner's own and finds nothing", breaks="C08.18")
def rule_replaced(made):
    _settings(made, ("regex = '''ghp_[0-9a-zA-Z]{36}'''", "regex = '''ghp_x[0-9]{40}'''"))


@flaw(
    "C08",
    also=("C02",),
    why="a rule that anything matches: the gate is always shut, and nobody looks any more",
    breaks="C08.19",
)
def rule_matches_anything(made):
    rule = "[[rules]]\nid = \"anything\"\ndescription = \"Anything\"\nregex = '''[a-z]{3,}'''\n"
    commit(made, lambda path: (path / _TOML).open("a").write(f"\n{rule}"))


# Bandit


def _bandit(made, command):
    edit(made, (BANDIT, command))


@flaw("C08", why="skills/ is not named among the folders to scan", breaks="C08.9")
def folder_not_named(made):
    _bandit(made, "bandit -r src/ -c pyproject.toml")


@flaw("C08", why="a folder is named that is not there, and passed over", breaks="C08.9")
def folder_misspelt(made):
    _bandit(made, "bandit -r src/ skill/ -c pyproject.toml")


@flaw("C08", why="without -r a folder is passed over", breaks="C08.9")
def not_recursive(made):
    _bandit(made, "bandit src/ skills/ -c pyproject.toml")


@flaw("C08", why="a package is excluded on the command line", breaks="C08.9")
def excluded_on_the_command_line(made):
    _bandit(made, f"{BANDIT} -x src/chimera")


@flaw("C08", why="an exclusion for a package, in the settings", breaks="C08.9")
def excluded_in_the_settings(made):
    _pyproject(made, 'exclude_dirs = ["tests", "chimera"]\n')


@flaw("C08", why="an exclusion that matches parts of names: `s` is in every path", breaks="C08.20")
def excluded_by_a_letter(made):
    _pyproject(made, 'exclude_dirs = ["s"]\n')


@flaw("C08", why="the step works in another folder, where the names lead nowhere", breaks="C08.9")
def other_folder(made):
    edit(made, ("      - name: Run Bandit\n", "      - name: Run Bandit\n        working-directory: skills\n"),
         (BANDIT, "bandit -r src/ skills/"))  # fmt: skip


@flaw("C08", why="-ll lets findings of low severity pass, hardcoded passwords among them", breaks="C08.10")
def medium_and_above(made):
    _bandit(made, f"{BANDIT} -ll")


@flaw("C08", why="only what is severe and certain counts", breaks="C08.10")
def high_and_certain(made):
    _bandit(made, f"{BANDIT} --severity-level high --confidence-level high")


@flaw("C08", why="tests are skipped on the command line", breaks="C08.10")
def skipped_on_the_command_line(made):
    _bandit(made, f"{BANDIT} --skip B602,B307")


@flaw("C08", why="tests are skipped in the settings", breaks="C08.10")
def skipped_in_the_settings(made):
    _pyproject(made, 'exclude_dirs = ["tests"]\nskips = ["B101", "B105", "B608"]\n')


@flaw("C08", why="one of all tests of Bandit is run", breaks="C08.10")
def one_test(made):
    _bandit(made, f"{BANDIT} -t B101")


@flaw("C08", why="what a baseline lists is let pass", breaks="C08.10")
def bandit_baseline(made):
    _bandit(made, f"{BANDIT} -b baseline.json")
    write(made, "baseline.json", '{"results": []}\n')


@flaw("C08", why="a `.bandit` file below a target excludes what the command line names", breaks="C08.20")
def hidden_settings(made):
    write(made, "src/.bandit", "[bandit]\nexclude = src/chimera,skills\nskips = B105,B307\n")


@flaw("C08", why="the settings in pyproject.toml are not taken", breaks="C08.10")
def settings_not_taken(made):
    _bandit(made, "bandit -r src/ skills/")


@flaw("C08", why="the settings that are named are not there: Bandit fails before it has looked", breaks="C08.21")
def settings_missing(made):
    _bandit(made, "bandit -r src/ skills/ -c bandit.yaml")


@flaw("C08", why="a bare `# nosec` silences every test of its line", breaks="C08.11")
def bare_nosec(made):
    write(made, "skills/trends/run.py", "import subprocess  # nosec\n")


@flaw("C08", why="findings are let stand, and the gate is always red", breaks="C08.21")
def always_red(made):
    write(made, "src/chimera/load.py", "def load(text):\n    return eval(text)\n")


@flaw("C08", why="the workflow is gone from the branch of an older version that still ships", breaks="C08.2")
def older_branch(made):
    from chimera_compliance.stack.repository import git

    def branch(path):
        git(path, "checkout", "--quiet", "-b", "release/1.0")
        git(path, "rm", "--quiet", WORKFLOW)
        git(path, "commit", "--quiet", "--message", "Faster builds")
        git(path, "checkout", "--quiet", "main")

    made.repo.append(branch)

    def protect(state):
        state["branches"].append("release/1.0")
        state["protection"]["release/1.0"] = state["protection"]["main"]

    made.github.append(protect)
    made.target.append(lambda document: document["repo"].update(shipping_branches=["main", "release/*"]))


@flaw("C08", why="the change lies in the work tree and is not committed", breaks="C08.9")
def not_committed(made):
    def change(path):
        file = path / WORKFLOW
        file.write_text(file.read_text().replace(BANDIT, "bandit -r src/ -c pyproject.toml"))

    made.repo.append(change)


@flaw("C08", why="what is committed is wrong, and only the work tree is right", breaks="C08.7")
def mended_and_not_committed(made):
    from pathlib import Path

    kept: dict[Path, str] = {}
    made.repo.append(lambda path: kept.update({path: (path / WORKFLOW).read_text()}))
    remove(made, WORKFLOW)

    def mend(path):
        (path / WORKFLOW).parent.mkdir(parents=True, exist_ok=True)
        (path / WORKFLOW).write_text(kept[path])

    made.repo.append(mend)
