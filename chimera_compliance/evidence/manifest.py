"""manifest.json: every file of a bundle with its digest and what it is for, and what is missing and why."""

import hashlib

from pydantic import BaseModel, ConfigDict

from chimera_compliance.evidence.archive import Member

FILE = "manifest.json"
ENVELOPE = "statement.dsse.json"
STAMP = "timestamp.tsr"
SEALS = (ENVELOPE, STAMP)
"""What is made after the manifest, and so is not in it."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Entry(_Model):
    """A file. `packed_sha256` is of its bytes as they lie in the archive."""

    name: str
    purpose: str
    size: int
    sha256: str
    packed_sha256: str


class Missing(_Model):
    """Something that an auditor would look for in vain, and why."""

    what: str
    reason: str


class Link(_Model):
    """The bundle before this one."""

    sha256: str
    sequence: int
    run: str
    started: str
    signed_by: str


class Schedule(_Model):
    """How often runs are due, and those since the bundle before that did not happen."""

    every_hours: float | None = None
    tolerance_hours: float = 2
    missed: list[str] = []


class Manifest(_Model):
    """The table of contents of a bundle, and its place in the chain of bundles."""

    schema_version: str = "1.0"
    run: str
    started: str
    target: str
    created: str
    sequence: int = 1
    previous: Link | None = None
    schedule: Schedule = Schedule()
    files: list[Entry]
    missing: list[Missing] = []

    def as_bytes(self) -> bytes:
        """As it stands in the bundle."""
        return (self.model_dump_json(indent=2) + "\n").encode()


def sha256(content: bytes) -> str:
    """A digest in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def entry(member: Member, purpose: str) -> Entry:
    """What the manifest says of a file."""
    packed = sha256(member.packed)
    return Entry(
        name=member.name, purpose=purpose, size=len(member.content), sha256=sha256(member.content), packed_sha256=packed
    )
