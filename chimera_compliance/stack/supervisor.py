"""The process that owns the servers: boots variants on command and leaves when its standard input ends.

It stays single-threaded and keeps no connection open, since each web server is a fork of it with everything
already imported. PostgreSQL and the AWS emulator start in parallel with those imports.
"""

import json
import os
import resource
import signal
import sys
import tempfile
import traceback
from pathlib import Path

from chimera_compliance.stack import StackError, flaws, postgres
from chimera_compliance.stack.certificates import Authority
from chimera_compliance.stack.emulator import Emulator
from chimera_compliance.stack.reaper import Reaper

_LOG = "stack.log"


def main() -> None:
    """Answer commands until EOF."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    folder = Path(tempfile.mkdtemp(prefix="chimera-stack-"))
    folder.chmod(0o711)  # PostgreSQL's account must pass; every secret file is 0600 and every folder closed.
    reaper = Reaper.start(folder)
    _log_to(folder / _LOG)
    _isolate()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    supervisor = Supervisor(folder, reaper)
    try:
        for line in sys.stdin:
            answers.write(json.dumps(supervisor.answer(json.loads(line))) + "\n")
    finally:
        supervisor.leave()
        os._exit(0)  # Taking the interpreter down in order would cost half a second.


def _log_to(file: Path) -> None:
    """Servers write here: what they say may quote a request, so only the owner may read it."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    log = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.close(log)


def _isolate() -> None:
    """Forget the user's proxies, AWS accounts and PostgreSQL servers: nothing here may reach beyond loopback."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "PG")) or name.lower().endswith("_proxy"):
            del os.environ[name]
    os.environ |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "NO_PROXY": "*"}


class Supervisor:
    """What the commands do."""

    def __init__(self, folder: Path, reaper: Reaper):
        self._folder, self._reaper = folder, reaper
        self._deployment = None
        self._failed: str | None = None

    def answer(self, command: dict) -> dict:
        """One answer for one command; what goes wrong is one line."""
        try:
            return self._boot(command["boot"]) if "boot" in command else self._close(command["close"])
        except StackError as error:
            return {"error": str(error)}
        except Exception as error:
            traceback.print_exc()
            return {"error": f"{type(error).__name__}: {(str(error).splitlines() or ['no reason'])[0]}"}

    def leave(self) -> None:
        """The reaper does the rest."""
        if self._deployment:
            self._deployment.leave()

    def _boot(self, name: str | None) -> dict:
        flaws.find(name)  # A wrong name is told before anything is started.
        if self._deployment is None:
            self._deployment = self._start()
        number, target = self._deployment.boot(name)
        return {"variant": name, "target": str(target), "id": number}

    def _close(self, number: int) -> dict:
        if self._deployment is None:
            raise StackError("nothing is running")
        self._deployment.close(number)
        return {"closed": number}

    def _start(self):
        """Start what all variants share; what failed is not tried again."""
        if self._failed:
            raise StackError(self._failed)
        self._failed = "the reference stack did not start"
        try:
            deployment = _deploy(self._folder, self._reaper)
        except StackError as error:
            self._failed = str(error)
            raise
        self._failed = None
        return deployment


def _deploy(folder: Path, reaper: Reaper):
    authority = Authority(folder)
    starting = postgres.start(reaper, folder, authority.issue(folder, "db"), folder / _LOG)
    emulator = Emulator(reaper)
    from chimera_compliance.stack.deployment import Deployment  # Slow imports, while the servers start.

    return Deployment(folder, reaper, authority, emulator, starting)
