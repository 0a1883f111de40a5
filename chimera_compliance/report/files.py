"""Writes a report whole or not at all, so that nobody reads half of one."""

import os
from pathlib import Path


def write_atomically(path: Path, text: str) -> Path:
    """Put `text` where `path` says, replacing what is there in one step; returns the path.

    Raises:
        OSError: the folder cannot be written or the disk is full; an earlier file is left as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with unfinished.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path
