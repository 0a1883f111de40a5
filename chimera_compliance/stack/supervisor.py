"""The process that owns the servers: boots variants on command and leaves when its standard input ends.

It stays single-threaded and keeps no connection open, since each web server is a fork of it with everything
already imported. PostgreSQL and the AWS emulator start in parallel with those imports.
"""

import json
import os
import resource
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from chimera_compliance.stack import StackError, flaws
from chimera_compliance.stack.certificates import Authority
from chimera_compliance.stack.emulator import DATABASE_PASSWORD, SIGNING_KEY, Emulator, client
from chimera_compliance.stack.reaper import Reaper

_LOG = "stack.log"


def main() -> None:
    """Answer commands until EOF."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    folder = Path(tempfile.mkdtemp(prefix="chimera-stack-"))
    folder.chmod(0o711)  # PostgreSQL's account must pass; every secret file is 0600 and every folder closed.
    reaper = Reaper.start(folder)
    _log_to(folder / _LOG)
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


@dataclass
class _Running:
    login: object
    web: int
    account: int


class Supervisor:
    """What the commands do."""

    def __init__(self, folder: Path, reaper: Reaper):
        self._folder, self._reaper = folder, reaper
        self._shared: _Shared | None = None
        self._running: dict[int, _Running] = {}
        self._booted, self._failed = 0, None

    def answer(self, command: dict) -> dict:
        """One answer for one command; what goes wrong is one line."""
        try:
            return self._boot(command["boot"]) if "boot" in command else self._close(command["close"])
        except StackError as error:
            return {"error": str(error)}
        except Exception as error:
            import traceback

            traceback.print_exc()
            return {"error": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no reason'}"}

    def leave(self) -> None:
        """Nothing to do for servers of our own, the reaper ends them; a server that was given is left as it was."""
        if self._shared and self._shared.given:
            for number in list(self._running):
                self._close(number)
            self._shared.databases.drop_template()

    def _boot(self, name: str | None) -> dict:
        flaws.find(name)  # A wrong name is told before anything is started.
        self._share()
        variant = flaws.build(name)
        self._booted += 1
        number, folder = self._booted, self._folder / f"v{self._booted}"
        folder.mkdir(mode=0o700)
        login = self._shared.databases.login(number)
        self._shared.emulator.begin_account({DATABASE_PASSWORD: login.password, SIGNING_KEY: variant.signing.key})
        self._shared.databases.create(login, variant.sql)
        account, port = self._shared.emulator.account()
        for change in variant.secrets:
            change(client(port))
        from chimera_compliance.stack import repository, target_file, web
        from chimera_compliance.stack.api import build
        from chimera_compliance.stack.api.secret_cache import SecretCache

        repository.copy(self._shared.repository, folder / "repo", variant.repo)
        listener = web.listen()
        place = target_file.Place(folder, self._shared.authority.file, listener.getsockname()[1], port)
        target = target_file.write(place, variant, self._shared.server, login)
        stored = SecretCache(place.aws_url, variant.settings.secrets_cached).read(SIGNING_KEY, DATABASE_PASSWORD)
        app = partial(build, variant, place, self._shared.server, login, stored)
        pid = web.start(self._reaper, app, listener, variant.tls, self._shared.identity)
        self._running[number] = _Running(login, pid, account)
        return {"variant": name, "target": str(target), "id": number}

    def _share(self) -> None:
        """Start what is shared, once; what failed is not tried again."""
        if self._failed:
            raise StackError(self._failed)
        if self._shared is None:
            self._failed = "the reference stack did not start"
            try:
                self._shared = _Shared(self._folder, self._reaper)
            except StackError as error:
                self._failed = str(error)
                raise
            self._failed = None

    def _close(self, number: int) -> dict:
        if (gone := self._running.pop(number, None)) is None:
            raise StackError(f"no running variant has the id {number}")
        self._reaper.kill(gone.web)
        self._shared.emulator.close_account(gone.account)
        self._shared.databases.drop(gone.login)
        return {"closed": number}


class _Shared:
    """What all variants use, started side by side."""

    def __init__(self, folder: Path, reaper: Reaper):
        from chimera_compliance.stack import postgres, repository

        self.authority = Authority(folder)
        self.emulator = Emulator(reaper)
        self.server, pid = postgres.start(reaper, folder / "postgresql-cluster", self.authority.issue(folder, "db"))
        self.given = pid is None
        self.identity = self.authority.issue(folder, "web")
        self.repository = folder / "repository"
        repository.make(self.repository)
        from chimera_compliance.stack import api, database, web  # noqa: F401  slow imports, while the servers start

        api.prepare(flaws.build(None))
        postgres.wait_for(self.server, pid, folder / _LOG)
        self.databases = database.Databases(self.server)
