"""C08: pipelines in other styles, which are right."""

from chimera_compliance.stack.flaws import variant
from chimera_compliance.stack.flaws.c08_edits import (
    BANDIT,
    CALLED,
    CHECKOUT,
    GITLEAKS,
    commit,
    edit,
    gitleaks_command,
    write,
)

_STEPS = "      - name: Run Bandit\n"


def ruleset(**more):
    """What the reference's classic protection says, as a ruleset."""
    names = ("secret-scan", "static-analysis")
    checks = {"required_status_checks": [{"context": name} for name in names]}
    rules = [
        {"type": "required_status_checks", "parameters": checks},
        {"type": "non_fast_forward"},
        {"type": "deletion"},
    ]
    return {"id": 1, "name": "main", "enforcement": "active", "bypass_actors": [], "rules": rules, **more}


def _bandit(made, command):
    edit(made, (f"          {BANDIT}\n", "".join(f"          {line}\n" for line in command.splitlines())))


def _gitleaks(made, command, **more):
    edit(made, (GITLEAKS, gitleaks_command(command, **more)))


@variant(why="Bandit runs by a make target with variables and prerequisites")
def bandit_by_make(made):
    _bandit(made, "make -C . ci")
    rules = "ci: security\n\nsecurity: $(SOURCES)\n\t@echo scanning\n\t$(BANDIT) -r $(SOURCES) -c pyproject.toml\n"
    write(made, "Makefile", f"BANDIT ?= bandit\nSOURCES := src/ \\\n  skills/\n\n.PHONY: ci security\n{rules}")


@variant(why="Bandit runs by pre-commit on all files, gitleaks by a local hook that walks the history")
def by_pre_commit(made):
    _bandit(made, "pre-commit run bandit --all-files --show-diff-on-failure")
    _gitleaks(made, "pre-commit run secrets --all-files")
    hooks = (
        "repos:\n  - repo: https://github.com/PyCQA/bandit\n    rev: 1.9.4\n    hooks:\n      - id: bandit\n"
        "        args: [-c, pyproject.toml]\n        exclude: ^tests/\n"
        "  - repo: local\n    hooks:\n      - id: secrets\n"
        "        name: gitleaks\n        language: system\n"
        "        entry: gitleaks git .\n        pass_filenames: false\n"
    )
    write(made, ".pre-commit-config.yaml", hooks)


@variant(why="the scans are reusable workflows of the same repository")
def reusable_workflow(made):
    write(made, ".github/workflows/bandit.yml", CALLED)
    edit(made, (f"          {BANDIT}\n", "          true\n"), ("  static-analysis:\n",
         "  analysis:\n    uses: ./.github/workflows/bandit.yml\n\n  static-analysis:\n"))  # fmt: skip
    checks = [{"context": "secret-scan"}, {"context": "analysis / bandit"}]
    protection = {"contexts": [one["context"] for one in checks], "checks": checks}
    made.github.append(lambda state: state["protection"]["main"].update(required_status_checks=protection))


@variant(why="gitleaks is the program itself, in a composite action of the repository")
def composite_action(made):
    edit(made, (GITLEAKS, "      - uses: ./.github/actions/secrets\n        with:\n          level: warn\n"))
    action = (
        "name: Secrets\ninputs:\n  level:\n    default: info\nruns:\n  using: composite\n  steps:\n    - shell: bash\n"
        "      run: gitleaks git --redact -v -l ${{ inputs.level }} .\n"
    )
    write(made, ".github/actions/secrets/action.yml", action)


@variant(why="a matrix of folders and one of Python versions")
def matrix(made):
    edit(made, ("  static-analysis:\n    runs-on: ubuntu-latest\n",
         "  static-analysis:\n    runs-on: ${{ matrix.os }}\n    strategy:\n      fail-fast: false\n      matrix:\n"
         "        os: [ubuntu-latest]\n        folder: [src, skills]\n"),
         (BANDIT, 'bandit -r "${{ matrix.folder }}" -c pyproject.toml'))  # fmt: skip
    names = ["secret-scan", "static-analysis (ubuntu-latest, src)", "static-analysis (ubuntu-latest, skills)"]
    protection = {"contexts": names, "checks": [{"context": name} for name in names]}
    made.github.append(lambda state: state["protection"]["main"].update(required_status_checks=protection))


@variant(why="gitleaks run directly, its status saved until the report is kept; Bandit piped with pipefail")
def status_kept(made):
    script = "set +e\ngitleaks detect --source . --report-path leaks.json --exit-code 3\nstatus=$?\nset -e\n"
    _gitleaks(
        made, f'{script}ls -l leaks.json\nif [ "$status" -ne 0 ]; then\n  echo "::error::secrets"\n  exit "$status"\nfi'
    )
    _bandit(made, f"set -o pipefail\n{BANDIT} 2>&1 | tee bandit.txt")


