"""Looks at every object of a repository that was not looked at before, on two cores."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from chimera_compliance.probes.repository.cache import LEAST_OBJECTS, Cache
from chimera_compliance.probes.repository.candidates import Sighting
from chimera_compliance.probes.repository.git import Git
from chimera_compliance.probes.repository.inspector import Inspector
from chimera_compliance.probes.repository.stream import Read, read

_CHUNK = 500
_WORTH_TWO = 4000


@dataclass
class Looked:
    """What was looked at, and what was seen."""

    objects: int = 0
    known: int = 0
    gone: int = 0
    """Objects of the last run that there are no more: the history was rewritten, or pruned."""
    bytes: int = 0
    seconds: float = 0.0
    missing: list[str] = field(default_factory=list)
    sightings: list[Sighting] = field(default_factory=list)
    unread: bool = False


def look(git: Git, inspector: Callable[[], Inspector], cache: Cache | None = None) -> Looked:
    """Every object: of all refs, stashes and reflogs, and those that nothing points to."""
    begun = time.monotonic()
    listed = git.object_ids()
    looked = Looked()
    fresh = listed
    if cache is not None and cache.clean:
        fresh = _unknown(listed, cache, looked)
    reads = _shared(git, fresh, inspector)
    for one in reads:
        looked.objects += one.objects
        looked.bytes += one.bytes
        looked.missing += one.missing
        looked.sightings += one.sightings
        looked.unread |= one.unread
    if cache is not None and not looked.unread and listed.count(b"\n") >= LEAST_OBJECTS:
        _remember(cache, listed, looked)
    looked.seconds = time.monotonic() - begun
    return looked


def _unknown(listed: bytes, cache: Cache, looked: Looked) -> bytes:
    names = listed.split()
    unknown = [name for name in names if bytes.fromhex(name.decode()) not in cache.clean]
    looked.known = len(names) - len(unknown)
    looked.gone = len(cache.clean) - looked.known
    return b"".join(name + b"\n" for name in unknown)


def _remember(cache: Cache, listed: bytes, looked: Looked) -> None:
    marked = {one.object_id for one in looked.sightings} | set(looked.missing)
    ids = bytes.fromhex(listed.replace(b"\n", b"").decode())
    size = (listed.index(b"\n")) // 2
    if looked.known and not looked.gone and looked.objects == len(marked):
        return  # nothing is new
    dirty = {bytes.fromhex(one) for one in marked if len(one) == 2 * size}
    cache.keep((one for at in range(0, len(ids), size) if (one := ids[at : at + size]) not in dirty), size)


def _shared(git: Git, listed: bytes, inspector: Callable[[], Inspector]) -> list[Read]:
    """Two readers take turns at the list, so that none is idle while the other has what took git longest."""
    chunks = _Turns(listed)
    count = listed.count(b"\n")
    if not count:
        return []
    if count < _WORTH_TWO:
        return [read(git, chunks.taken(), inspector())]
    reads: list[Read | BaseException] = []

    def run() -> None:
        try:
            reads.append(read(git, chunks.taken(), inspector()))
        except BaseException as error:
            reads.append(error)

    threads = [threading.Thread(target=run, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in reads:
        if isinstance(one, BaseException):
            raise one
    return reads


class _Turns:
    """Hands out a list of ids in chunks to whoever asks."""

    def __init__(self, listed: bytes) -> None:
        width = listed.find(b"\n") + 1
        self._listed, self._step, self._at = listed, width * _CHUNK, 0
        self._lock = threading.Lock()

    def taken(self) -> Iterator[bytes]:
        while True:
            with self._lock:
                chunk = self._listed[self._at : self._at + self._step]
                self._at += self._step
            if not chunk:
                return
            yield chunk
