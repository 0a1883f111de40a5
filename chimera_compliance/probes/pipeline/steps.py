"""A job's steps, one after another: conditions, `continue-on-error`, shells, and the actions that matter."""

import re
import shlex
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from typing import Any

from chimera_compliance.probes.pipeline import precommit
from chimera_compliance.probes.pipeline.context import Context, asks_status
from chimera_compliance.probes.pipeline.documents import Map, load_yaml
from chimera_compliance.probes.pipeline.expressions import Unknown, condition, evaluate, filled, truth
from chimera_compliance.probes.pipeline.scan import TOOLS
from chimera_compliance.probes.pipeline.shell import Shell, Status
from chimera_compliance.probes.pipeline.snapshot import Unreadable
from chimera_compliance.probes.pipeline.words import UNKNOWN
from chimera_compliance.probes.pipeline.world import World

_DEFAULT_SHELL = "bash -e {0}"
_SHELLS = {"bash": "bash --noprofile --norc -eo pipefail {0}", "sh": "sh -e {0}"}
_OTHER_SHELLS = re.compile(r"^(python|node|perl|cmd|powershell|pwsh)")
_INSTALLS = re.compile(r"setup|install")
_SCANNING = re.compile(r"secret|scan|leak|secur|sast|-linter", re.IGNORECASE)
_DEPLOYING = re.compile(
    r"pypa/gh-action-pypi-publish|aws-actions/amazon-ecs-deploy|azure/webapps-deploy|google-github-actions/deploy"
    r"|superfly/flyctl|appleboy/ssh-action|akhileshns/heroku-deploy|serverless/github-action|azure/k8s-deploy",
    re.IGNORECASE,
)
_MOST_NESTED = 5


