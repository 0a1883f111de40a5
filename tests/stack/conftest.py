"""One supervisor for the tests of a process; a variant of its own for whoever changes something."""

from collections.abc import Callable, Iterator

import psycopg
import pytest
from chimera_client import Chimera

from chimera_compliance.stack import Running, Stack


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with Stack.start() as stack:
        yield stack


@pytest.fixture(scope="module")
def boot(stack: Stack) -> Iterator[Callable[[str | None], Running]]:
    """Boots variants that are stopped after the module."""
    booted = []

    def one(variant: str | None = None) -> Running:
        booted.append(stack.boot(variant))
        return booted[-1]

    yield one
    for running in booted:
        stack.stop(running)


@pytest.fixture(scope="module")
def reference(boot) -> Running:
    return boot(None)


@pytest.fixture(scope="module")
def chimera(reference: Running) -> Chimera:
    return Chimera.of(reference)


@pytest.fixture
def app_db(chimera: Chimera) -> Iterator[psycopg.Connection]:
    """A session as the application's own login; rolled back."""
    with psycopg.connect(chimera.target.dsn(chimera.target.db.dsn)) as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def superuser(chimera: Chimera) -> Iterator[psycopg.Connection]:
    """A session that sees everything; changes stay."""
    dsn = chimera.target.dsn(chimera.target.db.catalog_dsn)
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection
