"""When each control was verified during the run, and for how long."""

import math
from dataclasses import dataclass
from datetime import datetime

from chimera_compliance.outcomes import Outcome
from chimera_compliance.results import ControlResult, RequirementResult, Results

WIDTH = 1000
_NARROWEST = 2.5
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)


@dataclass(frozen=True)
class Span:
    """A requirement: its left edge and width in a picture that is 1000 wide."""

    id: str
    outcome: Outcome
    left: float
    width: float
    seconds: float


@dataclass(frozen=True)
class Line:
    """A control and its spans; `begun` in seconds from the start of the run."""

    control: ControlResult
    spans: list[Span]
    begun: float

    @property
    def observations(self) -> int:
        """How many were made for it."""
        return sum(item.observations for item in self.control.requirements)


@dataclass(frozen=True)
class Timeline:
    """`ticks` are the seconds at which a line is drawn."""

    seconds: float
    ticks: list[int]
    lines: list[Line]

    def place(self, second: float) -> float:
        """Where a second lies in the picture."""
        return round(second / self.seconds * WIDTH, 1)


def timeline(results: Results) -> Timeline | None:
    """None where no requirement was run, or none says when."""
    start = _moment(results.run.started)
    items = [item for control in results.controls for item in control.requirements if _moment(item.started)]
    if start is None or not items:
        return None
    ends = [_after(start, item.started) + item.seconds for item in items]
    seconds = max(results.run.seconds, *ends, 0.1)
    step = next((each for each in _STEPS if seconds / each <= 8), math.ceil(seconds / 8))
    picture = Timeline(seconds, list(range(0, int(seconds) + 1, step)), [])
    picture.lines.extend(line for control in results.controls if (line := _line(picture, control, start)))
    return picture


def _line(picture: Timeline, control: ControlResult, start: datetime) -> Line | None:
    run = [item for item in control.requirements if _moment(item.started)]
    if not run:
        return None
    spans = [_span(picture, item, _after(start, item.started)) for item in run]
    return Line(control, spans, min(_after(start, item.started) for item in run))


def _span(picture: Timeline, item: RequirementResult, begun: float) -> Span:
    width = max(picture.place(item.seconds), _NARROWEST)
    return Span(item.id, item.outcome, min(picture.place(begun), WIDTH - width), width, item.seconds)


def _after(start: datetime, moment: str) -> float:
    return max(0.0, (_moment(moment) - start).total_seconds())


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None
