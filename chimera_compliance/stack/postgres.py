"""A PostgreSQL server of our own, driven by its plain binaries.

A server that is given (CHIMERA_STACK_POSTGRES, a superuser's DSN) is used instead. PostgreSQL refuses to run as
root, so for root it runs as an unprivileged account.
"""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from chimera_compliance.stack import StackError
from chimera_compliance.stack.binaries import find_binaries
from chimera_compliance.stack.certificates import Identity
from chimera_compliance.stack.reaper import Reaper

_START_SECONDS = 20
_NOBODY = 65534

_SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
password_encryption = 'scram-sha-256'
ssl = on
ssl_min_protocol_version = 'TLSv1.2'
fsync = off
synchronous_commit = off
full_page_writes = off
shared_buffers = '32MB'
wal_level = minimal
max_wal_senders = 0
autovacuum = off
jit = off
log_connections = off
log_statement = 'none'
log_parameter_max_length_on_error = 0
"""
"""What is written here is thrown away, so nothing is made durable; nobody connects but over TLS with a password."""

_HOST_RULES = """
host samerole all all scram-sha-256
hostssl all all 127.0.0.1/32 scram-sha-256
"""
"""The first rule is a seam: it lets nobody in unless a flaw makes a role that is named like its database."""


@dataclass(frozen=True)
class Server:
    """A running server and its superuser."""

    host: str
    port: int
    user: str
    password: str
    options: str
    prefix: str = "chimera"
    """Begins the names of databases and roles; unlike any other where the server is shared."""

    def dsn(self, database: str, user: str | None = None, password: str | None = None) -> str:
        """A libpq URI, as the superuser unless another login is named."""
        login = f"{quote(user or self.user)}:{quote(password or self.password)}"
        return f"postgresql://{login}@{self.host}:{self.port}/{quote(database)}?{self.options}"


@dataclass(frozen=True)
class Starting:
    """A server that does not answer yet; it has no process if it was given and not started by us."""

    server: Server
    pid: int | None
    log: Path


def start(reaper: Reaper, folder: Path, identity: Identity, log: Path) -> Starting:
    """Begin to start a server below `folder` and return at once; `wait_for` says when it answers.

    Raises:
        StackError: there is no PostgreSQL to be found.
    """
    if given := os.environ.get("CHIMERA_STACK_POSTGRES"):
        return Starting(_given(given), None, log)
    port, password = _free_port(), secrets.token_urlsafe(24)
    cluster = _Cluster(find_binaries(), folder / "postgresql-cluster", _account(), identity)
    cluster.prepare(password)
    pid = reaper.fork(lambda: cluster.run(port))
    options = f"sslmode=verify-full&sslrootcert={quote(str(identity.authority))}&connect_timeout=5"
    return Starting(Server("127.0.0.1", port, "postgres", password, options), pid, log)


def wait_for(starting: Starting) -> None:
    """Return when the server accepts the superuser.

    Raises:
        StackError: it ended, or took longer than 20 s.
    """
    import psycopg

    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            psycopg.connect(starting.server.dsn("postgres")).close()
            return
        except psycopg.OperationalError as error:
            if starting.pid is not None and os.waitpid(starting.pid, os.WNOHANG)[0]:
                raise StackError(f"PostgreSQL did not start: {_last_line(starting.log)}") from None
            if time.monotonic() > deadline or starting.pid is None:
                raise StackError(f"PostgreSQL does not answer: {str(error).strip().splitlines()[-1]}") from None
        time.sleep(0.02)


def _account() -> pwd.struct_passwd | None:
    """Whom to become before PostgreSQL is started; nobody else unless we are root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwuid(_NOBODY)  # initdb wants an account with a name.
    except KeyError:
        raise StackError(
            f"PostgreSQL does not run as root and there is no account {_NOBODY}: run as another user"
        ) from None


@dataclass
class _Cluster:
    """A data folder, and the binaries that make and serve it."""

    binaries: Path
    folder: Path
    account: pwd.struct_passwd | None
    identity: Identity

    def prepare(self, password: str) -> None:
        """What must be done as ourselves: hand over folder, key and password file."""
        self.folder.mkdir(mode=0o700)
        if self.account and not _reachable(self.binaries):
            self._bring_binaries_within_reach()
        (self.folder / "password").write_text(password)
        for path in (self.folder, self.folder / "password", self.identity.key):
            path.chmod(0o700 if path.is_dir() else 0o600)
            if self.account:
                os.chown(path, self.account.pw_uid, self.account.pw_gid)

    def run(self, port: int) -> None:
        """Make the cluster, then become the server: one process from the beginning to the end."""
        self._drop_privileges()
        os.chdir(self.folder)
        environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}
        data, password = self.folder / "data", self.folder / "password"
        made = ["-D", data, "-U", "postgres", "-E", "UTF8", "--locale=C", "-A", "scram-sha-256", f"--pwfile={password}"]
        if subprocess.run([self.binaries / "initdb", *made, "-N"], env=environment, check=False).returncode:
            raise SystemExit(1)  # It has said why; that is the log's last line.
        password.unlink()
        self._configure(data, port)
        server = str(self.binaries / "postgres")  # In full: it finds its own files by its first argument.
        os.execve(server, [server, "-D", str(data)], environment)

    def _configure(self, data: Path, port: int) -> None:
        files = f"ssl_cert_file = '{self.identity.certificate}'\nssl_key_file = '{self.identity.key}'\n"
        with (data / "postgresql.conf").open("a") as settings:
            settings.write(f"{_SETTINGS}port = {port}\n{files}")
        (data / "pg_hba.conf").write_text(_HOST_RULES)

    def _drop_privileges(self) -> None:
        if self.account:
            os.setgroups([])
            os.setgid(self.account.pw_gid)
            os.setuid(self.account.pw_uid)

    def _bring_binaries_within_reach(self) -> None:
        """Root's virtual environment is often closed to others: copy what the server needs (about 45 MB)."""
        source, copy = self.binaries.parent, self.folder.parent / "postgresql"
        for part in ("lib", "share"):
            if (source / part).is_dir():
                shutil.copytree(source / part, copy / part, symlinks=True)
        (copy / "bin").mkdir()
        for program in ("initdb", "postgres"):
            shutil.copy2(source / "bin" / program, copy / "bin" / program)
        copy.chmod(0o755)
        self.binaries = copy / "bin"


def _reachable(folder: Path) -> bool:
    """Whether others may pass through every folder on the way."""
    return all(step.stat().st_mode & 0o001 for step in (folder, *folder.parents))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _given(dsn: str) -> Server:
    """A server that is not ours: everything made there is named after this run and dropped at its end."""
    from psycopg.conninfo import conninfo_to_dict

    parts = {key: str(value) for key, value in conninfo_to_dict(dsn).items()}
    login = [parts.pop(key, default) for key, default in (("user", "postgres"), ("password", ""))]
    place = parts.pop("host", "127.0.0.1"), int(parts.pop("port", 5432))
    parts.pop("dbname", None)
    options = "&".join(f"{key}={quote(value)}" for key, value in parts.items())
    return Server(*place, *login, options, prefix=f"chimera_{secrets.token_hex(3)}")


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else "it said nothing"
