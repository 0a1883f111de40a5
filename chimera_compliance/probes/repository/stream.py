"""Reads every object of a repository once, as git hands them out, and looks at many of them in one go.

`git log -p` renders each change as text and costs more than all the looking; a blob that a hundred commits share is in
it a hundred times, and one that only a merge, a stash or nothing at all points to is not. Here each object
is read exactly once, whatever points to it (git-cat-file(1), --batch and --batch-all-objects).
"""

import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain

from chimera_compliance.probes.repository.candidates import Sighting
from chimera_compliance.probes.repository.git import Git
from chimera_compliance.probes.repository.inspector import Inspector
from chimera_compliance.probes.repository.unpacking import is_packed, is_tar

_BUFFER = 4 << 20
_LARGE = 48 << 20
_OVERLAP = 16 << 10
_MOST_UNPACKED = 96 << 20
_PIPE_BYTES = 1 << 20
_SET_PIPE_SIZE = 1031
_PACKED_BEGINS = frozenset(b"P\x1fB\xfd\xff\xfe\0")
Object = tuple[int, int, bytes, bytes]
"""Where an object begins and ends in the buffer, its id and its kind."""
_MOST_DAMAGED = 100


@dataclass
class Read:
    """What was read; `missing` objects could not be, for git says that they are damaged or absent."""

    objects: int = 0
    bytes: int = 0
    missing: list[str] = field(default_factory=list)
    sightings: list[Sighting] = field(default_factory=list)
    unread: bool = False
    """Git ended before it had handed out all that it was asked for."""


def read(git: Git, ids: Iterator[bytes], inspector: Inspector) -> Read:
    """Look at objects; `ids` hands out chunks of ids, one a line, to this reader and perhaps to others.

    Git gives up at an object that is damaged: it is begun again behind it.
    """
    outcome = Read()
    source, before = ids, 0
    for _ in range(_MOST_DAMAGED):
        asked: list[bytes] = []
        with _batch(git, source, asked) as descriptor:
            _Reader(descriptor, inspector, outcome).run()
        answered = outcome.objects + len(outcome.missing) - before
        wanted = b"".join(asked).split()
        if answered >= len(wanted):
            return outcome
        outcome.missing.append(wanted[answered].decode())
        before = outcome.objects + len(outcome.missing)
        source = chain([b"\n".join(wanted[answered + 1 :]) + b"\n"] if wanted[answered + 1 :] else [], ids)
    outcome.unread = True
    return outcome


@contextlib.contextmanager
def _batch(git: Git, ids: Iterator[bytes], asked: list[bytes]) -> Iterator[int]:
    """The output of `git cat-file --batch`, which is fed in the background."""
    process = git.open_pipe("cat-file", "--batch", "--buffer", feeding=True)
    with contextlib.suppress(OSError):
        import fcntl

        fcntl.fcntl(process.stdout, _SET_PIPE_SIZE, _PIPE_BYTES)

    def feed() -> None:
        with contextlib.suppress(BrokenPipeError, ValueError), process.stdin:
            for chunk in ids:
                asked.append(chunk)
                _write_all(process.stdin.fileno(), chunk)

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    try:
        yield process.stdout.fileno()
    finally:
        process.stdout.close()
        feeder.join(timeout=5)
        process.kill()
        process.wait()


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


