"""Whether a change meets a scanner that would stop it, whatever way the pipeline has to it."""

import pytest
from repositories import gates_of, script, verdict, workflow

BANDIT = "bandit -r src skills"


def told(folder, files, tool="bandit", **settings):
    """The verdict on a push, on a pull request and on one from a fork."""
    return [verdict(gate, tool) for gate in gates_of(folder, files, **settings)]


STOPPED = {
    "make with prerequisites": {
        **script("make ci"),
        "Makefile": "DIRS = src skills\n\nci: lint scan\nlint:\n\techo lint\nscan:\n\t@bandit -r $(DIRS)\n",
    },
    "make in a folder, by name": {
        **script("make -f build/rules.mk scan DIRS='src skills'"),
        "build/rules.mk": "scan:\n\tbandit -r ${DIRS}\n",
    },
    "a script, and one that it calls": {
        **script("./ci/all.sh"),
        "ci/all.sh": "#!/bin/bash -e\n. ci/lib.sh\nscan\necho done\n",
        "ci/lib.sh": "scan() {\n  bandit -r src skills\n}\n",
    },
    "tox": {
        **script("tox -e lint,py"),
        "tox.ini": "[testenv]\ncommands = pytest\n[testenv:lint]\ncommands =\n    bandit -r {toxinidir}/src skills\n",
    },
    "tox by its list": {
        **script("python3 -m tox"),
        "pyproject.toml": '[tool.tox]\nenv_list = ["sec"]\n[tool.tox.env.sec]\n'
        'commands = [["bandit", "-r", "src", "skills"]]\n',
    },
    "nox": {
        **script("uvx nox -s audit"),
        "noxfile.py": "import nox\n@nox.session\ndef audit(session):\n"
        "    session.install('bandit')\n    session.run('bandit', '-r', 'src', 'skills')\n",
    },
    "pre-commit": {
        **workflow("- uses: pre-commit/action@2c7b3805fd2a0fd8c1884dcaebf91fc102a13ecd\n"),
        ".pre-commit-config.yaml": "repos:\n- repo: https://github.com/pycqa/bandit\n  rev: '1'\n  hooks:\n"
        "  - {id: bandit, args: [-q]}\n",
    },
    "hatch": {
        **script("hatch run lint:sec"),
        "pyproject.toml": '[tool.hatch.envs.lint.scripts]\nsec = ["bandit -r src skills {args}"]\n',
    },
    "poe": {**script("uv run poe sec"), "pyproject.toml": '[tool.poe.tasks]\nsec = {cmd = "bandit -r src skills"}\n'},
    "npm": {**script("npm run sec"), "package.json": '{"scripts": {"sec": "bandit -r src skills"}}\n'},
    "just": {**script("just sec"), "justfile": "sec: fmt\n    @bandit -r src skills\n\nfmt:\n    black .\n"},
    "task": {
        **script("task sec"),
        "Taskfile.yml": "version: '3'\ntasks:\n  sec:\n    cmds:\n      - bandit -r src skills\n",
    },
    "wrapped": script("sudo -u ci timeout 300 env A=1 poetry run python -m bandit -r src skills"),
    "an image": script('docker run --rm -v "$PWD":/code ghcr.io/pycqa/bandit/bandit -r /code/src /code/skills'),
    "xargs": script("git ls-files '*.py' | xargs bandit"),
    "a loop": script("for d in src skills; do\n  bandit -r $d\ndone"),
    "a retry": workflow(
        "- uses: nick-fields/retry@ce71cc2ab81d554ebbe88c79ab5975992d79ba08\n  with: {command: bandit -r src skills}\n"
    ),
    "the outcome is judged by a later step": workflow(
        "- {run: bandit -r src skills, id: b, continue-on-error: true}\n"
        "- run: exit 1\n  if: steps.b.outcome != 'success'\n"
    ),
    "the environment holds the folders": workflow("- run: bandit -r $DIRS\n  env: {DIRS: src skills}\n"),
    "a condition that holds": script(BANDIT, job="if: github.event_name == 'push' || github.base_ref == 'main'\n"),
    "both branches of a test scan": script(f'if [ -n "$CI_X" ]; then {BANDIT}; else {BANDIT} -q; fi'),
    "quoted on": {name: text.replace("on:", '"on":', 1) for name, text in script(BANDIT).items()},
}


@pytest.mark.parametrize("name", STOPPED)
def test_what_is_run_by_any_way_stops_the_change(name, tmp_path):
    assert told(tmp_path / "repo", STOPPED[name]) == ["bites"] * 3


LOST = {
    "make -i": {**script("make -i scan"), "Makefile": "scan:\n\tbandit -r src\n"},
    "make, in a pipe": {**script("make scan | tee out"), "Makefile": "scan:\n\tbandit -r src\n"},
    "make, with || true in the recipe": {**script("make scan"), "Makefile": "scan:\n\tbandit -r src || true\n"},
    "a dash in tox": {**script("tox -e x"), "tox.ini": "[testenv:x]\ncommands = - bandit -r src\n"},
    "the default shell has no pipefail": script("bandit -r src | tee out.txt"),
    "a script without -e": {**script("sh scan.sh"), "scan.sh": "bandit -r src\necho done\n"},
    "the job is allowed to fail in every cell": script(
        "bandit -r src",
        job="continue-on-error: ${{ matrix.may }}\nstrategy:\n  matrix:\n    may: [true]\n",
    ),
    "PowerShell goes on": workflow("- run: |\n    bandit -r src\n    echo done\n  shell: pwsh\n"),
    "a composite action that swallows": {
        **workflow("- uses: ./.github/actions/scan\n"),
        ".github/actions/scan/action.yml": "runs:\n  using: composite\n  steps:\n"
        "    - {shell: bash, run: bandit -r src, continue-on-error: true}\n",
    },
}


