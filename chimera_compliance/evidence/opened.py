"""A bundle as it lies there, read and not yet believed."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from chimera_compliance.evidence import archive
from chimera_compliance.evidence.manifest import ENVELOPE, FILE, Manifest, sha256
from chimera_compliance.evidence.signing import NotSigned, open_envelope, signer_of


class NotABundle(Exception):
    """An archive that is no evidence bundle, and why."""


@dataclass(frozen=True)
class Opened:
    """The members of an archive and what its manifest says; `canonical` is how it should have been written."""

    path: Path
    members: dict[str, archive.Member]
    data: bytes
    canonical: bytes
    manifest: Manifest

    @classmethod
    def read(cls, path: Path) -> "Opened":
        """Open a bundle.

        Raises:
            BadArchive: it is no archive, or one that is dangerous to open.
            NotABundle: its manifest is missing or unreadable.
            OSError: the file cannot be read.
        """
        members, data, canonical = archive.read(path)
        named = {member.name: member for member in members}
        if FILE not in named:
            raise NotABundle(f"there is no {FILE} in it")
        try:
            manifest = Manifest.model_validate_json(named[FILE].content)
        except ValidationError:
            raise NotABundle(f"its {FILE} cannot be read: it was changed, or is of another version") from None
        return cls(path, named, data, canonical, manifest)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the whole file."""
        return sha256(self.data)

    @property
    def signer(self) -> str:
        """The id of the key that it says it was signed with; empty if it is unsigned."""
        if ENVELOPE not in self.members:
            return ""
        try:
            return signer_of(open_envelope(self.members[ENVELOPE].content))
        except NotSigned:
            return ""
