"""From hits of the engine to candidates: cuts out the surroundings of each hit and asks its detector.

Most blobs of a history are versions of the same few files, so most hits have been judged before: what a text
around a hit has shown is remembered by that text.
"""

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from chimera_compliance.probes.repository.candidates import Candidate, Sighting
from chimera_compliance.probes.repository.detectors import ByRule, Detector
from chimera_compliance.probes.repository.engine import Engine, Hit, engine
from chimera_compliance.probes.repository.exact import Exact
from chimera_compliance.probes.repository.gitleaks import OwnRule
from chimera_compliance.probes.repository.unpacking import Part, unpacked

LIVE = "live-secret"
_WIDEST_LINE = 600
_LONGEST_REST = 1200
_REMEMBERED = 200_000
_NAME_BYTES = re.compile(rb"\d{5,6} ([^\0]{1,4096})\0")


class Inspector:
    """Looks at texts with a set of detectors."""

    def __init__(
        self,
        detectors: Sequence[Detector],
        exact: Exact | None = None,
        *,
        portable: bool = False,
        store: Path | None = None,
    ) -> None:
        self.detectors = list(detectors)
        self.exact = exact or Exact(())
        self._owner = [number for number, one in enumerate(self.detectors) for _ in one.triggers]
        triggers = [trigger for one in self.detectors for trigger in one.triggers]
        self.engine: Engine = engine(triggers, portable=portable, store=store)
        self._memory: dict[tuple[int, bytes], tuple[Candidate, ...]] = {}
        self._reach = [one.reach for one in self.detectors]
        self._own = {one.id: one for one in self.detectors if isinstance(one, OwnRule)}
        self._marked = {n for n, one in enumerate(self.detectors) if isinstance(one, ByRule) and one.rule.strict}

    def look(self, text: bytes) -> list[tuple[Candidate, int]]:
        """The candidates of one text, each with the number of its line."""
        return self._judged(text, self.engine.hits(text)) + self._live(text, self.exact.hits(text))

    def file(self, content: bytes, name: str) -> Iterator[Sighting]:
        """What is in a file of the work tree."""
        yield from self.of_object(content, self.engine.hits(content), name, b"blob")
        for candidate, line in self._live(content, self.exact.hits(content)):
            yield Sighting(candidate, line, name)
        yield from self.packed(content, name)

    def sightings(self, buffer, objects: Sequence[tuple[int, int, bytes, bytes]]) -> Iterator[Sighting]:
        """What is in the objects that lie in a buffer, each given as (begin, end, id, kind), in order."""
        last = objects[-1][1]
        view = memoryview(buffer)[:last]
        for (begin, end, object_id, kind), hits in _by_object(self.engine.hits(view), objects):
            yield from self.of_object(bytes(view[begin:end]), hits, object_id.decode(), kind)
        for (begin, end, object_id, kind), hits in _by_object(self.exact.hits(view), objects):
            for candidate, line in self._live(bytes(view[begin:end]), hits):
                yield Sighting(candidate, line, object_id.decode(), kind.decode())

    def of_object(self, content: bytes, hits: list[Hit], object_id: str, kind: bytes) -> Iterator[Sighting]:
        """What is in one object, given the hits in it."""
        if kind == b"tree":
            yield from self._names(content, object_id)
            return
        if kind == b"blob" and b"\0" in content[:8000]:  # binary: only what nothing else looks like
            hits = [hit for hit in hits if self._owner[hit[0]] in self._marked]
        for candidate, line in self._judged(content, hits):
            yield Sighting(candidate, line, object_id, kind.decode())

    def _live(self, content: bytes, hits: list[Hit]) -> list[tuple[Candidate, int]]:
        """Real secrets, by what they are called."""
        return [
            (
                Candidate(LIVE, found.form, "", "", "", found.offset, name=found.secret),
                content.count(b"\n", 0, found.offset) + 1,
            )
            for found in (self.exact.confirmed(content, hits) if hits else ())
        ]

    def packed(self, content: bytes, object_id: str, kind: str = "blob") -> Iterator[Sighting]:
        """What is in a content that must be unpacked or decoded before it can be read."""
        for part in unpacked(content):
            yield from self._of_part(part, object_id, kind)

    def _of_part(self, part: Part, object_id: str, kind: str) -> Iterator[Sighting]:
        for candidate, line in self.look(part.content):
            yield Sighting(candidate, line, object_id, kind, part.name)

    def _names(self, tree: bytes, object_id: str) -> Iterator[Sighting]:
        """Credentials in the names of files: marked ones only."""
        for found in _NAME_BYTES.finditer(tree):
            yield from self.name(found[1], object_id)

    def name(self, name: bytes, object_id: str = "") -> Iterator[Sighting]:
        """A credential in a path."""
        for number, _ in self.engine.hits(name):
            owner = self._owner[number]
            if owner in self._marked:
                for candidate in self._ask(owner, name):
                    yield Sighting(candidate, 0, object_id, "tree")

    def _judged(self, text: bytes, hits: Iterable[tuple[int, int]]) -> list[tuple[Candidate, int]]:
        found: list[tuple[Candidate, int]] = []
        done: set[tuple[int, int]] = set()
        owners, memory = self._owner, self._memory
        for number, at in hits:
            owner = owners[number]
            begin = text.rfind(b"\n", at - _WIDEST_LINE if at > _WIDEST_LINE else 0, at - 1) + 1
            if (owner, begin) in done and begin:
                continue
            done.add((owner, begin))
            begin, end = self._around(text, owner, begin, at)
            window = text[begin:end]
            known = memory.get((owner, window))
            for candidate in self._ask(owner, window) if known is None else known:
                line = text.count(b"\n", 0, min(begin + candidate.offset, len(text))) + 1
                found.append((candidate, line))
        return _distinct([one for one in found if self._applies(one[0], text)], self._own)

    def _applies(self, candidate: Candidate, text: bytes) -> bool:
        rule = self._own.get(candidate.rule)
        return rule is None or rule.applies(text)

    def _around(self, text: bytes, owner: int, begin: int, at: int) -> tuple[int, int]:
        """From the beginning of the hit's line to its end, and further both ways where the detector needs it."""
        near = max(0, at - _WIDEST_LINE)
        begin = max(begin, near)
        reach = self._reach[owner]
        for _ in range(3 if reach else 0):  # a hit of several lines began above
            begin = text.rfind(b"\n", near, max(begin - 1, near)) + 1 or near
        stop = text.find(b"\n", at, at + _LONGEST_REST)
        return begin, (stop if stop >= 0 else at + _LONGEST_REST) + reach

    def _ask(self, owner: int, window: bytes) -> tuple[Candidate, ...]:
        key = (owner, window)
        known = self._memory.get(key)
        if known is None:
            known = tuple(self._found(owner, window.decode("utf-8", "replace")))
            if len(self._memory) < _REMEMBERED:
                self._memory[key] = known
        return known

    def _found(self, owner: int, text: str) -> Iterator[Candidate]:
        """Texts inside JSON strings (notebooks) are read as they would be printed as well."""
        detector = self.detectors[owner]
        values = set()
        for candidate in detector.judge(text):
            values.add(candidate.value)
            yield candidate
        if '\\"' in text:
            for candidate in detector.judge(text.replace('\\"', '"')):
                if candidate.value not in values:
                    yield candidate


def _by_object(hits: list[Hit], objects: Sequence[tuple[int, int, bytes, bytes]]) -> Iterator[tuple]:
    """The hits in each object, at offsets within it."""
    begins = [one[0] for one in objects]
    found: dict[int, list[Hit]] = {}
    for number, end in hits:
        place = bisect_right(begins, end - 1) - 1
        if place >= 0 and end <= objects[place][1]:
            found.setdefault(place, []).append((number, end - begins[place]))
    return ((objects[place], inside) for place, inside in found.items())


def _distinct(found: list[tuple[Candidate, int]], own: Collection[str]) -> list[tuple[Candidate, int]]:
    """One candidate for each credential: of several rules that took it for one, that which knows it best."""
    kept: list[tuple[Candidate, int]] = []

    def rank(one: tuple[Candidate, int]) -> tuple:
        return one[0].rule in own, not one[0].strict, -one[0].strength, one[1], one[0].rule

    for candidate, line in sorted(found, key=rank):
        value = candidate.value
        if not any(abs(line - at) <= 1 and (value[:40] in one.value or one.value[:40] in value) for one, at in kept):
            kept.append((candidate, line))
    return kept
