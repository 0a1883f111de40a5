"""What GitHub's contexts hold for an event, as far as it is known before anything has run."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chimera_compliance.probes.pipeline.events import Event
from chimera_compliance.probes.pipeline.expressions import Unknown

_FORK = "contributor/fork"
_STATUS = ("always", "success", "failure", "cancelled")


@dataclass
class Context:
    """The names that an expression may use."""

    event: Event
    slug: str = "owner/repository"
    default_branch: str = "main"
    env: dict[str, Any] = field(default_factory=dict)
    matrix: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, Any] = field(default_factory=dict)
    needs: dict[str, str] = field(default_factory=dict)
    """The results of the jobs that this one needs."""
    steps: dict[str, dict[str, str]] = field(default_factory=dict)
    failed: bool = False
    files: Callable[[str], bool] | None = None

    def names(self, path: list[str]) -> Any:
        """The value of `github.ref` and the like."""
        first, rest = path[0].lower(), path[1:]
        tables = {
            "github": self._github,
            "env": lambda: self.env,
            "matrix": lambda: self.matrix,
            "inputs": lambda: self.inputs,
            "needs": lambda: {name: {"result": result} for name, result in self.needs.items()},
            "steps": lambda: self.steps,
            "runner": lambda: {"os": "Linux"},
        }
        if first not in tables:
            return Unknown(".".join(path))
        return _walk(tables[first](), rest, ".".join(path), strict=first in ("env", "matrix"))

    @property
    def functions(self) -> dict[str, Callable[..., Any]]:
        """The functions whose value depends on the run."""
        return {
            "always": lambda: True,
            "success": lambda: not self.failed,
            "failure": lambda: self.failed,
            "cancelled": lambda: False,
            "hashFiles": self._hashed,
        }

    def _hashed(self, *patterns: str) -> Any:
        if self.files is None:
            return Unknown(f"hashFiles({', '.join(patterns)})")
        return "digest" if any(self.files(pattern) for pattern in patterns) else ""

    def _github(self) -> dict[str, Any]:
        event = self.event
        pull = event.name == "pull_request"
        full = _FORK if event.fork else self.slug
        head = {
            "ref": "a-branch",
            "repo": {"fork": event.fork, "full_name": full, "owner": {"login": full.split("/")[0]}},
        }
        return {
            "event_name": event.name,
            "ref": "refs/pull/1/merge" if pull else f"refs/heads/{event.branch}",
            "ref_name": "1/merge" if pull else event.branch,
            "ref_type": "branch",
            "base_ref": event.branch if pull else "",
            "repository": self.slug,
            "repository_owner": self.slug.split("/")[0],
            "actor": "a-developer",
            "triggering_actor": "a-developer",
            "workspace": Unknown("github.workspace"),
            "event": {
                "repository": {"default_branch": self.default_branch, "fork": False, "full_name": self.slug},
                "deleted": False,
                "created": False,
                "action": "synchronize" if pull else None,
                **(
                    {
                        "pull_request": {
                            "draft": False,
                            "merged": False,
                            "state": "open",
                            "base": {"ref": event.branch, "repo": {"full_name": self.slug}},
                            "head": head,
                        }
                    }
                    if pull
                    else {"ref": f"refs/heads/{event.branch}", "pull_request": None}
                ),
            },
        }


def _walk(value: Any, path: list[str], name: str, *, strict: bool) -> Any:
    for step in path:
        if isinstance(value, Unknown):
            return value
        if value is None:
            return None
        if not isinstance(value, dict):
            return Unknown(name)
        found = {key.lower(): item for key, item in value.items()}
        if step.lower() not in found:
            return None if strict else Unknown(name)
        value = found[step.lower()]
    return value


def asks_status(text: Any) -> bool:
    """Whether a condition speaks of the status itself; otherwise `success() &&` stands before it."""
    return isinstance(text, str) and any(f"{name}(" in text.replace(" ", "") for name in _STATUS)
