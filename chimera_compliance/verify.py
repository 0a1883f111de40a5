"""Runs the checks in this process, shielded from whatever pytest configuration lies around."""

import glob
import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from chimera_compliance.errors import EXIT_INCOMPLETE
from chimera_compliance.home import CHECKS, HOME

_SHIELD = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")


def pytest_arguments(*extra: str, controls: str | None = None) -> list[str]:
    """The arguments that make pytest run the suite's own checks, or those of some controls, as the suite is set up."""
    wanted = [name.strip().lower() for name in (controls or "").split(",")]
    files = [str(file) for name in wanted if name for file in CHECKS.glob(f"test_{glob.escape(name)}_*.py")]
    return [
        f"--rootdir={HOME}",
        f"--config-file={HOME / 'pyproject.toml'}",
        "-pno:cacheprovider",
        "-pno:terminal",
        "-pno:faulthandler",
        "-pno:unraisableexception",  # it collects garbage five times over before it lets anybody go
        *extra,
        *(files or [str(CHECKS)]),
    ]


def run_pytest(arguments: Iterable[str], plugins: Iterable[object] = ()) -> int:
    """Run pytest without the caller's own pytest settings and plugins; its exit code."""
    for name in _SHIELD:
        os.environ.pop(name, None)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    return int(pytest.main(list(arguments), plugins=list(plugins)))


def verify(
    target: Path | None,
    *,
    controls: str | None = None,
    out: Path | None = None,
    waivers: Path | None = None,
    previous: Path | None = None,
    baseline: Path | None = None,
    fail_on: str | None = None,
    evidence: bool = False,
    evidence_key: Path | None = None,
    evidence_previous: Path | None = None,
    jobs: int = 1,
    plugins: Iterable[object] = (),
) -> int:
    """Verify a target, or the embedded reference stack if there is none, and leave the reports in `out`.

    Returns:
        The documented exit code of the run.
    """
    files = {"--target": target, "--out": out, "--waivers": waivers, "--previous": previous, "--baseline": baseline}
    files |= {"--evidence-key": evidence_key, "--evidence-previous": evidence_previous}
    options = {name: file and file.absolute() for name, file in files.items()}
    options |= {"--controls": controls, "--fail-on": fail_on}
    given = [f"{name}={value}" for name, value in options.items() if value is not None]
    given += ["--evidence"] if evidence else []
    parallel = ["-pxdist", f"-n{jobs}"] if jobs > 1 else []
    finished = _Finished()
    code = run_pytest(pytest_arguments(*given, *parallel, controls=controls), [*plugins, finished])
    return code if code != pytest.ExitCode.INTERNAL_ERROR or finished.results else EXIT_INCOMPLETE


class _Finished:
    """Knows whether there are results: pytest ends with 3 as well when it breaks, and here 3 is an expired waiver."""

    results = False

    def pytest_unconfigure(self, config: pytest.Config) -> None:
        recorder = config.pluginmanager.get_plugin("compliance-recorder")
        self.results = recorder is not None and recorder.gathering is not None and bool(recorder.gathering.results)
