"""What a request has left in the trail: the rows that came in while it was answered, and that are its own."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote

from chimera_compliance.journal import Journal
from chimera_compliance.probes.audit.cases import Case, member
from chimera_compliance.probes.audit.trail import Mark, Row, Trail
from chimera_compliance.probes.http.exchange import Exchange, Request
from chimera_compliance.probes.http.trust import USER_AGENT
from chimera_compliance.probes.openapi.operations import PATH_PARAMETER
from chimera_compliance.probes.ownership.throwaway import identifier_of
from chimera_compliance.probes.principals.principal import Principal
from chimera_compliance.probes.principals.tokens import claims_of
from chimera_compliance.target import Target

if TYPE_CHECKING:
    from chimera_compliance.probes.audit.refusals import Attempt


@dataclass(frozen=True)
class Who:
    """How the trail must call a principal; None where nobody knows."""

    name: str
    user: str | None
    tenant: str | None

    @classmethod
    def of(cls, target: Target, principal: Principal, token: str | None) -> "Who":
        """By the target file, by the claims of the token in use, by what the target file says of the principal."""
        names, claims = target.tokens.claims, claims_of(token) if token else {}
        user = target.audit.users.get(principal.name) or claims.get(names.subject) or principal.subject
        tenant = claims.get(names.tenant) if names.tenant else None
        tenant = target.audit.tenants.get(principal.name) or tenant or principal.tenant
        return cls(principal.name, user and str(user), tenant and str(tenant))


@dataclass(frozen=True)
class Run:
    """One request for a sensitive operation, and the rows that it has left."""

    case: Case
    exchange: Exchange
    who: Who
    agent: str
    began: float
    ended: float
    rows: tuple[Row, ...]
    observation: str = ""

    @property
    def subject(self) -> str:
        """The operation, and its action where it has several."""
        return self.case.subject

    @property
    def actual(self) -> str:
        """How many rows there were."""
        return f"{self.exchange.actual}, {counted(self.rows)}"

    @property
    def done(self) -> bool:
        """Whether the operation succeeded."""
        return self.exchange.ok

    @property
    def row(self) -> Row | None:
        """The row to be judged: of several, the one that names the action."""
        named = [row for row in self.rows if row["action"] == self.case.settings.action]
        return next(iter([*named, *self.rows]), None)

    @property
    def objects(self) -> list[str]:
        """What the row may name as the object: what the target file says, else what was made or what the path names."""
        answer, path = self.exchange.json(), self.in_path(self.exchange.request)
        if names := self.case.settings.resource:
            return [value for name in names for value in (path.get(name), *member(answer, name)[:1]) if value]
        made = None if self.case.operation.method == "DELETE" else identifier_of(self.exchange, "id")
        if not path:
            return [made] if made else []
        return [value for value in (list(path.values())[-1], made) if value]

    def in_path(self, request: Request) -> dict[str, str]:
        """The parameters in the path of a request for the same operation."""
        template = self.case.operation.path.strip("/").split("/")
        sent = request.path.partition("?")[0].strip("/").split("/")
        pairs = zip(template, sent[-len(template) :], strict=False)
        return {name: unquote(value) for part, value in pairs for name in PATH_PARAMETER.findall(part)}


def counted(rows: Iterable[Row]) -> str:
    """How many rows there are, in words."""
    count = len(list(rows))
    return {0: "no row", 1: "one row"}.get(count, f"{count} rows")


def new_agent(what: str = "audit probe") -> str:
    """A user agent that no other request has."""
    return f"{USER_AGENT} ({what} {secrets.token_hex(6)})"


@dataclass
class Reader:
    """Tells the rows of our own requests from those that others leave meanwhile."""

    trail: Trail
    journal: Journal
    people: list[Who] = field(default_factory=list)

    def of_run(self, mark: Mark, agent: str, exchange: Exchange) -> list[Row]:
        """The rows that a request has left since a mark; waits for the first of them where it succeeded."""
        ours = lambda rows: [row for row in rows if self.is_ours(row, agent)]  # noqa: E731
        if not exchange.ok:
            return ours(self.trail.since(mark))
        found = ours(self.trail.await_rows(mark, lambda rows: bool(ours(rows))))
        if not found:  # who leaves none will leave none the next time either
            self.trail.patience = min(self.trail.patience, 0.3)
        return found

    def is_ours(self, row: Row, agent: str) -> bool:
        """Whether a new row can be of the request with that user agent."""
        told = str(row["agent"] or "")
        if marker(agent) in told:
            return True
        if told.startswith(USER_AGENT):  # of another check, or of another request of this one
            return False
        return self._names_us(row)

    def is_anybodys(self, row: Row) -> bool:
        """Whether a row is of any request of the suite."""
        return USER_AGENT in str(row["agent"] or "") or self._names_us(row)

    def _names_us(self, row: Row) -> bool:
        return any(str(row[role]) == value for who in self.people for role, value in self._of(who) if value)

    def _of(self, who: Who) -> tuple[tuple[str, str | None], ...]:
        return ("user", who.user), ("tenant", who.tenant)

    def keep(self, run: Case, exchange: Exchange, rows: Iterable[Row], what: str = "") -> str:
        """The rows as an observation, beside the answer that they belong to."""
        found = list(rows)
        return self.journal.record(
            "sql",
            run.subject,
            sent={"request": exchange.subject, "in": exchange.observation, **({"note": what} if what else {})},
            received={"answer": exchange.actual, "rows": [_short(row) for row in found]},
            raw=repr([row.values for row in found]).encode(),
            reproduce=self.reproduce(),
        )

    def reproduce(self) -> str:
        """The command that shows the latest rows."""
        table = self.trail.tables[0].sql if self.trail.tables else "audit_logs"
        column = self.trail.settings.columns.time
        return f'psql "$CATALOG_DSN" <<\'SQL\'\nSELECT * FROM {table} ORDER BY "{column}" DESC LIMIT 10;\nSQL'


def with_late(item: "Run | Attempt", rows: list[Row]) -> tuple[Row, ...]:
    """The rows of a request with those that carry its user agent and came later."""
    known = {row.key for row in item.rows}
    late = [row for row in rows if row.key not in known and marker(item.agent) in str(row["agent"] or "")]
    return (*item.rows, *late)


def marker(agent: str) -> str:
    """The part of a user agent that makes it ours."""
    return agent.partition(" (")[2].partition(")")[0]


def _short(row: Row) -> dict[str, str]:
    return {name: str(value)[:300] for name, value in row.values.items()}