@variant(why="tox with factors; another scanner in addition; what is required is a job that gathers all")
def tox_and_a_gate(made):
    _bandit(made, "python -m pip install tox\npython -m tox run -e py312,security -- -q")
    tox = "[tox]\nenv_list = py{311,312}, security\n\n[testenv]\ncommands =\n    py: pytest {posargs}\n"
    tox += "    security: bandit -r src/ \\\n        skills/ -c pyproject.toml {posargs}\n"
    write(made, "tox.ini", tox)
    gate = (
        "  gate:\n    runs-on: ubuntu-latest\n    if: always()\n    needs: [secret-scan, static-analysis]\n    steps:\n"
        "      - run: |\n          if [ \"${{ contains(needs.*.result, 'failure') }}\" = true ]; then exit 1; fi\n\n"
    )
    hog = "      - uses: trufflesecurity/trufflehog@907ffe0c9ed90cb9157a36a5ff1a3e6a36d1d7a5 # v3\n"
    hog += "        continue-on-error: true\n"
    edit(made, ("  static-analysis:\n", f"{gate}  static-analysis:\n"), (GITLEAKS, f"{GITLEAKS}{hog}"))
    checks = {"contexts": ["gate"], "checks": [{"context": "gate"}]}
    made.github.append(lambda state: state["protection"]["main"].update(required_status_checks=checks))


@variant(
    why="nox and a shell script; the workflow's filters name the branch that ships; a ruleset in place of protection"
)
def nox_script_and_ruleset(made):
    _bandit(made, "pipx run nox --session security")
    session = 'session.run("bandit", "-r", *FOLDERS, "-c", "pyproject.toml")'
    head = 'import nox\n\nFOLDERS = ["src", "skills"]\n\n\n@nox.session(name="security", python=False)\n'
    write(made, "noxfile.py", f"{head}def scan(session):\n    {session}\n")
    _gitleaks(made, "bash ci/secrets.sh")
    write(
        made, "ci/secrets.sh", '#!/usr/bin/env bash\nset -euo pipefail\ncd "$(dirname "$0")/.."\nexec gitleaks git .\n'
    )
    edit(made, ("on: [push, pull_request]\n", "on:\n  push:\n    branches: ['main', 'release/**']\n  pull_request:\n"
                "    branches: [main]\n    types: [opened, reopened, synchronize, ready_for_review]\n"))  # fmt: skip
    made.github.append(lambda state: (state["protection"].clear(), state["rulesets"].append(ruleset())))


@variant(why="no rules but the scanner's own; a job that deploys once the scans are green")
def deploys_after_the_scans(made):
    write(made, ".gitleaks.toml", "[extend]\nuseDefault = true\n")
    deploy = (
        "  deploy:\n    runs-on: ubuntu-latest\n    needs: [secret-scan, static-analysis]\n"
        "    if: github.ref == 'refs/heads/main' && github.event_name == 'push'\n    steps:\n"
        f"      - uses: {CHECKOUT}\n        with:\n          persist-credentials: false\n"
        "      - run: kubectl apply -f k8s/\n\n"
    )
    edit(made, ("  static-analysis:\n", f"{deploy}  static-analysis:\n"))


@variant(
    why="the gitleaks image with a mount; a configuration elsewhere that extends the scanner's own; settings in YAML"
)
def image_and_other_settings(made):
    image = "ghcr.io/gitleaks/gitleaks@sha256:" + "0" * 64
    _gitleaks(made, f'docker run --rm -v "$PWD:/repo" -w /repo {image} git /repo --config /repo/ci/gitleaks.toml')
    write(made, "ci/gitleaks.toml", '[extend]\npath = ".gitleaks.toml"\n')
    _bandit(made, "uvx --from 'bandit[toml]' bandit -rq -c bandit.yaml -x tests .")
    write(made, "bandit.yaml", "skips: [B101]\nexclude_dirs: [tests/]\n")


@variant(why="continue-on-error so that the report is kept, and a later step that fails by the outcome")
def fails_later(made):
    edit(made, (_STEPS, "      - name: Run Bandit\n        id: bandit\n        continue-on-error: true\n"))
    commit(made, lambda path: (path / ".github/workflows/security.yml").open("a").write(
        "      - name: Judge\n        if: steps.bandit.outcome == 'failure'\n        run: exit 1\n"))  # fmt: skip
