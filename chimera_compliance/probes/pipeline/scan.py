"""One run of a scanner, as the pipeline's files spell it out."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from chimera_compliance.probes.pipeline.words import UNKNOWN

_SCANNING = re.compile(r"secret|scan|leak|secur|sast|\.github/workflows/|^(?:tox|nox|pre-commit)\b", re.IGNORECASE)
# Scanners of other things, or other scanners: none of them runs gitleaks or Bandit.
_OTHERS = re.compile(
    r"trivy|trufflehog|codeql|sonar|snyk|anchore|semgrep|checkov|scorecard|ggshield|kics|osv|depend|vulncheck|zap|grype"
    r"|clamav|checkmarx|scout|harden",
    re.IGNORECASE,
)
TOOLS = ("gitleaks", "bandit")


@dataclass(frozen=True)
class Selection:
    """Files that a hook hands to its program: those of the tree that the patterns let through."""

    takes: Callable[[str], bool] = field(compare=False, hash=False)
    note: str = ""


@dataclass(frozen=True)
class Scan:
    """A scanner's command and where it stands."""

    tool: str
    argv: tuple[str, ...]
    file: str
    line: int
    cwd: str = "."
    via: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    selection: Selection | None = None
    action: str = ""
    """The action that runs it, where no command does."""
    depth: int | None = None
    """How many commits the checkout before it fetched; 0 for all, None where nothing was checked out."""
    workflow: str = ""
    job: str = ""
    check: str = ""
    """The name under which GitHub reports the job."""

    @property
    def subject(self) -> str:
        """How a finding names it."""
        return f"{self.file}:{self.line} {self.tool}"

    @property
    def command(self) -> str:
        """The command as a reader would write it."""
        return " ".join("…" if UNKNOWN in word else word for word in self.argv) if self.argv else self.action

    @property
    def key(self) -> tuple:
        """What makes it the same run in another job or matrix cell."""
        return self.tool, self.argv, self.file, self.line, self.action

    @property
    def known(self) -> bool:
        """Whether every word of it is known."""
        return not any(UNKNOWN in word for word in (*self.argv, self.cwd))


@dataclass(frozen=True)
class Unseen:
    """Something that runs in the pipeline and cannot be followed."""

    what: str
    why: str
    file: str
    line: int
    hints: tuple[str, ...] = ()
    """The scanners that its text speaks of."""

    @property
    def subject(self) -> str:
        """How a report names it."""
        return f"{self.file}:{self.line} {self.what}"

    def may_be(self, tool: str) -> bool:
        """Whether a scanner may well be behind it: its text speaks of one, or its name of scanning."""
        if self.hints:
            return tool in self.hints
        return bool(_SCANNING.search(self.what)) and not _OTHERS.search(self.what)
