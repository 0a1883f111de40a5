"""The folder that a run writes into: one run at a time, and nothing of an earlier one is taken for its own."""

import errno
import fcntl
import os
from pathlib import Path

from chimera_compliance.errors import ConfigurationError

_NO_LOCKS_HERE = (errno.EBADF, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)


class RunFolder:
    """Held by an advisory lock on the folder itself, which leaves no file behind and ends with the process."""

    def __init__(self, path: Path) -> None:
        """Make the folder and hold it.

        Raises:
            ConfigurationError: it cannot be written, or another run writes into it.
        """
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._held = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise ConfigurationError(f"cannot write to {path}: {error.strerror}: choose another --out") from None
        self._lock()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise ConfigurationError(
                f"another run writes into {self.path}: wait for it or choose another --out"
            ) from None
        except OSError as error:
            if error.errno not in _NO_LOCKS_HERE:  # some network file systems cannot lock a folder
                raise ConfigurationError(f"cannot lock {self.path}: {error.strerror}") from None

    def close(self) -> None:
        """Let the next run have it."""
        if self._held is not None:
            os.close(self._held)
            self._held = None
