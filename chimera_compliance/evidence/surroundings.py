"""What a run was made with and where, as far as a reader needs it to judge the run: kept beside its results.

Nobody is named whom the target file or the CI server does not name, and no host either.
"""

import ctypes
import json
import os
import platform
import re
import ssl
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Any

from chimera_compliance.target.evidence import EvidenceSettings

FILE = "environment.json"
_UNSYNCHRONISED = 0x40
_CI = {
    "GITHUB_ACTOR": "GITHUB_RUN_ID",
    "GITLAB_USER_LOGIN": "CI_PIPELINE_ID",
    "BUILDKITE_BUILD_CREATOR": "BUILDKITE_BUILD_ID",
}


def describe(run: str, settings: EvidenceSettings, redactions: Mapping[str, int]) -> str:
    """environment.json of a run that has just ended."""
    facts = {
        "run": run,
        "recorded": datetime.now(UTC).isoformat(timespec="seconds"),
        "operator": operator(settings),
        "host": {
            "name": settings.host or "not told",
            "system": platform.system(),
            "release": platform.release(),
            "machine": platform.machine(),
        },
        "clock": clock(),
        "tools": tools(),
        "redactions": dict(sorted(redactions.items())),
        "seeds": {"C04.46": _seed()},
    }
    return json.dumps(facts, indent=2) + "\n"


def operator(settings: EvidenceSettings) -> dict[str, str]:
    """Who ran it: as the target file says, or the CI server; nobody else is asked."""
    if settings.operator:
        return {"name": settings.operator, "told_by": "the target file"}
    for who, which in _CI.items():
        if name := os.environ.get(who):
            return {"name": name, "told_by": f"{who}, run {os.environ.get(which, 'unknown')}"}
    return {"name": "not told", "told_by": "nobody"}


class _Timex(ctypes.Structure):
    """`struct timex` of adjtimex(2), to the fields that are read here."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


def clock() -> dict[str, Any]:
    """What the kernel says of the clock: whether anything keeps it right, and by how much it may be wrong."""
    state = _Timex(modes=0)
    try:
        known = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(state)) >= 0
    except (AttributeError, OSError):
        known = False
    if not known:
        return {"source": "the system's clock; the kernel tells nothing of it", "synchronised": None}
    return {
        "source": "the system's clock (adjtimex)",
        "synchronised": not state.status & _UNSYNCHRONISED,
        "estimated_error_seconds": state.esterror / 1e6,
        "maximum_error_seconds": state.maxerror / 1e6,
    }


def tools() -> dict[str, str]:
    """Versions of what did the work."""
    found = {"python": platform.python_version(), "openssl": ssl.OPENSSL_VERSION, "git": _git()}
    return found | {name: known for name in _dependencies() if (known := _version(name))}


def _dependencies() -> list[str]:
    try:
        return sorted(
            {
                re.split(r"[^A-Za-z0-9_.-]", line)[0]
                for line in requires("chimera-compliance") or []
                if "extra ==" not in line
            }
        )
    except PackageNotFoundError:
        return []


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _git() -> str:
    try:
        return subprocess.run(
            ["git", "--version"], capture_output=True, text=True, timeout=5, check=True
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "none"


def _seed() -> int:
    from chimera_compliance.probes.ownership.interleaving import Hammer

    return Hammer.seed
