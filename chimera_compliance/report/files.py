"""Writes reports whole or not at all, so that nobody reads half of one, nor those of two runs side by side."""

import os
from collections.abc import Mapping
from pathlib import Path


def write_atomically(path: Path, text: str | bytes) -> Path:
    """Put `text` where `path` says, replacing what is there in one step; returns the path.

    Raises:
        OSError: the folder cannot be written or the disk is full; an earlier file is left as it was.
    """
    return write_together(path.parent, {path.name: text})[0]


def write_together(folder: Path, texts: Mapping[str, str | bytes]) -> list[Path]:
    """Put all the texts into a folder by their names: all of them lie there complete before the first replaces another.

    Raises:
        OSError: the folder cannot be written or the disk is full; earlier files are left as they were.
    """
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = {folder / name: folder / f".{name}.{os.getpid()}" for name in texts}
    try:
        for path, staged in unfinished.items():
            _write(staged, texts[path.name])
        for path, staged in unfinished.items():
            staged.replace(path)
    finally:
        for staged in unfinished.values():
            staged.unlink(missing_ok=True)
    return list(unfinished)


def _write(path: Path, text: str | bytes) -> None:
    with path.open("wb") as file:
        file.write(text.encode() if isinstance(text, str) else text)
        file.flush()
        os.fsync(file.fileno())
