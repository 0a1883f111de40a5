"""Results of an earlier run, read with suspicion: they may be of another version or target, cut off, or no results."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from chimera_compliance.results import SCHEMA_VERSION, PreviousRun, Results

_LARGEST = 512 * 1024 * 1024


class Unusable(Exception):
    """This file cannot be compared with, and why."""


@dataclass(frozen=True)
class Past:
    """An earlier run; `results` is None where `about.reason` says why it cannot be compared with."""

    about: PreviousRun
    results: Results | None = None


def read_results(path: Path) -> tuple[Results, str]:
    """The results in a file, and its SHA-256.

    Raises:
        Unusable: it cannot be read, is no results.json, or is one of another version.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise Unusable(f"{path.name} is larger than {_LARGEST >> 20} MiB")
        content = path.read_bytes()
    except OSError as error:
        raise Unusable(f"cannot read {path.name}: {error.strerror}") from None
    return _parsed(path.name, content), hashlib.sha256(content).hexdigest()


def _parsed(name: str, content: bytes) -> Results:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise Unusable(f"{name} is not valid JSON: it may be cut off") from None
    version = document.get("schema_version") if isinstance(document, dict) else None
    if version is None:
        raise Unusable(f"{name} is no results.json: it tells no schema version")
    if version != SCHEMA_VERSION:
        raise Unusable(f"{name} is of schema version {str(version)[:20]}, this suite writes {SCHEMA_VERSION}")
    try:
        return Results.model_validate(document)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"]))
        raise Unusable(f"{name} is not as its schema version says: {place}: {problem['msg']}") from None


def load_previous(path: Path, target: str) -> Past:
    """The run before; whatever is wrong with it is told in `about`, never raised."""
    try:
        results, digest = read_results(path)
    except Unusable as error:
        return Past(PreviousRun(compared=False, reason=str(error)))
    run = results.run
    about = PreviousRun(
        run=run.id,
        started=run.started,
        results_digest=digest,
        target=run.target,
        target_digest=run.target_digest,
        suite_version=run.suite_version,
    )
    if run.target != target:
        reason = f"{path.name} is of another target: {run.target}"
        return Past(about.model_copy(update={"compared": False, "reason": reason}))
    return Past(about, results)
