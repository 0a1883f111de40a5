"""Finds where in a large text a rule may apply: the one place where every byte of a repository is looked at.

Each rule has a *trigger*, an expression without look-around that occurs wherever the rule can match. Hyperscan
looks for all triggers at once, at about a gigabyte a second; what it points at is then judged by the rules
themselves. Where there is no wheel of it, the standard library does the same at a hundredth of the speed.
"""

import contextlib
import hashlib
import os
import platform
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

try:
    import hyperscan
except ImportError:  # pragma: no cover - no wheel for this platform
    hyperscan = None

_UNUSABLE = (re.error, OverflowError, hyperscan.error) if hyperscan else (re.error, OverflowError)
Hit = tuple[int, int]
"""Which trigger, and the offset at which its match ends."""


@dataclass(frozen=True)
class Trigger:
    """An expression to look for; `fixed` is a plain string of bytes."""

    expression: bytes
    ignores_case: bool = False
    fixed: bool = False
    lenient: bool = False
    """May match more than it says, if that is what it takes to compile it."""


class Engine(Protocol):
    """Looks for all triggers in one go."""

    name: str

    def hits(self, text) -> list[Hit]:
        """Where triggers match in any buffer of bytes."""


def engine(triggers: Sequence[Trigger], *, portable: bool = False, store: Path | None = None) -> Engine:
    """The fastest engine there is; a folder keeps what it took long to compile, for the next run."""
    if hyperscan is None or portable or not triggers:
        return Portable(triggers)
    return Fast(triggers, store)


def usable(trigger: Trigger) -> bool:
    """Whether the engine can look for it."""
    try:
        engine([trigger])
    except _UNUSABLE:
        return False
    return True


class Fast:
    """Hyperscan in block mode."""

    name = "hyperscan"

    def __init__(self, triggers: Sequence[Trigger], store: Path | None = None) -> None:
        kept = store and store / f"triggers-{_digest(triggers)}.hs"
        self._database = _loaded(kept) or _compiled(triggers)
        if kept and not kept.exists():
            _keep(kept, hyperscan.dumpb(self._database))
        self._scratch = hyperscan.Scratch(self._database)
        self._database.scratch = self._scratch

    def hits(self, text) -> list[Hit]:
        found: list[Hit] = []

        def keep(number: int, _start: int, end: int, _flags: int, _context: object) -> None:
            found.append((number, end))

        if len(text):
            self._database.scan(text, match_event_handler=keep)
        return found


def _compiled(triggers: Sequence[Trigger]):
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[_spelt(one) for one in triggers],
        ids=list(range(len(triggers))),
        elements=len(triggers),
        flags=[_flags(one) for one in triggers],
    )
    return database


def _spelt(trigger: Trigger) -> bytes:
    """A plain string byte by byte: an expression ends at a zero byte, and UTF-16 is full of them."""
    return b"".join(b"\\x%02x" % byte for byte in trigger.expression) if trigger.fixed else trigger.expression


def _digest(triggers: Sequence[Trigger]) -> str:
    """Of the expressions, the engine and the machine; triggers that are secret are never kept."""
    version = (getattr(hyperscan, "__version__", ""), platform.machine(), sys.version_info[:2])
    return hashlib.sha256(repr((version, list(triggers))).encode()).hexdigest()[:24]


def _loaded(file: Path | None):
    try:
        return hyperscan.loadb(file.read_bytes(), hyperscan.HS_MODE_BLOCK) if file else None
    except (OSError, hyperscan.error):
        return None


def _keep(file: Path, data: bytes) -> None:
    """Whole or not at all, and for nobody else to change."""
    with contextlib.suppress(OSError):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = file.with_suffix(f".{os.getpid()}")
        fresh.write_bytes(data)
        fresh.chmod(0o600)
        fresh.replace(file)


def _flags(trigger: Trigger) -> int:
    flags = hyperscan.HS_FLAG_CASELESS if trigger.ignores_case else 0
    return flags | (hyperscan.HS_FLAG_PREFILTER if trigger.lenient else 0)


class Portable:
    """The standard library: right, and slow. Lines that were seen before are not looked at again."""

    name = "re"

    def __init__(self, triggers: Iterable[Trigger]) -> None:
        self._patterns = [
            re.compile(
                re.escape(one.expression) if one.fixed else one.expression, re.IGNORECASE if one.ignores_case else 0
            )
            for one in triggers
        ]

    def hits(self, text) -> list[Hit]:
        return [
            (number, found.end()) for number, pattern in enumerate(self._patterns) for found in pattern.finditer(text)
        ]
