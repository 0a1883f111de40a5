"""Boots variants on servers that are already starting; everything a web server needs is imported here, once.

A variant is built step by step, each with its undoing, so that one that fails half-way leaves as little
behind as one that is closed.
"""

from contextlib import ExitStack
from functools import partial
from pathlib import Path

from chimera_compliance.stack import StackError, api, flaws, github, postgres, repository, target_file, web
from chimera_compliance.stack.api import malformed
from chimera_compliance.stack.certificates import Authority
from chimera_compliance.stack.database import Databases, Login
from chimera_compliance.stack.emulator import DATABASE_PASSWORD, SIGNING_KEY, Emulator, client
from chimera_compliance.stack.reaper import Reaper
from chimera_compliance.stack.target_file import Place
from chimera_compliance.stack.variant import Variant


class Deployment:
    """The shared servers and the variants that run on them."""

    def __init__(self, folder: Path, reaper: Reaper, authority: Authority, emulator: Emulator, starting):
        self._folder, self._reaper, self._authority, self._emulator = folder, reaper, authority, emulator
        self._identity = authority.issue(folder, "web")
        self._repository = folder / "repository"
        repository.make(self._repository)
        api.prepare(flaws.build(None))
        self._server, self._own = starting.server, starting.pid is not None
        postgres.wait_for(starting)
        self._databases = Databases(self._server)
        self._running: dict[int, ExitStack] = {}
        self._booted = 0

    def boot(self, name: str | None) -> tuple[int, Path]:
        """Start a variant: its id and its target file."""
        variant = flaws.build(name)
        self._booted += 1
        number, folder = self._booted, self._folder / f"v{self._booted}"
        folder.mkdir(mode=0o700)
        with ExitStack() as undo:
            login, ports = self._data(number, variant, undo)
            repository.copy(self._repository, folder / "repo", variant.repo)
            target = self._serve(folder, variant, login, ports, undo)
            self._running[number] = undo.pop_all()
        return number, target

    def close(self, number: int) -> None:
        """End a variant: server, account, database, roles.

        Raises:
            StackError: there is none of that id.
        """
        if number not in self._running:
            raise StackError(f"no running variant has the id {number}")
        self._running.pop(number).close()

    def leave(self) -> None:
        """Servers of our own die with us and need nothing; one that was given is left as it was."""
        if not self._own:
            for number in list(self._running):
                self.close(number)
            self._databases.drop_template()

    def _data(self, number: int, variant: Variant, undo: ExitStack) -> tuple[Login, tuple[int, int]]:
        """A database and an AWS account, made at the same time; the ports of the account and of its relay."""
        login = self._databases.login(number)
        undo.callback(self._databases.drop, login)
        undo.callback(self._emulator.close, number)
        values = {DATABASE_PASSWORD: login.password, SIGNING_KEY: variant.signing.key}
        self._emulator.begin(number, values, variant.account)
        self._databases.create(login, variant.sql)
        ports = self._emulator.ports(number)
        for change in variant.secrets:
            change(client(ports[0]))
        return login, ports

    def _serve(self, folder: Path, variant: Variant, login: Login, aws: tuple[int, int], undo: ExitStack) -> Path:
        listener = web.listen()
        undo.callback(listener.close)
        plain = web.listen() if variant.plain else web.reserve()
        undo.callback(plain.close)
        hub = web.listen()
        undo.callback(hub.close)
        ports = [opened.getsockname()[1] for opened in (listener, plain)]
        place = Place(folder, self._authority.file, *ports, *aws, hub.getsockname()[1])
        stored = variant.secret_cache(place.relay_url, variant.settings).read(SIGNING_KEY, DATABASE_PASSWORD)
        target = target_file.write(place, variant, self._server, login)
        app = partial(api.build, variant, place, self._server, login, stored)
        identity = variant.certificate(self._authority, folder) if variant.certificate else self._identity
        settings = {"http": malformed.protocol(variant), **variant.tls}
        served = web.start(self._reaper, app, listener, settings, identity, variant.tls_context)
        undo.callback(self._reaper.kill, served)
        state = github.reference()
        for change in variant.github:
            change(state)
        undo.callback(self._reaper.kill, github.start(self._reaper, hub, state))
        if variant.plain:
            exposed = web.start(self._reaper, lambda: variant.plain(app()), plain, {}, None)
            undo.callback(self._reaper.kill, exposed)
        return target
