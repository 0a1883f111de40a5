"""Runs the checks in this process, shielded from whatever pytest configuration lies around."""

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from chimera_compliance.home import CHECKS, HOME

_SHIELD = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")


def pytest_arguments(*extra: str) -> list[str]:
    """The arguments that make pytest run the suite's own checks with the suite's own configuration."""
    return [
        f"--rootdir={HOME}",
        f"--config-file={HOME / 'pyproject.toml'}",
        "-pno:cacheprovider",
        "-pno:terminal",
        "-pno:faulthandler",
        *extra,
        str(CHECKS),
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
    jobs: int = 1,
    plugins: Iterable[object] = (),
) -> int:
    """Verify a target, or the embedded reference stack if there is none, and leave the reports in `out`.

    Returns:
        The documented exit code of the run.
    """
    options = {"--target": target and target.absolute(), "--controls": controls, "--out": out and out.absolute()}
    given = [f"{name}={value}" for name, value in options.items() if value is not None]
    parallel = ["-pxdist", f"-n{jobs}"] if jobs > 1 else []
    return run_pytest(pytest_arguments(*given, *parallel), plugins)
