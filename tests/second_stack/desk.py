"""The database as the application uses it: a few kept connections, and one person for each transaction."""

from collections.abc import Iterator
from contextlib import contextmanager
from queue import LifoQueue

import psycopg
from psycopg.rows import dict_row

from second_stack.badges import Badge, Refused


class Connections:
    """At most `size` connections of one login, opened when first needed and given back clean."""

    def __init__(self, dsn: str, size: int) -> None:
        self._dsn = dsn
        self._free: LifoQueue[psycopg.Connection | None] = LifoQueue()
        for _ in range(size):
            self._free.put(None)

    @contextmanager
    def transaction(self) -> Iterator[psycopg.Connection]:
        """A transaction: committed at the end, rolled back by an exception."""
        connection = self._free.get(timeout=10)
        try:
            if connection is None or connection.closed:
                connection = psycopg.connect(self._dsn, autocommit=True, row_factory=dict_row)
            with connection.transaction():
                yield connection
        finally:
            self._free.put(connection)


class Desk:
    """Transactions on behalf of somebody, and the door."""

    def __init__(self, web_dsn: str, doorman_dsn: str) -> None:
        self._web, self._doorman = Connections(web_dsn, 8), Connections(doorman_dsn, 2)

    @contextmanager
    def working_for(self, badge: Badge, caller: tuple[str, str]) -> Iterator[psycopg.Connection]:
        """A transaction that sees what this person may see, and whose writes are noted as theirs.

        Raises:
            Refused: the person is gone, suspended, in another organisation or no longer in that group.
        """
        with self._web.transaction() as connection:
            connection.execute("SET LOCAL ROLE desk_worker")
            connection.execute(_WORKS_FOR, (str(badge.person_id), *caller))
            if connection.execute(_STANDING, (badge.org_id, badge.group)).fetchone() is None:
                raise Refused
            yield connection

    def knock(self, login: str) -> dict | None:
        """What is needed to judge a password."""
        with self._doorman.transaction() as connection:
            return connection.execute("SELECT * FROM gate.knock(%s)", (login,)).fetchone()


_WORKS_FOR = """
SELECT set_config('helpdesk.person_id', %s, true), set_config('helpdesk.address', %s, true),
    set_config('helpdesk.program', %s, true)
"""
_STANDING = """
SELECT FROM desk.memberships
WHERE active AND org_id IN (SELECT gate.organisations()) AND org_id = %s AND %s = ANY (groups)
"""
