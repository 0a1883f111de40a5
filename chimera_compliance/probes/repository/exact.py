"""Looks for the real secrets of a deployment, byte for byte and in every spelling, also where they were cut over lines.

The values stay in memory. A value that was cut in two leaves one half intact, so halves are looked for as well; what
is around a half is then read without quotes, joints and line ends, and must hold the whole.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from chimera_compliance.probes.repository.engine import Trigger, engine
from chimera_compliance.probes.secrets.needles import Needle

_SHORTEST_PART = 8
_CUT = ("raw", "base64", "hex")
_JOINTS = re.compile(rb"""\\[nrt]|[\s"'`\\+,;.&()\[\]{}#*/|>-]+""")


@dataclass(frozen=True)
class Found:
    """A real secret in some octets; never the secret itself."""

    secret: str
    form: str
    offset: int


class Exact:
    """All spellings of all real secrets, looked for in one go."""

    def __init__(self, needles: Iterable[Needle], *, portable: bool = False) -> None:
        self._sought: list[tuple[Needle, bool]] = []
        parts: list[bytes] = []
        for needle in needles:
            for part, whole in _parts(needle):
                self._sought.append((needle, whole))
                parts.append(part)
        self.engine = engine([Trigger(part, fixed=True) for part in parts], portable=portable) if parts else None

    def __bool__(self) -> bool:
        return self.engine is not None

    def hits(self, buffer) -> list[tuple[int, int]]:
        """Where something may be."""
        return self.engine.hits(buffer) if self.engine else []

    def confirmed(self, content: bytes, hits: Iterable[tuple[int, int]]) -> Iterator[Found]:
        """What is there, once for each secret."""
        told: set[str] = set()
        for number, at in sorted(hits, key=lambda hit: not self._sought[hit[0]][1]):
            needle, whole = self._sought[number]
            if needle.secret not in told and (whole or _is_cut(needle.octets, content, at)):
                told.add(needle.secret)
                form = needle.form if whole else f"{needle.form}, cut over lines"
                yield Found(needle.secret, form, max(0, at - len(needle.octets)) if whole else max(0, at - 4))

    def look(self, content: bytes) -> list[Found]:
        """What is in some octets."""
        return list(self.confirmed(content, self.hits(content)))


def _parts(needle: Needle) -> Iterator[tuple[bytes, bool]]:
    octets = needle.octets
    yield octets, True
    if needle.form in _CUT and len(octets) >= 2 * _SHORTEST_PART:
        pieces = 2 if len(octets) < 48 else 4
        step = len(octets) // pieces
        for number in range(pieces):
            part = octets[number * step : (number + 1) * step if number < pieces - 1 else None]
            if len(set(part)) >= 5:
                yield part, False


def _is_cut(octets: bytes, content: bytes, at: int) -> bool:
    around = content[max(0, at - 3 * len(octets) - 400) : at + 3 * len(octets) + 400]
    return _JOINTS.sub(b"", octets) in _JOINTS.sub(b"", around)
