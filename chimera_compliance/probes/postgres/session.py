"""One database session whose every change is rolled back, able to act as somebody else inside a savepoint.

Rows that are planted but not committed are seen by no other session. So the planting and the looking happen in
one transaction, which takes on the application's login role for single statements (SET SESSION AUTHORIZATION,
https://www.postgresql.org/docs/current/sql-set-session-authorization.html). When this process dies, the server
rolls back: nothing can be left behind.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from chimera_compliance.outcomes import Inconclusive


def identifier(*names: str) -> str:
    """A quoted, possibly qualified name."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def literal(value: str | None) -> str:
    """A quoted string constant, typed by where it stands."""
    return "NULL" if value is None else sql.Literal(value).as_string(None).removesuffix("::text")


@dataclass(frozen=True)
class Identity:
    """Who runs a statement: a login, perhaps a role taken by it, and the settings it made."""

    login: str
    role: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    becomes: str = "SET LOCAL SESSION AUTHORIZATION"

    def preamble(self) -> list[str]:
        """The statements that turn a catalog session into this identity until the savepoint is rolled back."""
        lines = [f"{self.becomes} {identifier(self.login)}"]
        lines += [f"SET LOCAL ROLE {identifier(self.role)}"] if self.role else []
        made = ", ".join(
            f"set_config({literal(name)}, {literal(value)}, true)" for name, value in self.settings.items()
        )
        return lines + ([f"SELECT {made}"] if made else [])

    def holding(self, **settings: str) -> "Identity":
        """The same with further settings."""
        return Identity(self.login, self.role, {**self.settings, **settings}, self.becomes)

    def taking(self, role: str | None) -> "Identity":
        """The same after SET ROLE."""
        return Identity(self.login, role, self.settings, self.becomes)


@dataclass(frozen=True)
class Trial:
    """What came of one attempt; `truth` is what the catalog login saw just after it."""

    statements: tuple[str, ...]
    rows: tuple[tuple, ...] = ()
    count: int = 0
    truth: tuple[tuple, ...] = ()
    sqlstate: str = ""
    message: str = ""
    constraint: str = ""
    notices: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether the server refused."""
        return bool(self.sqlstate)


class Session:
    """A connection on which every transaction is rolled back."""

    def __init__(
        self, dsn: str, name: str, *, statement_timeout: float = 10, lock_timeout: float = 1, connect_timeout: int = 10
    ) -> None:
        self.name = name
        self._limits = {
            "statement_timeout": statement_timeout,
            "lock_timeout": lock_timeout,
            "idle_in_transaction_session_timeout": 120,
        }
        self._connect_timeout = connect_timeout
        self._dsn = dsn
        self._open = False

    @cached_property
    def connection(self) -> psycopg.Connection:
        """The open connection, made at first use.

        Raises:
            Inconclusive: no connection; the reason never holds the password.
        """
        try:
            connection = psycopg.connect(
                self._dsn,
                autocommit=True,
                connect_timeout=self._connect_timeout,
                prepare_threshold=None,
                application_name="chimera-compliance",
                client_encoding="utf8",
            )
        except (psycopg.Error, UnicodeError) as error:
            raise Inconclusive(f"cannot connect as {self.name}: {first_line(error)} ({self.where})") from None
        self._heard: list[str] = []
        connection.add_notice_handler(lambda notice: self._heard.append(notice.message_primary or ""))
        return connection

    @property
    def where(self) -> str:
        """Host, port and database of the DSN, without user or password."""
        try:
            parts = conninfo_to_dict(self._dsn)
        except psycopg.Error:
            return "the DSN is malformed"
        return f"{parts.get('host', 'local socket')}:{parts.get('port', 5432)}/{parts.get('dbname', '')}"

    @contextmanager
    def transaction(self) -> Iterator["Session"]:
        """A transaction that is rolled back whatever happens; lock and statement timeouts are set for it."""
        if self._open:
            yield self
            return
        self.connection.execute("BEGIN")
        self._open = True
        try:
            self.connection.execute("SET LOCAL client_min_messages = notice")
            for name, seconds in self._limits.items():
                self.connection.execute(f"SET LOCAL {name} = {int(seconds * 1000)}")
            yield self
        finally:
            self._open = False
            if not self.connection.closed:
                self.connection.execute("ROLLBACK")

    def query(self, statement: str) -> list[tuple]:
        """The rows of a statement run as this login.

        Raises:
            psycopg.Error: the server refused; inside a transaction it is broken until rolled back to a savepoint.
        """
        return self.connection.execute(statement).fetchall()

    def attempt(
        self,
        *statements: str,
        identity: Identity | None = None,
        setup: Sequence[str] = (),
        truth: str = "",
        keep: bool = False,
    ) -> Trial:
        """Run statements in a savepoint, as `identity`, and roll them back (unless `keep` and all went well).

        `setup` is run as the catalog login before; `truth` is its query right after, still seeing all changes.
        """
        before = [*setup, *(identity.preamble() if identity else [])]
        self._heard.clear()
        script = ["SAVEPOINT probe", *before, *statements]
        back = ["SET LOCAL SESSION AUTHORIZATION DEFAULT", "RESET ROLE"] if identity and truth else []
        try:
            cursor = self._last_result("; ".join(script))
            rows = tuple(cursor.fetchall()) if cursor.description else ()
            count = cursor.rowcount
            seen = tuple(self._last_result("; ".join([*back, truth])).fetchall()) if truth else ()
            self.connection.execute("RELEASE SAVEPOINT probe" if keep else "ROLLBACK TO SAVEPOINT probe")
            return Trial((*before, *statements), rows, count, seen, notices=tuple(self._heard))
        except psycopg.Error as error:
            if self.connection.closed:
                raise
            self.connection.execute("ROLLBACK TO SAVEPOINT probe")
            heard = (*self._heard, *_details(error))
            state = error.sqlstate or "XX000"
            constraint = error.diag.constraint_name or ""
            return Trial(
                (*before, *statements), sqlstate=state, message=first_line(error), constraint=constraint, notices=heard
            )

    def _last_result(self, script: str) -> psycopg.Cursor:
        cursor = self.connection.execute(script)
        while cursor.nextset():
            pass
        return cursor

    def close(self) -> None:
        """End the session; the server rolls back what is open."""
        if "connection" in self.__dict__:
            self.connection.close()


def first_line(error: Exception) -> str:
    """The server's primary message, or the first line of what the client library said."""
    diagnosis = getattr(error, "diag", None)
    text = (diagnosis.message_primary if diagnosis else None) or str(error)
    return (text.strip().splitlines() or [type(error).__name__])[0]


def _details(error: psycopg.Error) -> list[str]:
    return [text for text in (error.diag.message_primary, error.diag.message_detail, error.diag.context) if text]
