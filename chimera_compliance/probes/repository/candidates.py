"""What a detector takes for a credential, before anybody has asked in which file it stands."""

import hashlib
import hmac
from dataclasses import dataclass

from chimera_compliance.probes.repository.judgement import Strength


@dataclass(frozen=True)
class Candidate:
    """A text that looks like a credential. `value`, `match` and `line` are secret, and are never written down."""

    rule: str
    what: str
    value: str
    match: str
    line: str
    offset: int
    """Where the value begins in the text that was looked at."""
    strict: bool = True
    strength: Strength = Strength.RANDOM
    name: str = ""
    quoted: bool = True

    def __repr__(self) -> str:
        return f"Candidate({self.rule}, {len(self.value)} characters)"


@dataclass(frozen=True)
class Sighting:
    """A candidate and the object (blob, commit, tag or tree) or file that holds it."""

    candidate: Candidate
    line: int
    object_id: str = ""
    kind: str = "blob"
    inside: str = ""
    """The member of an archive, or how the text was encoded."""


def fingerprint(value: str, key: bytes) -> str:
    """What a credential is called where it must not be written: the same for the same value within one run."""
    return hmac.new(key, value.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:12]


def described(value: str) -> str:
    """As much of a credential as may be told: its length, and the beginning where the issuer fixed it."""
    head = value[:3] if len(value) >= 16 and value[:3].isascii() and value[:3].isprintable() else ""
    return f"{len(value)} characters" + (f", begins with {head}" if head.strip() else "")
