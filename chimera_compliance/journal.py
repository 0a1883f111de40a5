"""The observations of a run, redacted when created and written to disk as they happen.

A run that is interrupted keeps all it saw. Several processes may append to the same file: each
observation is one `write` of one line to a file opened for appending.
"""

import hashlib
import json
import os
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from chimera_compliance.redaction import Redactor


@dataclass(frozen=True)
class Observation:
    """One thing sent and what came back; never holds a secret.

    `digest` is the SHA-256 of the raw answer, before redaction and truncation.
    `reproduce` is a shell command with placeholders such as ``$ALICE_TOKEN``.
    """

    id: str
    requirement: str
    time: str
    kind: str
    subject: str
    sent: dict[str, Any]
    received: dict[str, Any]
    digest: str = ""
    reproduce: str = ""

    def as_dict(self) -> dict[str, Any]:
        """As it stands in observations.jsonl."""
        return dict(self.__dict__)


@dataclass
class Journal:
    """Keeps the observations of one process; `requirement` is set by the recorder before each check.

    `run_id` goes out with every request, so that a target's owner can tell the suite's traffic from others'.
    """

    path: Path | None = None
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    prefix: str = "O"
    redact: Redactor = field(default_factory=Redactor)
    requirement: str = ""
    count: int = 0

    def __post_init__(self) -> None:
        self._kept: dict[str, Observation] = {}
        self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if self.path else None

    def record(
        self,
        kind: str,
        subject: str,
        *,
        sent: dict[str, Any],
        received: dict[str, Any],
        raw: bytes = b"",
        reproduce: str = "",
    ) -> str:
        """Keep one observation and return its id.

        Raises:
            OSError: the disk is full or the file is not writable; an observation is never lost in silence.
        """
        self.count += 1
        subject, sent, received, reproduce = self.redact.deep([subject, sent, received, reproduce])
        observation = Observation(
            id=f"{self.prefix}{self.count:05d}",
            requirement=self.requirement,
            time=datetime.now(UTC).isoformat(timespec="milliseconds"),
            kind=kind,
            subject=subject,
            sent=sent,
            received=received,
            digest=hashlib.sha256(raw).hexdigest() if raw else "",
            reproduce=reproduce,
        )
        self._kept[observation.id] = observation
        self._write(observation)
        return observation.id

    def _write(self, observation: Observation) -> None:
        if self._file is not None:
            line = json.dumps(observation.as_dict(), ensure_ascii=True, separators=(",", ":"))
            _write_all(self._file, line.encode() + b"\n")

    def get(self, observation_id: str) -> Observation | None:
        """The observation of that id, if this process made it."""
        return self._kept.get(observation_id)

    def made_since(self, count: int) -> list[Observation]:
        """The observations after the first `count`, in order."""
        return list(islice(self._kept.values(), count, None))

    def close(self) -> None:
        """Flush and close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _write_all(file: int, line: bytes) -> None:
    """One `write` puts a line down whole, but on a disk that is about to be full."""
    written = os.write(file, line)
    while written < len(line):
        written += os.write(file, line[written:])
