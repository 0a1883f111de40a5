"""A line a control while a run goes on: what is being verified, for how long, with how many requests."""

import time
from collections import Counter
from typing import TextIO

import pytest

from chimera_compliance.outcomes import Outcome, worst
from chimera_compliance.recorder import REQUIREMENT, Recorder


class Progress:
    """A pytest plugin that writes to `stream`; `live` rewrites a status line in place, for terminals."""

    def __init__(self, stream: TextIO, *, live: bool) -> None:
        self.stream = stream
        self.live = live
        self.left: Counter[str] = Counter()
        self.shown: dict[str, dict] = {}
        self.recorder: Recorder | None = None

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.recorder = session.config.pluginmanager.get_plugin("compliance-recorder")
        self.left.update(item.stash[REQUIREMENT].id[:3] for item in session.items if REQUIREMENT in item.stash)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        if self.live and self.recorder is not None:
            name = nodeid.rpartition("::")[2].partition("[")[0].removeprefix("test_").replace("_", " ")
            self.stream.write(f"\r\x1b[K  … {name[:70]}")
            self.stream.flush()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if (case := getattr(report, "compliance", None)) is None:
            return
        control = case["requirement"][:3]
        tally = self.shown.setdefault(
            control, {"outcomes": [], "findings": 0, "requests": 0, "started": time.monotonic() - case["seconds"]}
        )
        tally["outcomes"].append(Outcome(case["outcome"]))
        tally["findings"] += len(case["problems"])
        tally["requests"] += case["requests"]
        if report.when != "teardown":
            self.left[control] -= 1
            if self.left[control] == 0:
                self._line(control, tally)

    def pytest_unconfigure(self) -> None:
        """The recorder has finished by now: the summary, with the path of the report."""
        from chimera_compliance.report import terminal

        if self.recorder is not None:
            self.stream.write("\r\x1b[K\n" if self.live else "\n")
            colour = terminal.wants_colour(self.stream)
            self.recorder.gathering.summarize(lambda line: self.stream.write(f"{line}\n"), colour=colour)
            self.stream.flush()

    def _line(self, control: str, tally: dict) -> None:
        title = next(item.title for item in self.recorder.checklist.controls if item.id == control)
        outcome = worst(tally["outcomes"]).value.replace("_", " ")
        findings = f"{tally['findings']} findings" if tally["findings"] else ""
        seconds = time.monotonic() - tally["started"]
        start = "\r\x1b[K" if self.live else ""
        traffic = f"{seconds:5.1f} s  {tally['requests']:>6} requests"
        self.stream.write(f"{start}{control}  {title[:52]:<52}  {outcome:<14} {findings:<14} {traffic}\n")
        self.stream.flush()
