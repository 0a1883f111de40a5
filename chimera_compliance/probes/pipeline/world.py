"""What one way through a job comes to: the scanners it runs, what else it runs, and what could not be followed."""

import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from chimera_compliance.probes.pipeline import programs
from chimera_compliance.probes.pipeline.scan import TOOLS, Scan, Selection, Unseen
from chimera_compliance.probes.pipeline.shell import Shell, Status
from chimera_compliance.probes.pipeline.snapshot import Snapshot
from chimera_compliance.probes.pipeline.words import UNKNOWN

_MOST_WAYS = 32
_MOST_COMMANDS = 2000
# What brings a version to where it is used; documentation and pages are no deployment of the product.
_DEPLOYS = re.compile(
    r"^(?:kubectl (?:apply|set|rollout)|helm (?:upgrade|install)|terraform apply|tofu apply|pulumi up|cdk deploy"
    r"|serverless deploy|sls deploy|sam deploy|twine upload|uv publish|poetry publish|flit publish|hatch publish"
    r"|npm publish|docker push|docker buildx build .*--push|podman push|aws (?:ecs update-service|lambda update"
    r"|deploy create|s3 sync|cloudformation deploy|elasticbeanstalk update)|gcloud (?:run deploy|app deploy"
    r"|functions deploy)|az (?:webapp deploy|containerapp update)|fly(?:ctl)? deploy|heroku |ansible-playbook|eb deploy"
    r"|copilot deploy|cap .*deploy|\S*deploy\S*\.sh\b|make (?:deploy|publish|release)\b|goreleaser release)"
)


@dataclass
class World:
    """One way through a job: `taken` are the answers given where a condition is not known."""

    snapshot: Snapshot
    fails: tuple | None = None
    """The key of the scan that finds something; all others find nothing."""
    taken: dict[str, bool] = field(default_factory=dict)
    scans: list[Scan] = field(default_factory=list)
    unfollowed: list[Unseen] = field(default_factory=list)
    deploys: list[tuple[str, str, int]] = field(default_factory=list)
    depth: int | None = None
    root: str = "."
    job: dict[str, str] = field(default_factory=dict)
    failed: bool = False
    _commands: int = 0

    def choose(self, condition: str) -> bool:
        """The answer of this way to a condition that is not known; the same as before to the same one."""
        return self.taken.setdefault(condition.replace(UNKNOWN, "…")[:200], True)

    def program(self, shell: Shell, argv: list[str], line: int, selection: Selection | None = None) -> Status:
        """The status of a program."""
        self._commands += 1
        if self._commands > _MOST_COMMANDS:
            return 0
        return programs.run(self, shell, argv, line, selection)

    def scan(self, tool: str, argv: list[str], shell: Shell, line: int, selection: Selection | None = None) -> Status:
        """A scanner is run: it finds something if this is the one that is to fail."""
        kept = tuple(
            (name, value) for name, value in sorted(shell.variables.items()) if name.startswith(("GITLEAKS", "BANDIT"))
        )
        words = (tool, *argv[1:])
        inside = f"{shell.cwd}/".startswith(f"{self.root}/")
        cwd = (shell.cwd[len(self.root) + 1 :] or ".") if inside else shell.cwd
        return self._scan(Scan(tool, words, shell.file, line, cwd, shell.via, kept, selection))

    def action(self, tool: str, name: str, file: str, line: int, env: dict[str, str], via: tuple[str, ...]) -> Status:
        """An action that runs a scanner."""
        kept = tuple((key, value) for key, value in sorted(env.items()) if key.startswith(("GITLEAKS", "INPUT")))
        return self._scan(Scan(tool, (), file, line, env=kept, via=via, action=name))

    def _scan(self, scan: Scan) -> Status:
        known = {"depth": self.depth, **self.job}
        self.scans.append(Scan(**{**scan.__dict__, **known}))
        return int(self.fails == scan.key)

    def unseen(self, what: str, why: str, file: str, line: int, text: str = "") -> None:
        """Something runs that cannot be followed."""
        hints = tuple(tool for tool in TOOLS if tool in f"{what} {text}".lower())
        self.unfollowed.append(Unseen(what, why, file, line, hints))

    def ran(self, argv: list[str], shell: Shell, line: int) -> None:
        """Any other program; one that deploys is remembered."""
        if _DEPLOYS.match(command := " ".join([posixpath.basename(argv[0]), *argv[1:]])) and "--dry-run" not in argv:
            self.deploys.append((command.replace(UNKNOWN, "…")[:80], shell.file, line))


def ways(snapshot: Snapshot, go: Callable[[World], None], fails: tuple | None = None) -> Iterator[World]:
    """Every way through, as far as conditions that are not known make more than one."""
    waiting: list[dict[str, bool]] = [{}]
    for _ in range(_MOST_WAYS):
        if not waiting:
            return
        given = waiting.pop(0)
        world = World(snapshot, fails, dict(given))
        go(world)
        asked = list(world.taken.items())
        for number in range(len(given), len(asked)):
            name, answer = asked[number]
            waiting.append({**dict(asked[:number]), name: not answer})
        yield world