@pytest.mark.parametrize("name", LOST)
def test_a_failure_that_is_lost_on_the_way_stops_nothing(name, tmp_path):
    assert told(tmp_path / "repo", LOST[name]) == ["lost"] * 3


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        ("if: ${{ false }}\n", ["idle"] * 3),
        ("if: github.ref == 'refs/heads/main'\n", ["bites", "idle", "idle"]),
        ("if: github.event.pull_request.head.repo.full_name == github.repository\n", ["idle", "bites", "idle"]),
        ("if: vars.SCAN == 'yes'\n", ["open"] * 3),
        ("if: contains(github.event.pull_request.labels.*.name, 'scan')\n", ["idle"] * 3),
        ("if: github.actor != 'dependabot[bot]'\n", ["bites"] * 3),
        ("if: ${{ github.event_name }} == 'nothing'\n", ["bites"] * 3),  # a text that is not empty is true
        ("if: always() && !cancelled()\n", ["bites"] * 3),
        ("needs: [missing]\n", ["idle"] * 3),
    ],
)
def test_conditions_are_judged_for_each_event(job, expected, tmp_path):
    assert told(tmp_path / "repo", script(BANDIT, job=job)) == expected


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        ("push", ["bites", "bites", "idle"]),  # a pull request of one's own is met when its branch is pushed
        ("pull_request", ["idle", "bites", "bites"]),
        ("{push: {branches: [main]}, pull_request: {branches: ['ma*']}}", ["bites"] * 3),
        ("{push: {branches: ['**', '!main']}, pull_request: }", ["idle", "bites", "bites"]),
        ("{push: {tags: ['v*']}, pull_request: {types: [closed]}}", ["idle"] * 3),
        ("{push: {paths: ['src/**', 'skills/**']}, pull_request: {paths: ['**.py']}}", ["bites"] * 3),
        ("{push: {paths: ['src/**']}, pull_request: {paths-ignore: ['skills/**']}}", ["idle"] * 3),
        ("{push: {paths-ignore: ['docs/**', '**.md']}, pull_request: }", ["bites"] * 3),
        ("[workflow_dispatch, schedule]", ["idle"] * 3),
        ("pull_request_target", ["idle"] * 3),
    ],
)
def test_triggers_are_judged_for_each_event(on, expected, tmp_path):
    assert told(tmp_path / "repo", script(BANDIT, on=on)) == expected


def test_documentation_matters_to_gitleaks_and_not_to_bandit(tmp_path):
    on = "{push: {paths-ignore: ['docs/**']}, pull_request: {paths-ignore: ['docs/**']}}"
    found = gates_of(tmp_path / "repo", script(f"{BANDIT}\ngitleaks git .", on=on))
    assert [(verdict(gate, "bandit"), verdict(gate, "gitleaks")) for gate in found] == [("bites", "idle")] * 3


def test_every_branch_that_ships_is_judged(tmp_path):
    on = "{push: {branches: [main]}, pull_request: {branches: [main]}}"
    found = gates_of(tmp_path / "repo", script(BANDIT, on=on), shipping_branches=["main", "stable"])
    told_of = {str(gate.event): verdict(gate, "bandit") for gate in found}
    assert told_of["a push to main"] == "bites"
    assert told_of["a push to stable"] == "idle"


def test_what_cannot_be_followed_is_named(tmp_path):
    files = {
        ".github/workflows/ci.yml": "on: [push, pull_request]\njobs:\n  scan:\n"
        "    uses: acme/shared/.github/workflows/security.yml@v1\n"
    }
    gate = gates_of(tmp_path / "repo", files)[0]
    assert [one.what for one in gate.unseen if one.may_be("gitleaks")] == [
        "acme/shared/.github/workflows/security.yml@v1"
    ]


def test_where_the_command_stands_is_told(tmp_path):
    files = {**script("set -e\nmake scan"), "Makefile": "X = 1\n\nscan:\n\techo hi\n\tbandit -r src || true\n"}
    candidate = gates_of(tmp_path / "repo", files)[0].of("bandit")[0]
    assert candidate.place == ("Makefile", 5)
    assert candidate.scan.via == (".github/workflows/ci.yml:11",)


def test_a_checkout_into_a_folder_is_the_repository_there(tmp_path):
    steps = "- run: bandit -r src skills\n  working-directory: code\n"
    files = {name: text.replace("{fetch-depth: 0}", "{path: code}") for name, text in workflow(steps).items()}
    candidate = gates_of(tmp_path / "repo", files)[0].of("bandit")[0]
    assert (candidate.scan.cwd, candidate.scan.depth) == (".", 1)