@dataclass
class JobSteps:
    """Goes through the steps of one job, in one world."""

    world: World
    context: Context
    file: str
    env: dict[str, Any] = field(default_factory=dict)
    shell: str = ""
    folder: str = "."
    via: tuple[str, ...] = ()
    depth: int = 0

    def run(self, steps: Any) -> bool:
        """Whether any step fails the job."""
        for number, step in enumerate(steps if isinstance(steps, list) else []):
            if isinstance(step, Map):
                self._step(step, str(step.get("id", f"#{number}")))
        return self.context.failed

    def _step(self, step: Map, name: str) -> None:
        if not self._runs(step):
            self.context.steps[name] = {"outcome": "skipped", "conclusion": "skipped"}
            return
        status = self._uses(step) if step.get("uses") else self._script(step)
        outcome = "failure" if status else "success"
        tolerated = self._flag(step.get("continue-on-error"))
        conclusion = "success" if tolerated else outcome
        codes = dict.fromkeys(("exitcode", "exit-code", "exit_code", "result"), "1" if status else "0")
        self.context.steps[name] = {"outcome": outcome, "conclusion": conclusion, "outputs": codes if status else {}}
        if conclusion == "failure":
            self.context.failed = True

    def _runs(self, step: Map) -> bool:
        text = step.get("if")
        if not asks_status(text) and self.context.failed:
            return False
        value = truth(condition(text, self.context.names, self.context.functions))
        return self.world.choose(f"if: {value}") if isinstance(value, Unknown) else value

    def _flag(self, value: Any) -> bool:
        if isinstance(value, str):
            value = condition(value, self.context.names, self.context.functions)
        return self.world.choose(f"continue-on-error: {value}") if isinstance(value, Unknown) else value is True

    def _filled(self, value: Any) -> str:
        if not isinstance(value, str):
            return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        return filled(value, self.context.names, self.context.functions, lambda text: UNKNOWN)

    def _environment(self, step: Map) -> dict[str, str]:
        own = step.get("env") if isinstance(step.get("env"), dict) else {}
        event = self.context.event
        github = {
            "GITHUB_EVENT_NAME": event.name,
            "GITHUB_REF_NAME": event.branch if event.name == "push" else "1/merge",
            "GITHUB_BASE_REF": event.branch if event.name == "pull_request" else "",
            "GITHUB_ACTIONS": "true",
            "CI": "true",
        }
        return github | {key: self._filled(value) for key, value in {**self.env, **own}.items()}

    # run:

    def _script(self, step: Map) -> Status:
        script = step.get("run")
        if not isinstance(script, str):
            return 0
        line = getattr(script, "line", step.line)
        shell = str(step.get("shell") or self.shell or _DEFAULT_SHELL)
        command = _SHELLS.get(shell, shell)
        if _OTHER_SHELLS.match(shell) and not re.match(r"pwsh|powershell|cmd", shell):
            if any(tool in script for tool in TOOLS):
                self.world.unseen(f"a script in {shell.split()[0]}", "it is no shell script", self.file, line, script)
            return 0
        where = self._filled(step.get("working-directory")) or self.folder
        runner = self._shell(line, where, self._environment(step))
        runner.errexit = bool(re.search(r"(?:^|\s)-\w*e", command))
        runner.pipefail = "pipefail" in command
        return runner.run(self._filled(script))

    def _shell(self, line: int, folder: str, env: dict[str, str]) -> Shell:
        return Shell(
            program=self.world.program,
            choose=self.world.choose,
            is_file=self.world.snapshot.is_file,
            file=self.file,
            line=line,
            cwd=folder,
            variables=env,
            via=self.via,
            depth=self.depth,
        )

    # uses:

    def _uses(self, step: Map) -> Status:
        uses, given = str(step["uses"]), step.get("with")
        given = given if isinstance(given, Map) else Map()
        name = uses.split("@")[0].lower()
        line = step.line_of("uses")
        if name == "actions/checkout":
            return self._checkout(given)
        if uses.startswith("./"):
            return self._composite(uses, given, line)
        if name == "pre-commit/action":
            extra = shlex.split(self._filled(given.get("extra_args")) or "--all-files")
            shell = self._shell(line, ".", self._environment(step))
            return precommit.run(self.world, shell, ["pre-commit", "run", *extra], line)
        if tool := next((tool for tool in TOOLS if tool in name and not _INSTALLS.search(name)), None):
            return self._scanner(tool, uses, step, given, line)
        if _DEPLOYING.match(name):
            self.world.deploys.append((uses.split("@")[0], self.file, line))
        if isinstance(given.get("command"), str) and "retry" in name:
            return (
                self._shell(line, self.folder, self._environment(step))
                .child(errexit=True)
                .run(self._filled(given["command"]))
            )
        if _SCANNING.search(name.split("/", 1)[-1]):
            text = " ".join(TOOLS) if "linter" in name else str(dict(given))
            self.world.unseen(uses, "it is not in this repository", self.file, line, text)
        return 0

    def _checkout(self, given: Map) -> Status:
        other = given.get("repository")
        if other and self._filled(other) != self.context.slug:
            return 0
        depth = given.get("fetch-depth", 1)
        depth = evaluate(depth.strip()[3:-2], self.context.names, {}) if str(depth).strip().startswith("${{") else depth
        self.world.depth = int(depth) if str(depth).isdigit() else None if isinstance(depth, Unknown) else 1
        if path := self._filled(given.get("path")):
            self.world.root = path
        return 0

    def _scanner(self, tool: str, uses: str, step: Map, given: Map, line: int) -> Status:
        """An action that is named after a scanner: its inputs, or its arguments where it is an image."""
        env = self._environment(step)
        if uses.startswith("docker://") or (tool == "bandit" and given.get("args")):
            words = shlex.split(self._filled(given.get("args")))
            targets = shlex.split(self._filled(given.get("targets")))
            if words or targets:
                return self.world.scan(tool, [tool, *words, *targets], self._shell(line, ".", env), line)
        inputs = {f"INPUT_{key.upper()}": self._filled(value) for key, value in given.items()}
        found = self.world.action(tool, uses, self.file, line, env | inputs, self.via)
        return 0 if found and _swallows(uses, inputs) else found

    def _composite(self, uses: str, given: Map, line: int) -> Status:
        folder = uses[2:].rstrip("/")
        for file in (f"{folder}/action.yml", f"{folder}/action.yaml"):
            if self.world.snapshot.is_file(file):
                break
        else:
            self.world.unseen(uses, "there is no such action in the repository", self.file, line)
            return 0
        try:
            action = load_yaml(self.world.snapshot.text(file))
        except Unreadable as error:
            self.world.unseen(uses, str(error), file, error.line)
            return 0
        runs = action.get("runs") if isinstance(action, Map) else None
        if not isinstance(runs, Map) or runs.get("using") != "composite" or self.depth >= _MOST_NESTED:
            return 0
        defaults = action.get("inputs") if isinstance(action.get("inputs"), dict) else {}
        inputs = {key: value.get("default") for key, value in defaults.items() if isinstance(value, dict)}
        inputs |= {key: self._filled(value) for key, value in given.items()}
        inner = JobSteps(
            self.world,
            replace(self.context, inputs=inputs, steps={}, failed=False),
            file,
            self.env,
            "",
            self.folder,
            (*self.via, f"{self.file}:{line}"),
            self.depth + 1,
        )
        return int(inner.run(runs.get("steps")))


def _swallows(uses: str, inputs: dict[str, str]) -> bool:
    """Whether an action reports what it finds without failing: by an input, or by its nature."""
    if uses.lower().startswith("pycqa/bandit-action@"):
        return True  # uploads what it finds to code scanning and succeeds
    tolerant = ("FAIL", "FAIL_ON_ERROR", "FAIL-ON-ERROR", "FAIL-ON-SECRETS")
    if any(inputs.get(f"INPUT_{name}", "").lower() == "false" for name in tolerant):
        return True
    return any(inputs.get(f"INPUT_{name}", "").lower() == "true" for name in ("EXIT_ZERO", "EXIT-ZERO", "SOFT_FAIL"))


def any_file(paths: list[str]):
    """`hashFiles` as far as it matters: whether a pattern matches any file."""

    def matches(pattern: str) -> bool:
        return any(fnmatch(path, pattern.replace("**/", "*")) for path in paths)

    return matches
