"""A PostgreSQL cluster of its own for judging schemas: roles are cluster-wide, so a variant may redefine them."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

from chimera_compliance.stack import StackError
from chimera_compliance.stack.binaries import find_binaries

ROLES = "00_roles.sql"
_NOBODY = 65534


def binaries() -> Path | None:
    """Where initdb and postgres are: what the reference stack would use."""
    try:
        return find_binaries()
    except StackError:
        return None


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Cluster:
    """Started on loopback with nothing durable; `superuser` and `application` are DSNs of the variant's database."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="rls-corpus-"))
        self.port = _free_port()
        as_nobody = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        if as_nobody:
            os.chown(self.folder, _NOBODY, _NOBODY)
        found = binaries()
        data = self.folder / "data"
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": self.folder}
        initdb = [
            found / "initdb",
            "-D",
            data,
            "-U",
            "postgres",
            "-A",
            "trust",
            "--no-sync",
            "-E",
            "UTF8",
            "--locale=C",
        ]
        subprocess.run(initdb, check=True, **quiet, **as_nobody)
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self.folder,
            "fsync": "off",
            "autovacuum": "off",
            "shared_buffers": "32MB",
            "wal_level": "logical",
            "max_connections": "40",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self.server = subprocess.Popen([found / "postgres", "-D", data, *options], **quiet, **as_nobody)
        self._wait()
        self.base = self._roles()

    def _wait(self) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                return psycopg.connect(self._dsn("postgres", "postgres")).close()
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self.server.poll() is not None:
                    raise
                time.sleep(0.05)

    def _dsn(self, user: str, database: str) -> str:
        return f"host=127.0.0.1 port={self.port} user={user} dbname={database}"

    superuser = property(lambda self: self._dsn("postgres", "rlsv"))
    application = property(lambda self: self._dsn("app_user", "rlsv"))

    def _roles(self) -> set[str]:
        with psycopg.connect(self._dsn("postgres", "postgres")) as connection:
            return {name for (name,) in connection.execute("SELECT rolname FROM pg_roles")}

    def load(self, schema: str, roles: str) -> None:
        """A clean database with one variant in it; a port written into the schema is replaced by this cluster's."""
        with psycopg.connect(self._dsn("postgres", "postgres"), autocommit=True) as connection:
            connection.execute("DROP DATABASE IF EXISTS rlsv WITH (FORCE)")
            for name in self._roles() - self.base:
                connection.execute(f'DROP OWNED BY "{name}"')
                connection.execute(f'DROP ROLE "{name}"')
            connection.execute(roles)
            faster = "STRATEGY FILE_COPY" if connection.info.server_version >= 150_000 else ""
            connection.execute(f"CREATE DATABASE rlsv OWNER app_owner {faster}")
        with psycopg.connect(self.superuser, autocommit=True) as connection:
            connection.execute(schema.replace("port '55415'", f"port '{self.port}'"))

    def close(self) -> None:
        """Stop the server and remove its folder."""
        self.server.terminate()
        self.server.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)
