"""Bundles in a row: each names the one before by digest, so that none can be changed, dropped or put in later."""

from datetime import datetime, timedelta
from pathlib import Path

from chimera_compliance.errors import ConfigurationError
from chimera_compliance.evidence.archive import BadArchive
from chimera_compliance.evidence.manifest import Link, Schedule
from chimera_compliance.evidence.opened import NotABundle, Opened

_MOST_MISSED = 1_000


def bundles(folder: Path) -> list[Path]:
    """The bundles in a folder or one below it."""
    return sorted({*folder.glob("*.zip"), *folder.glob("*/evidence.zip")})


def previous_bundle(path: Path, target: str) -> Opened | None:
    """The bundle that a new one follows: the file itself, or the last of a folder; none of an empty folder.

    Raises:
        ConfigurationError: it cannot be read, or is of another target.
    """
    if path.is_dir():
        found = [opened for file in bundles(path) if (opened := _open(file)).manifest.target == target]
        return max(found, key=lambda opened: opened.manifest.sequence, default=None)
    opened = _open(path)
    if opened.manifest.target != target:
        raise ConfigurationError(f"{path} is of another target: {opened.manifest.target}")
    return opened


def _open(path: Path) -> Opened:
    try:
        return Opened.read(path)
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from None
    except (BadArchive, NotABundle) as error:
        raise ConfigurationError(f"{path} is not a bundle to follow: {error}") from None


def link_to(bundle: Opened) -> Link:
    """What the next bundle says of this one."""
    manifest = bundle.manifest
    return Link(
        sha256=bundle.digest,
        sequence=manifest.sequence,
        run=manifest.run,
        started=manifest.started,
        signed_by=bundle.signer,
    )


def schedule(every_hours: float | None, tolerance_hours: float, before: str | None, now: str) -> Schedule:
    """The times between two runs at which one was due, and none came within the tolerance."""
    if every_hours is None or before is None:
        return Schedule(every_hours=every_hours, tolerance_hours=tolerance_hours)
    every, due = timedelta(hours=every_hours), datetime.fromisoformat(before)
    last = datetime.fromisoformat(now) - timedelta(hours=tolerance_hours)
    missed = []
    while (due := due + every) <= last and len(missed) < _MOST_MISSED:
        missed.append(due.isoformat())
    return Schedule(every_hours=every_hours, tolerance_hours=tolerance_hours, missed=missed)
