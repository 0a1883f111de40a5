"""C08: ways in which a scanner runs, finds, and stops nothing."""

from chimera_compliance.stack.flaws import flaw
from chimera_compliance.stack.flaws.c08_edits import BANDIT, CALLED, GITLEAKS, edit, gitleaks_command, write

_SCAN = "  secret-scan:\n"
_ENV = "          GITHUB_TOKEN: ${{ secrets.GITHUB_TOKEN }}\n"


def _bandit(made, command):
    edit(made, (f"          {BANDIT}\n", "".join(f"          {line}\n" for line in command.splitlines())))


def _gitleaks(made, command, **more):
    edit(made, (GITLEAKS, gitleaks_command(command, **more)))


@flaw("C08", why="the step's failure is let pass", breaks="C08.3")
def step_may_fail(made):
    edit(made, (_ENV, _ENV + "        continue-on-error: true\n"))


@flaw("C08", why="the job's failure is let pass", breaks="C08.3")
def job_may_fail(made):
    edit(made, (_SCAN, _SCAN + "    continue-on-error: true\n"))


@flaw("C08", why="continue-on-error is an expression that is true on every event that counts", breaks="C08.3")
def may_fail_by_expression(made):
    edit(made, (_SCAN, _SCAN + "    continue-on-error: ${{ github.event_name != 'schedule' }}\n"))


@flaw("C08", why="`|| true` swallows what the scanner says", breaks="C08.8")
def or_true(made):
    _bandit(made, f"{BANDIT} || true")


@flaw("C08", why="a warning in place of a failure", breaks="C08.3")
def or_a_warning(made):
    _gitleaks(made, "gitleaks git . || echo '::warning::secrets found'")


@flaw("C08", why="`set +e`, and the script goes on to its end", breaks="C08.8")
def without_errexit(made):
    _bandit(made, f"set +e\n{BANDIT}\necho done")


@flaw("C08", why="`; exit 0` under a shell that does not stop at errors", breaks="C08.8")
def exit_0(made):
    _bandit(made, f"set +e; {BANDIT}; exit 0")


@flaw("C08", why="a shell of one's own without -e, in which the last command decides", breaks="C08.3")
def shell_without_errexit(made):
    _gitleaks(made, "gitleaks git .\necho done", shell="bash {0}")  # nosec B604  # a workflow's text


@flaw("C08", why="the output goes through tee, whose success is what counts without pipefail", breaks="C08.8")
def piped_away(made):
    _bandit(made, f"{BANDIT} | tee bandit.txt")


@flaw(
    "C08",
    why="the failing command stands before `&&`, where `set -e` does not look, and another line follows",
    breaks="C08.3",
)
def and_then(made):
    _gitleaks(made, "gitleaks git . && echo clean\necho done")


@flaw("C08", why="a trap makes every end a good one", breaks="C08.8")
def trapped(made):
    _bandit(made, f"trap 'exit 0' EXIT\n{BANDIT}")


@flaw("C08", why="the status is looked at, printed and dropped", breaks="C08.8")
def status_dropped(made):
    _bandit(made, f"if {BANDIT}; then\n  echo clean\nelse\n  echo findings\nfi")


@flaw("C08", why="the scanner runs inside a command substitution of echo", breaks="C08.3")
def substituted(made):
    _gitleaks(made, 'echo "$(gitleaks git .)"')


@flaw("C08", why="the scanner runs in the background", breaks="C08.3")
def in_background(made):
    _gitleaks(made, "gitleaks git . &")


@flaw("C08", why="--exit-code 0 lets every leak pass", breaks="C08.3")
def gitleaks_exit_code_0(made):
    _gitleaks(made, "gitleaks git . --exit-code 0")


@flaw("C08", why="--exit-zero lets every weakness pass", breaks="C08.8")
def bandit_exit_zero(made):
    _bandit(made, f"{BANDIT} --exit-zero")


@flaw("C08", why="the recipe of the make target begins with a dash", breaks="C08.8")
def make_ignores(made):
    _bandit(made, "make security")
    write(made, "Makefile", f".PHONY: security\nsecurity:\n\t-{BANDIT}\n")


@flaw("C08", why="tox ignores the outcome of the environment", breaks="C08.8")
def tox_ignores(made):
    _bandit(made, "tox -e security")
    write(
        made,
        "tox.ini",
        f"[tox]\nenvlist = security\n\n[testenv:security]\nignore_outcome = true\ncommands = {BANDIT}\n",
    )


@flaw("C08", why="nox takes a finding for a success", breaks="C08.8")
def nox_tolerates(made):
    _bandit(made, "nox -s security")
    call = 'session.run("bandit", "-r", "src", "skills", "-c", "pyproject.toml", success_codes=[0, 1])'
    write(made, "noxfile.py", f"import nox\n\n\n@nox.session\ndef security(session):\n    {call}\n")


@flaw("C08", why="the script that is called ends with a command that succeeds", breaks="C08.8")
def script_goes_on(made):
    _bandit(made, "./ci/scan.sh")
    write(made, "ci/scan.sh", f"#!/bin/sh\n{BANDIT}\necho done\n", executable=True)


@flaw("C08", why="a reusable workflow is called whose job may fail", breaks="C08.8")
def called_workflow_may_fail(made):
    edit(made, (f"          {BANDIT}\n", "          true\n"), ("  static-analysis:\n",
         "  bandit:\n    uses: ./.github/workflows/bandit.yml\n\n  static-analysis:\n"))  # fmt: skip
    write(
        made, ".github/workflows/bandit.yml", CALLED.replace("  bandit:\n", "  bandit:\n    continue-on-error: true\n")
    )


@flaw("C08", why="an action that uploads what it finds, and succeeds", breaks="C08.8")
def only_uploads(made):
    action = "      - uses: PyCQA/bandit-action@8a1b30610f61f3f792fe7556e888c9d7dffa52de # v1.0.0\n        with:\n"
    action += "          targets: src/ skills/\n"
    edit(made, ("      - name: Run Bandit\n", f"{action}      - name: None\n"),
         (f"          {BANDIT}\n", ""))  # fmt: skip


@flaw("C08", why="the job that deploys does not wait for the scans", breaks="C08.12")
def deploys_meanwhile(made):
    deploy = "  deploy:\n    runs-on: ubuntu-latest\n    if: github.event_name == 'push'\n"
    deploy += "    steps:\n      - run: kubectl apply -f k8s/\n\n"
    edit(made, ("  static-analysis:\n", deploy + "  static-analysis:\n"))


@flaw("C08", why="the job that deploys needs the scans, and runs whatever came of them", breaks="C08.12")
def deploys_always(made):
    deploy = "  deploy:\n    runs-on: ubuntu-latest\n    needs: [secret-scan, static-analysis]\n    if: always()\n"
    deploy += (
        "    steps:\n      - run: aws ecs update-service --cluster chimera --service api --force-new-deployment\n\n"
    )
    edit(made, ("  static-analysis:\n", deploy + "  static-analysis:\n"))
