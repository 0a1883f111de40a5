"""What was looked at before and held nothing, so that the next run looks only at what is new.

Kept per object: an object never changes, and a rewritten history consists of new ones. Objects in which something
was found are not kept, so that they are looked at again and no finding, let alone a secret, is ever written here.
What is kept is void as soon as anything differs that a judgement depends on: the engine, the rules, the real secrets
that were looked for (of which only a keyed digest is used).
"""

import contextlib
import hashlib
import hmac
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from chimera_compliance.probes.secrets.needles import Needle

VERSION = "1"
LEAST_OBJECTS = 5000
_MAGIC = b"chimera-clean-objects 1\n"


def folder() -> Path:
    """The user's cache (XDG Base Directory Specification)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "chimera-compliance"


@dataclass
class Cache:
    """The objects of one repository that are known to be clean under one digest of the circumstances."""

    file: Path | None
    digest: bytes
    clean: set[bytes] = field(default_factory=set)

    @classmethod
    def open(cls, kept: Path | None, repository: Path, circumstances: bytes, needles: Iterable[Needle]) -> "Cache":
        """What an earlier run has left; nothing if it is not usable."""
        if kept is None:
            return cls(None, b"")
        key = _key(kept)
        name = hmac.new(key, str(repository.resolve()).encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()[
            :32
        ]
        sought = hmac.new(key, b"\0".join(sorted(needle.octets for needle in needles)), hashlib.sha256).digest()
        digest = hmac.new(key, VERSION.encode() + circumstances + sought, hashlib.sha256).digest()
        cache = cls(kept / f"{name}.objects" if key else None, digest)
        cache._read()
        return cache

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            if self.file is None or self.file.stat().st_uid != os.geteuid():
                return
            data = self.file.read_bytes()
            begin = len(_MAGIC)
            if data[:begin] == _MAGIC and data[begin : begin + 32] == self.digest:
                size = data[begin + 32]
                ids, seal = data[begin + 33 : -32], data[-32:]
                if size in (20, 32) and hashlib.sha256(data[:-32]).digest() == seal:
                    self.clean = {ids[at : at + size] for at in range(0, len(ids), size)}

    def keep(self, clean: Iterable[bytes], size: int) -> None:
        """Leave the clean objects for the next run; a cache that cannot be written is none."""
        if self.file is None:
            return
        data = _MAGIC + self.digest + bytes([size]) + b"".join(clean)
        with contextlib.suppress(OSError):
            fresh = self.file.with_suffix(f".{os.getpid()}")
            fresh.write_bytes(data + hashlib.sha256(data).digest())
            fresh.chmod(0o600)
            fresh.replace(self.file)


def _key(kept: Path) -> bytes:
    """A random key of this user, which makes digests of secrets worthless to anybody else."""
    file = kept / "key"
    try:
        kept.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as opened:
                opened.write(os.urandom(32))
        return file.read_bytes()
    except OSError:
        return b""
