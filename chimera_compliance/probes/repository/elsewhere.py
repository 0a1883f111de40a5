"""Looks for the real secrets outside of the repository: in what the API answers, in the audit table, in logs."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from chimera_compliance.journal import Journal
from chimera_compliance.probes.repository.exact import Exact
from chimera_compliance.probes.secrets.needles import Needle
from chimera_compliance.target import Target

_MOST_ROWS = 20_000
_MOST_LOG = 256 << 20
_CALLERS_OWN = ("principals.", "tokens.", "api.headers")


@dataclass(frozen=True)
class Exposed:
    """A real secret in a place that shows it to somebody."""

    subject: str
    actual: str
    observation: str = ""


def not_the_callers(needles: Iterable[Needle]) -> list[Needle]:
    """Without what a caller sends: an API may hand somebody back their own token. Keys that sign are everybody's."""
    return [one for one in needles if not one.secret.startswith(_CALLERS_OWN) or ".mint." in f".{one.secret}."]


def in_texts(exact: Exact, texts: Iterable[tuple[str, bytes, str]]) -> list[Exposed]:
    """Of some (subject, octets, observation), those that hold a secret; each once."""
    found: dict[tuple[str, str], Exposed] = {}
    for subject, octets, observation in texts:
        for one in exact.look(octets):
            found.setdefault((subject, one.secret), Exposed(subject, f"holds {one.secret} ({one.form})", observation))
    return list(found.values())


def answers(exchanges: Iterable) -> Iterator[tuple[str, bytes, str]]:
    """Bodies and headers of what the API has answered."""
    for exchange in exchanges:
        headers = "\n".join(f"{name}: {value}" for name, value in exchange.headers)
        yield exchange.subject, exchange.body + b"\n" + headers.encode("utf-8", "surrogateescape"), exchange.observation


def audit_rows(target: Target, journal: Journal) -> list[tuple[str, bytes, str]]:
    """The rows of the audit table, newest first as far as the table tells.

    Raises:
        psycopg.Error: the database or the table cannot be read.
    """
    import psycopg
    from psycopg import sql

    dsn = target.dsn(target.db.catalog_dsn or target.db.dsn)
    table = target.db.audit_table
    name = sql.Identifier(*table.split("."))
    with psycopg.connect(dsn, connect_timeout=int(target.scope.timeout_seconds)) as connection:
        connection.read_only = True
        seconds = int(target.db.statement_timeout_seconds * 1000)
        connection.execute(sql.SQL("SET LOCAL statement_timeout = {}").format(sql.Literal(seconds)))
        query = sql.SQL("SELECT t::text FROM {} t ORDER BY ctid DESC LIMIT {}").format(name, sql.Literal(_MOST_ROWS))
        rows = [row[0] for row in connection.execute(query)]
    observation = journal.record(
        "sql",
        f"table {table}",
        sent={"statement": f"SELECT * FROM {table}"},
        received={"rows": len(rows)},
        reproduce=f'psql "$CATALOG_DSN" -c "SELECT * FROM {table}"',
    )
    return [(f"table {table}", row.encode("utf-8", "surrogatepass"), observation) for row in rows]


def log(path: Path) -> bytes:
    """A log file, of a large one the end.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as opened:
        size = opened.seek(0, 2)
        opened.seek(max(0, size - _MOST_LOG))
        return opened.read()
