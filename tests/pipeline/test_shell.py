"""What becomes of a scanner's failure in a shell script, by the shell's own rules.

Each script is also run by a real bash, with a `gitleaks` that fails: what is simulated must be what happens.
"""

import subprocess

import pytest

from chimera_compliance.probes.pipeline.shell import Shell

SCRIPTS = [
    "gitleaks git .",
    "gitleaks git . || true",
    "gitleaks git . || :",
    "gitleaks git .; exit 0",
    "set +e\ngitleaks git .\nexit 0",
    "set +e\ngitleaks git .",
    "set +e; gitleaks git .; true",
    "set +e\ngitleaks git .\nrc=$?\necho $rc\nexit $rc",
    "gitleaks git . | tee /dev/null",
    "set -o pipefail\ngitleaks git . | tee /dev/null",
    "set -euo pipefail\ngitleaks git . 2>&1 | grep -v nothing",
    "if ! gitleaks git .; then echo leak; exit 1; fi",
    "if gitleaks git .; then echo ok; else echo bad; fi",
    "if gitleaks git .; then echo ok; else exit 3; fi",
    "if gitleaks git .; then\n echo ok\nelif true; then\n exit 3\nfi",
    "! gitleaks git .",
    "gitleaks git . && echo ok",
    "gitleaks git . && echo ok\necho done",
    "(gitleaks git .)",
    "( gitleaks git . || : )",
    "{ gitleaks git .; }\necho hi",
    "x=$(gitleaks git .)\necho after",
    'x="$(gitleaks git .)"\necho after',
    "echo $(gitleaks git .)",
    "export X=$(gitleaks git .)",
    "f() { gitleaks git .; }\nf\necho hi",
    "f() { gitleaks git . || return 0; }\nf\necho hi",
    "gitleaks git . || rc=$?\nexit $rc",
    "gitleaks git . || { echo no; exit 1; }",
    "gitleaks git . || exit 0",
    "gitleaks git . || (echo no; false)",
    "trap 'exit 0' EXIT\ngitleaks git .",
    "trap 'echo bye' EXIT\ngitleaks git .",
    "trap 'exit 0' ERR\ngitleaks git .",
    "for d in a b; do\n gitleaks dir $d\ndone\necho all",
    'rc=0\ngitleaks git . || rc=1\nif [ "$rc" -ne 0 ]; then exit 1; fi',
    "status=0\ngitleaks git . || status=$?\n[[ $status -eq 0 ]] || exit $status",
    "set +e\ngitleaks git .\nif (( $? != 0 )); then exit 2; fi\necho",
    'gitleaks git . \\\n  --source "y z" 2>/dev/null',
    "true && gitleaks git .",
    "false || gitleaks git .",
    "if false; then gitleaks git .; fi",
    'eval "gitleaks git ."',
    "bash -c 'gitleaks git .; true'",
    "bash -ec 'gitleaks git .; true'",
    "OUT=$(gitleaks git . || true)",
    "gitleaks git . > /dev/null 2>&1 || (echo x && exit 1)",
    "case x in x) gitleaks git . ;; esac\necho later",
    "gitleaks git . & \necho done",
    "set -e; set +o errexit; gitleaks git .; echo done",
]


def simulated(script: str) -> int:
    def program(shell, argv, line):
        if argv[0] == "bash":
            flags = {"errexit": "e" in argv[1]}
            return shell.within("inner", 1, line, **flags).run(argv[2])
        return int(argv[0] == "gitleaks")

    shell = Shell(program, lambda text: True, lambda path: False, "script", errexit=True)
    return int(bool(shell.run(script)))


@pytest.fixture(scope="module")
def failing(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bin")
    (folder / "gitleaks").write_text("#!/bin/sh\nexit 1\n")
    (folder / "gitleaks").chmod(0o755)
    return folder


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_simulation_ends_as_bash_does(script, failing):
    real = subprocess.run(
        ["bash", "-e", "-c", script], env={"PATH": f"{failing}:/usr/bin:/bin"}, capture_output=True, timeout=10
    )
    assert simulated(script) == int(real.returncode != 0), real