class _Reader:
    """Takes objects out of a stream of them, and keeps what does not fit for the next round."""

    def __init__(self, descriptor: int, inspector: Inspector, outcome: Read) -> None:
        self._descriptor, self._inspector, self._outcome = descriptor, inspector, outcome
        self._buffer = bytearray(_BUFFER)
        self._filled = 0

    def run(self) -> None:
        while self._fill():
            self._take()
        self._take()

    def _fill(self) -> int:
        before = self._filled
        view = memoryview(self._buffer)
        while self._filled < len(self._buffer):
            count = os.readv(self._descriptor, [view[self._filled :]])
            if not count:
                break
            self._filled += count
        return self._filled - before

    def _take(self) -> None:
        """Look at all objects that are complete, and move the rest to the front."""
        objects, packed, at = self._complete()
        if objects:
            self._outcome.objects += len(objects)
            self._outcome.bytes += objects[-1][1] - objects[0][0]
            self._outcome.sightings += self._inspector.sightings(self._buffer, objects)
            for begin, end, object_id, _ in packed:
                content = bytes(self._buffer[begin:end])
                self._outcome.sightings += self._inspector.packed(content, object_id.decode())
        rest = self._filled - at
        self._buffer[:rest] = self._buffer[at : self._filled]
        self._filled = rest

    def _complete(self) -> tuple[list[Object], list[Object], int]:
        """The objects that lie in the buffer as a whole, those of them that are packed, and where the rest begins."""
        objects: list[Object] = []
        packed: list[Object] = []
        at = 0
        buffer, filled = self._buffer, self._filled
        while at < filled:
            line_end = buffer.find(b"\n", at, filled)
            if line_end < 0:
                break
            header = bytes(buffer[at:line_end]).split(b" ")
            if len(header) != 3 or not header[2].isdigit():
                self._outcome.missing.append(header[0].decode("ascii", "replace"))
                at = line_end + 1
                continue
            begin = line_end + 1
            end = begin + int(header[2])
            if end >= filled:
                self._make_room(at, begin, end - begin, header)
                break
            one = (begin, end, header[0], header[1])
            objects.append(one)
            if (
                buffer[begin] in _PACKED_BEGINS
                or buffer[begin + 1] == 0
                or (end - begin > 512 and buffer[begin + 257] == 0x75)
            ):
                packed += [one] if self._is_packed(one) else []
            at = end + 1
        return objects, packed, at

    def _is_packed(self, one: Object) -> bool:
        begin, end, _, kind = one
        if kind != b"blob" or not 16 <= end - begin <= _MOST_UNPACKED:
            return False
        return is_packed(bytes(self._buffer[begin : begin + 8])) or is_tar(bytes(self._buffer[begin : begin + 512]))

    def _make_room(self, at: int, begin: int, size: int, header: list[bytes]) -> None:
        """An object larger than the buffer: the buffer grows, or the object is looked at in pieces."""
        if at:
            return
        if size <= _LARGE:
            self._buffer.extend(bytes(max(0, begin + size + 1 - len(self._buffer))))
            return
        self._in_pieces(begin, size, header)

    def _in_pieces(self, begin: int, size: int, header: list[bytes]) -> None:
        """One that is too large to be held; pieces overlap, so that nothing is cut in two."""
        object_id, kind = header[0].decode(), header[1]
        piece = bytes(self._buffer[begin : self._filled])
        left = size + 1 - len(piece)
        lines, binary = 0, b"\0" in piece[:8000]
        while True:
            hits = self._inspector.engine.hits(piece)
            shown = b"\0" + piece if binary else piece
            hits = [(number, at + 1) for number, at in hits] if binary else hits
            for sighting in self._inspector.of_object(shown, hits, object_id, kind):
                self._outcome.sightings.append(
                    Sighting(sighting.candidate, sighting.line + lines, object_id, kind.decode(), sighting.inside)
                )
            if left <= 0:
                break
            tail = piece[-_OVERLAP:]
            lines += piece.count(b"\n") - tail.count(b"\n")
            fresh = self._exactly(min(left, _BUFFER))
            if not fresh:
                self._outcome.missing.append(object_id)
                break
            left -= len(fresh)
            piece = tail + fresh
        self._outcome.objects += 1
        self._outcome.bytes += size
        self._filled = 0

    def _exactly(self, count: int) -> bytes:
        taken = bytearray()
        while len(taken) < count and (more := os.read(self._descriptor, count - len(taken))):
            taken += more
        return bytes(taken)
