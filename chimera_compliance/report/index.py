"""index.html over a folder of runs: history, and the trend per control; without script, for it only has to be read."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from markupsafe import Markup

from chimera_compliance.history import Summary, runs
from chimera_compliance.home import TEMPLATES
from chimera_compliance.outcomes import Severity
from chimera_compliance.report import html
from chimera_compliance.report.files import write_atomically
from chimera_compliance.report.headline import number, tally
from chimera_compliance.report.page import environment, policy

FILE = "index.html"
_TREND = 40
_MOST_RUNS = 500


@dataclass(frozen=True)
class TargetHistory:
    """The runs of one target, the latest first."""

    name: str
    runs: list[Summary]

    @property
    def shown(self) -> list[Summary]:
        """Those of the trend, the latest last."""
        return self.runs[:_TREND][::-1]

    @property
    def controls(self) -> dict[str, str]:
        """Id and title of every control that any of them knows."""
        return dict(sorted({name: title for run in self.shown for name, title in run.titles.items()}.items()))

    @property
    def most(self) -> int:
        """The most findings that a run of the trend has."""
        return max(sum(run.findings.values()) for run in self.shown)


def write_index(root: Path) -> Path:
    """Write the page over the runs of a folder; its path.

    Raises:
        OSError: the folder cannot be written.
    """
    return write_atomically(root / FILE, render(root))


def render(root: Path) -> str:
    """The page."""
    found = runs(root)
    style = "".join((TEMPLATES / name).read_text(encoding="utf-8") for name in ("report.css", "index.css"))
    template = environment(column=column, link=link, number=number, tally=tally).get_template("index.html.j2")
    return template.render(
        total=len(found),
        targets=_targets(run for run in found if not run.problem),
        unreadable=[run for run in found if run.problem],
        most_runs=_MOST_RUNS,
        style=Markup(style),  # nosec B704  # a file of ours
        policy=policy(style),
    )


def _targets(found: Iterable[Summary]) -> list[TargetHistory]:
    by_name: dict[str, list[Summary]] = {}
    for run in found:
        by_name.setdefault(run.target, []).append(run)
    return [TargetHistory(name, listed) for name, listed in by_name.items()]


def link(run: Summary) -> str:
    """Where the report of a run lies, seen from the page; a folder's name may hold anything."""
    return f"./{quote(run.folder)}/{html.FILE}"


def column(run: Summary, most: int, height: int) -> Iterable[tuple[Severity, float, float]]:
    """Severity, top and height of each part of a column, the gravest at its foot."""
    top = float(height)
    for severity in Severity:
        part = run.findings.get(severity, 0) * height / max(most, 1)
        if part:
            top -= part
            yield severity, round(top, 2), round(part, 2)
