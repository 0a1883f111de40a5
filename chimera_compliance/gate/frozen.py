"""The frozen list of requirements: a check that vanishes from the suite is noticed, in its tests and in every run.

Ids are never given to another sentence, so the list holds each id with its test and a digest of its sentence.
"""

import hashlib
from pathlib import Path

from chimera_compliance.checklist import Checklist, Requirement
from chimera_compliance.errors import ConfigurationError
from chimera_compliance.home import HOME

LOCK = HOME / "config" / "requirements.lock"
COMMAND = "chimera-compliance lock"
_HEADER = (
    f"# What the suite verifies, frozen: made by `{COMMAND}`. A line that goes missing is a check that was dropped.\n"
)


def frozen_list(checklist: Checklist) -> str:
    """The text of the list, a paragraph a control, so that additions to different controls merge."""
    return _HEADER + "".join(
        f"\n[{control.id}]\n" + "".join(f"{_line(item)}\n" for item in control.requirements)
        for control in checklist.controls
    )


def _line(item: Requirement) -> str:
    sentence = hashlib.sha256(" ".join(item.sentence.split()).encode()).hexdigest()[:12]
    return f"{item.id} {item.test} {sentence}"


def dropped(checklist: Checklist, path: Path | None = None) -> dict[str, str]:
    """Requirements of the list that the checklist no longer has, by id, with what is known of each.

    Raises:
        ConfigurationError: the list cannot be read.
    """
    path = path or LOCK
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read {path}: the suite is not whole: {error}") from None
    entries = [line.split() for line in lines if line.strip() and line[0] not in "#["]
    return {entry[0]: entry[1] if len(entry) > 1 else "" for entry in entries if entry[0] not in checklist.ids}
