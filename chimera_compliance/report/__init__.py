"""Tells people and machines what a run has shown; one module a format, all derived from the same results.

A format is a module with the name of its `FILE` and a `render(results)` that returns the file's text.
"""

from collections.abc import Mapping
from pathlib import Path

from chimera_compliance.report import csv, hdf, html, json, junit, markdown, oscal, pull_request, sarif
from chimera_compliance.report.files import write_together
from chimera_compliance.results import Results

FORMATS = (json, junit, html, sarif, markdown, pull_request, oscal, hdf, csv)


class NotMade(Exception):
    """A format could not be made of these results: a fault of ours, which must cost nobody the other formats."""


def write_all(results: Results, out: Path, beside: Mapping[str, str] | None = None) -> list[Path]:
    """Write every format into the folder `out`, results.json first, and other files of the run beside them.

    Raises:
        OSError: the folder cannot be written or the disk is full; what stood there before is untouched.
        NotMade: a format is missing; all others are written.
    """
    texts, missing = {}, {}
    for each in FORMATS:
        try:
            texts[each.FILE] = each.render(results)
        except Exception as error:
            missing[each.FILE] = f"{each.FILE}: {type(error).__name__}: {error}"
    for name in missing:
        (out / name).unlink(missing_ok=True)  # that of an earlier run must not be taken for this one's
    written = write_together(out, {**texts, **(beside or {})})
    if missing:
        raise NotMade("; ".join(missing.values()))
    return written
