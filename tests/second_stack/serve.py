"""Starts PostgreSQL and the helpdesk, and ends both when whoever asked for them is gone.

`running()` is for tests; `python -m second_stack.serve` (with `tests` on the path) keeps it running to look at.
"""

import contextlib
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
PEOPLE = {"alma@northwind.example": 101, "nils@northwind.example": 102}
PEOPLE |= {"bela@southbank.example": 201, "sanna@southbank.example": 202}


@contextlib.contextmanager
def running(lifetime_seconds: int = 60) -> Iterator[Path]:
    """A folder with the target files of a helpdesk that answers until the end of the block.

    `target.yaml` signs in with passwords and gets tokens of that lifetime; `minting.yaml` signs with the
    helpdesk's own key.
    """
    paths = os.pathsep.join([str(HERE.parent), str(HERE.parents[1])])
    environment = {**os.environ, "PYTHONPATH": paths}
    environment.pop("CHIMERA_STACK_POSTGRES", None)  # Roles are the whole server's: it takes one of its own.
    command = [sys.executable, "-m", "second_stack.serve", str(lifetime_seconds)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, start_new_session=True, **pipes) as process:
        try:
            folder = process.stdout.readline().strip()
            if not folder:
                raise RuntimeError("the helpdesk did not start; what it said is above")
            yield Path(folder)
        finally:
            process.stdin.close()
            process.stdout.read()  # The reaper holds this end open until nothing is left.


def main(lifetime_seconds: int = 60) -> None:
    """Serve until standard input ends."""
    from chimera_compliance.stack.reaper import Reaper

    folder = Path(tempfile.mkdtemp(prefix="helpdesk-"))
    folder.chmod(0o711)
    reaper = Reaper.start(folder)
    try:
        _start(reaper, folder, lifetime_seconds)
    except Exception:
        with contextlib.suppress(OSError):
            sys.stderr.write((folder / "log").read_text(errors="replace"))
        raise
    print(folder, flush=True)
    sys.stdin.read()


def _start(reaper, folder: Path, lifetime_seconds: int) -> None:
    from chimera_compliance.stack import postgres
    from chimera_compliance.stack.certificates import Authority

    with _stderr_in(folder / "log"):
        authority = Authority(folder)
        starting = postgres.start(reaper, folder, authority.issue(folder, "database"), folder / "log")
        from second_stack.badges import Office

        office, identity = Office(lifetime_seconds), authority.issue(folder, "web")
        postgres.wait_for(starting)
        server = starting.server
        passwords = {name: secrets.token_urlsafe(18) for name in ("desk_web", "desk_doorman", *PEOPLE)}
        _load(server, passwords)
        dsns = [server.dsn("helpdesk", login, passwords[login]) for login in ("desk_web", "desk_doorman")]
        listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        reaper.fork(lambda: _serve(listener, identity, office, dsns))
    port = listener.getsockname()[1]
    listener.close()
    _describe(folder, office, passwords, port, app_dsn=dsns[0], catalog_dsn=server.dsn("helpdesk"))


def _load(server, passwords: dict[str, str]) -> None:
    import psycopg
    from psycopg import sql

    from second_stack.app import digest

    with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE helpdesk")
    script = (HERE / "database.sql").read_text(encoding="utf-8")
    with psycopg.connect(server.dsn("helpdesk")) as connection:
        for login in ("web", "doorman"):
            quoted = sql.Literal(passwords[f"desk_{login}"]).as_string(connection)
            script = script.replace(f":{login}_password", quoted)
        connection.execute(script)
        for login, person in PEOPLE.items():
            salt = secrets.token_bytes(16)
            row = (login, person, salt, digest(passwords[login], salt))
            connection.execute("INSERT INTO gate.credentials VALUES (%s, %s, %s, %s)", row)


def _serve(listener: socket.socket, identity, office, dsns: list[str]) -> None:
    from second_stack.app import make_app
    from second_stack.desk import Desk
    from second_stack.front import Front

    Front(make_app(office, Desk(*dsns)), listener, identity).serve_forever()


def _describe(folder: Path, office, passwords: dict[str, str], port: int, *, app_dsn: str, catalog_dsn: str) -> None:
    """The target files, and the secret files that they name, readable by their owner alone."""
    from second_stack.badges import AUDIENCE, ISSUER

    secret = {"app.dsn": app_dsn, "catalog.dsn": catalog_dsn, "badge.key": office.private_pem}
    secret |= {f"{login.split('@')[0]}.password": passwords[login] for login in PEOPLE}
    for name, text in secret.items():
        (folder / name).touch(mode=0o600)
        (folder / name).write_text(text)
    shutil.copy(HERE / "openapi.yaml", folder)
    known = {"URL": f"https://127.0.0.1:{port}/v2", "KID": office.kid, "ISSUER": ISSUER, "AUDIENCE": AUDIENCE}
    for name in ("target.yaml", "minting.yaml"):
        text = (HERE / name).read_text(encoding="utf-8")
        (folder / name).write_text(re.sub(r"@(\w+)@", lambda found: known[found[1]], text), encoding="utf-8")


@contextlib.contextmanager
def _stderr_in(file: Path) -> Iterator[None]:
    """What the servers say goes to a file that only its owner may read."""
    before, log = os.dup(2), os.open(file, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    os.dup2(log, 2)
    os.close(log)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
