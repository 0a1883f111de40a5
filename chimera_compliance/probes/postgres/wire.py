"""How connections to the database travel: encrypted or not, and within this machine or beyond it.

Whether a plain connection would be taken is asked without a login: the startup message is sent unencrypted, and a
server that goes on to authentication has taken it. No password is sent, and no failed login is counted
(https://www.postgresql.org/docs/current/protocol-flow.html).
"""

import ipaddress
import socket
import struct
from dataclasses import dataclass
from functools import cached_property

import psycopg

from chimera_compliance.journal import Journal
from chimera_compliance.probes.http.reproduce import quoted
from chimera_compliance.probes.postgres.database import Database
from chimera_compliance.probes.postgres.host_rules import Login, admitting_plain
from chimera_compliance.probes.postgres.session import first_line

_PROTOCOL_3 = 196_608
_WAIT_SECONDS = 3
_REFUSALS = ("28", "08")  # classes of SQLSTATE: no rule of pg_hba.conf admits it; a pooler wants TLS

_OTHERS = """
SELECT coalesce(a.usename, '?'), host(a.client_addr), count(*)
  FROM pg_stat_activity a JOIN pg_stat_ssl s USING (pid)
 WHERE a.client_addr IS NOT NULL AND NOT s.ssl AND a.pid <> pg_backend_pid() AND a.datname = current_database()
 GROUP BY 1, 2 ORDER BY 1, 2
"""
_LOGINS = """
WITH RECURSIVE held(login, role) AS (
    SELECT oid, oid FROM pg_roles WHERE rolcanlogin
    UNION SELECT h.login, m.roleid FROM held h JOIN pg_auth_members m ON m.member = h.role
)
SELECT l.rolname::text, array_agg(r.rolname::text)
  FROM held JOIN pg_roles l ON l.oid = login JOIN pg_roles r ON r.oid = role GROUP BY 1 ORDER BY 1
"""
_RULES = "SELECT to_jsonb(rule) FROM pg_hba_file_rules rule"


@dataclass(frozen=True)
class Link:
    """A way to the database. `plain` is None where it could not be found out, and `actual` says why."""

    subject: str
    actual: str
    observation: str
    plain: bool | None
    local: bool = False


class Wire:
    """The links to a target's database."""

    def __init__(self, db: Database, journal: Journal) -> None:
        self._db, self._journal = db, journal

    def links(self) -> list[Link]:
        """The application's own, those that are open now, one without TLS, and what pg_hba.conf would admit.

        Raises:
            NotReviewed: no connection can be made.
        """
        tried = self.without_tls()
        shown = [tried] if tried and tried.plain is not None else []
        return [self.own(), *self.others(), *shown, *self.rules(refused=bool(tried and tried.plain is False))]

    def own(self) -> Link:
        """The connection that the application's DSN makes."""
        connection = self._db.login.connection
        encrypted = connection.pgconn.ssl_in_use
        version = self._db.login.query("SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        travels = (version[0][0] if version else None) or "TLS" if encrypted else "not encrypted"
        actual = f"{travels}, over {'this machine' if self.is_local else 'the network'}"
        return self._seen(
            "connection of the application", actual, "SELECT ssl, version FROM pg_stat_ssl", not encrypted
        )

    def others(self) -> list[Link]:
        """Connections from other hosts that are open now and not encrypted, as far as the catalog login may see."""
        rows = [row for row in self._db.session.query(_OTHERS) if not _is_loopback(row[1])]
        return [
            self._seen(f"connections of {name} from {address}", f"{count} not encrypted", _OTHERS, True, local=False)
            for name, address, count in rows
        ]

    def without_tls(self) -> Link | None:
        """What the server makes of a startup message that is not encrypted; None for a unix socket."""
        info = self._db.login.connection.info
        if not info.hostaddr:
            return None
        plain, actual = _start(info.hostaddr, info.port, {"user": info.user, "database": info.dbname})
        return self._seen("connection without TLS", actual, "", plain)

    def rules(self, *, refused: bool) -> list[Link]:
        """The rules of pg_hba.conf that admit plain connections from other hosts.

        Where they may not be read, a plain connection that was `refused` here is taken for the answer.
        """
        subject = "rules of pg_hba.conf"
        try:
            rows = [row[0] for row in self._db.session.query(_RULES)]
        except psycopg.Error as error:
            return [self._seen(subject, first_line(error), _RULES, False if refused else None, local=False)]
        logins = [Login(name, roles) for name, roles in self._db.session.query(_LOGINS)]
        admitting = admitting_plain(rows, logins, self._db.login.connection.info.dbname)
        if not admitting:
            return [self._seen(subject, "nobody from another host without TLS", _RULES, False)]
        return [
            self._seen(f"pg_hba.conf: {rule}", f"admits {', '.join(names[:5])}", _RULES, True, local=False)
            for rule, names in admitting.items()
        ]

    @cached_property
    def is_local(self) -> bool:
        """Whether the application's connection stays on one machine, as both ends see it."""
        address = self._db.login.connection.info.hostaddr
        seen = self._db.login.query("SELECT host(inet_client_addr())")[0][0]
        return (not address or _is_loopback(address)) and (seen is None or _is_loopback(seen))

    def _seen(
        self, subject: str, actual: str, statement: str, plain: bool | None, *, local: bool | None = None
    ) -> Link:
        observation = self._journal.record(
            "sql",
            subject,
            sent={"statements": [statement or "a startup message without TLS"]},
            received={"seen": actual},
            raw=actual.encode(),
            reproduce=f'psql "$CATALOG_DSN" -c {quoted(" ".join(statement.split()))}' if statement else "",
        )
        return Link(subject, actual, observation, plain, self.is_local if local is None else local)


def _start(host: str, port: int, parameters: dict[str, str]) -> tuple[bool | None, str]:
    """Whether the server goes on with a plain connection, and what it said."""
    pairs = b"".join(f"{name}\0{value}\0".encode() for name, value in parameters.items())
    body = struct.pack(">I", _PROTOCOL_3) + pairs + b"\0"
    try:
        with socket.create_connection((host, port), timeout=_WAIT_SECONDS) as connection:
            connection.sendall(struct.pack(">I", len(body) + 4) + body)
            said = connection.recv(4096)
    except OSError as error:
        return None, f"no answer ({type(error).__name__})"
    if said[:1] == b"R":
        return True, "the server goes on to authentication"
    fields = {part[:1]: part[1:].decode("utf-8", "replace") for part in said[5:].split(b"\0") if part}
    if said[:1] == b"E" and fields.get(b"C", "").startswith(_REFUSALS):
        return False, fields.get(b"M", "refused")
    return None, fields.get(b"M", "closed without an answer")


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
