"""C08: what workflows entrust to others, and what GitHub enforces on a branch."""

from chimera_compliance.stack.flaws import flaw
from chimera_compliance.stack.flaws.c08_edits import CHECKOUT, WORKFLOW, edit, write

_PINNED = "gitleaks/gitleaks-action@ff98106e4c7b2bc287b24eaf42907196329070c7 # v2.3.9"
_PERMISSIONS = "permissions:\n  contents: read\n"
_KEEPS = "          persist-credentials: false\n"
_HEAD = "name: Triage\non: {event}\npermissions:\n  contents: read\n"
_HEAD += "jobs:\n  triage:\n    runs-on: ubuntu-latest\n    steps:\n"


def _triage(made, steps, event="pull_request"):
    write(made, ".github/workflows/triage.yml", _HEAD.replace("{event}", event) + steps)


@flaw("C08", why="an action is named by a tag, as in ADR-005 §6", breaks="C08.13")
def pinned_by_tag(made):
    edit(made, (_PINNED, "gitleaks/gitleaks-action@v2"))


@flaw("C08", why="an action is named by a branch", breaks="C08.13")
def pinned_by_branch(made):
    edit(made, (_PINNED, "gitleaks/gitleaks-action@master"))


@flaw("C08", why="GitHub's own action is named by a tag", breaks="C08.13")
def checkout_by_tag(made):
    edit(made, (CHECKOUT, "actions/checkout@v4"))


@flaw("C08", why="an image is named by a tag", breaks="C08.13")
def image_by_tag(made):
    _triage(made, "      - uses: docker://alpine:3\n")


@flaw("C08", why="no permissions are stated", breaks="C08.14")
def permissions_unstated(made):
    edit(made, (_PERMISSIONS, ""))


@flaw("C08", why="the token may write everything", breaks="C08.14")
def writes_everything(made):
    edit(made, (_PERMISSIONS, "permissions: write-all\n"))


@flaw("C08", why="every job of the workflow may write contents", breaks="C08.14")
def writes_contents(made):
    edit(made, (_PERMISSIONS, "permissions:\n  contents: write\n"))


@flaw("C08", why="the title of a pull request is written into a script", breaks="C08.15")
def title_is_run(made):
    _triage(made, '      - run: |\n          set -x\n          echo "${{ github.event.pull_request.title }}"\n')


@flaw("C08", why="the name of a branch is written into a script of a local action", breaks="C08.15")
def branch_name_is_run(made):
    step = "    - shell: bash\n      run: git log origin/${{ github.head_ref }}\n"
    write(made, ".github/actions/log/action.yml", f"name: Log\nruns:\n  using: composite\n  steps:\n{step}")


@flaw("C08", why="a fork's commit is checked out where secrets are", breaks="C08.16")
def forks_commit_with_secrets(made):
    ref = "          ref: ${{ github.event.pull_request.head.sha }}\n"
    _triage(made, f"      - uses: {CHECKOUT}\n        with:\n{_KEEPS}{ref}", "pull_request_target")


@flaw("C08", why="a workflow run that was started by a fork checks out its commit", breaks="C08.16")
def forks_commit_afterwards(made):
    event = "{workflow_run: {workflows: [Security Scan], types: [completed]}}"
    ref = "          ref: ${{ github.event.workflow_run.head_sha }}\n"
    _triage(made, f"      - uses: {CHECKOUT}\n        with:\n{_KEEPS}{ref}", event)


@flaw("C08", why="every secret is handed to a workflow of another repository", breaks="C08.16")
def secrets_inherited(made):
    uses = "acme/shared/.github/workflows/notify.yml@0123456789abcdef0123456789abcdef01234567"
    job = f"  notify:\n    uses: {uses}\n    secrets: inherit\n\n"
    edit(made, ("  static-analysis:\n", f"{job}  static-analysis:\n"))


@flaw("C08", why="the job that scans may write packages", breaks="C08.14")
def scans_with_a_writing_token(made):
    grants = "    permissions:\n      contents: read\n      packages: write\n"
    edit(made, ("  static-analysis:\n", f"  static-analysis:\n{grants}"))


@flaw("C08", why="the checkout leaves its token behind", breaks="C08.17")
def token_left_behind(made):
    edit(made, (_KEEPS, ""))


# What GitHub enforces


def _protection(made, change):
    made.github.append(lambda state: change(state["protection"]["main"]))


@flaw("C08", why="the branch is not protected at all", breaks="C08.22")
def unprotected(made):
    made.github.append(lambda state: state["protection"].clear())


@flaw("C08", why="another check is required than those that scan", breaks="C08.22")
def other_check_required(made):
    checks = {"strict": True, "contexts": ["lint"], "checks": [{"context": "lint"}]}
    _protection(made, lambda rules: rules.update(required_status_checks=checks))


@flaw("C08", why="one of the two scans is required", breaks="C08.22")
def one_scan_required(made):
    checks = {"strict": True, "contexts": ["secret-scan"], "checks": [{"context": "secret-scan"}]}
    _protection(made, lambda rules: rules.update(required_status_checks=checks))


@flaw(
    "C08",
    why="a job that is skipped when a scan fails is what is required, and skipped counts as success",
    breaks="C08.22",
)
def skipped_counts(made):
    done = "  done:\n    runs-on: ubuntu-latest\n    needs: [secret-scan, static-analysis]\n"
    done += "    steps:\n      - run: 'true'\n"
    edit(made, ("  static-analysis:\n", f"{done}\n  static-analysis:\n"))
    checks = {"strict": True, "contexts": ["done"], "checks": [{"context": "done"}]}
    _protection(made, lambda rules: rules.update(required_status_checks=checks))


@flaw("C08", why="force pushes are allowed", breaks="C08.23")
def force_pushes(made):
    _protection(made, lambda rules: rules.update(allow_force_pushes={"enabled": True}))


@flaw("C08", why="the branch may be deleted", breaks="C08.23")
def deletable(made):
    _protection(made, lambda rules: rules.update(allow_deletions={"enabled": True}))


@flaw("C08", why="administrators are above the rules", breaks="C08.24")
def administrators_exempt(made):
    _protection(made, lambda rules: rules.update(enforce_admins={"enabled": False}))


@flaw("C08", why="a team may bypass the ruleset", breaks="C08.24")
def team_exempt(made):
    from chimera_compliance.stack.flaws.c08_correct import ruleset

    made.github.append(lambda state: (state["protection"].clear(), state["rulesets"].append(ruleset(
        bypass_actors=[{"actor_id": 7, "actor_type": "Team", "bypass_mode": "always"}]))))  # fmt: skip


@flaw("C08", why="the job has another name by now than the check that is required", breaks="C08.22")
def renamed_job(made):
    edit(made, ("  secret-scan:\n", "  secret-scan:\n    name: Secrets\n"), file=WORKFLOW)
