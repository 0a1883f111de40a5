"""The API as a client sees it: sends requests, keeps every exchange in the journal, judges nothing."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from yarl import URL

from chimera_compliance.errors import OutOfScope
from chimera_compliance.journal import Journal
from chimera_compliance.outcomes import Inconclusive
from chimera_compliance.probes.http.engine import Engine
from chimera_compliance.probes.http.exchange import Exchange, Headers, Outgoing, Request
from chimera_compliance.probes.http.limiter import wait_for
from chimera_compliance.probes.http.transcript import keep
from chimera_compliance.probes.http.trust import (
    RUN_HEADER,
    USER_AGENT,
    absolute,
    in_scope,
    standing_headers,
    tls_context,
)
from chimera_compliance.target import Target

if TYPE_CHECKING:
    from chimera_compliance.probes.openapi.operations import Operation
    from chimera_compliance.probes.principals.principal import Principal

__all__ = ["Api", "BudgetExhausted", "Exchange", "Request", "Unresponsive"]

_PATIENCE_WITH_LIMITER = 300.0
_FRUITLESS_ROUNDS = 2
_SILENT_AFTER = 40
_ASK_AGAIN_AFTER = 10.0


class BudgetExhausted(Inconclusive):
    """The run would send more requests than the target's scope allows."""


class Unresponsive(Inconclusive):
    """Nothing has answered for so long that further requests would tell nothing."""


class Api:
    """The target's HTTP interface; a context manager, for it owns connections and a thread.

    `workers` is the number of processes that share the scope's budget and rate.
    """

    def __init__(self, target: Target, journal: Journal, *, workers: int = 1) -> None:
        scope = target.scope
        self.run_id = journal.run_id
        self.target, self.journal = target, journal
        self._unanswered, self._ask_again = 0, 0.0
        self._budget = max(1, scope.requests // workers)
        self._authorities = bool(target.api and target.api.ca_file)
        self._engine = Engine(
            tls_context(target),
            concurrency=max(1, scope.concurrency // workers),
            rate=scope.requests_per_second / workers,
            timeout=scope.timeout_seconds,
        )

    def __enter__(self) -> "Api":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._engine.close()

    @property
    def requests_sent(self) -> int:
        """How many requests went out, repeated ones included."""
        return self._engine.sent

    def authorization(self, token: str) -> Headers:
        """The header that carries a token, as the target's settings say."""
        tokens = self.target.tokens
        return ((tokens.header, f"{tokens.scheme} {token}".strip()),)

    def send(self, requests: Iterable[Request], *, retry_limited: bool = True) -> list[Exchange]:
        """Send all, concurrently, and return the exchanges in the order of the requests.

        With `retry_limited`, what a limiter refused (429) is sent again when the limiter resets, for five minutes
        at most.

        Raises:
            OutOfScope: a URL's host is not in the target's scope; nothing was sent.
            BudgetExhausted: there are more requests than the scope still allows; nothing was sent.
            Unresponsive: the last 40 requests got no answer, and a plain one to the base URL gets none either.
        """
        batch = [self._prepare(request) for request in requests]
        self._require_somebody()
        exchanges = self._exchange(batch)
        patient = [exchange for exchange in exchanges if exchange.request.patience is None]
        silent = patient and not any(exchange.answered for exchange in exchanges)
        self._unanswered = self._unanswered + len(patient) if silent or not patient else 0
        if retry_limited:
            self._retry_limited(batch, exchanges)
        return exchanges

    def sweep(
        self,
        operations: Sequence["Operation"],
        *,
        token: str | None = None,
        principal: "Principal | None" = None,
        headers: Headers = (),
        note: str = "",
        body: bool = True,
        harmless: bool | None = None,
    ) -> list[Exchange]:
        """One request to each operation, with a token or without, filled with real ids of the principal (or alice).

        Where the scope forbids writes, operations that change data are sent `harmless` (made-up ids, an invalid
        body); one that cannot be is not sent, and its exchange says so.
        """
        carried = (*headers, *(self.authorization(token) if token is not None else ()))
        careful = not self.target.scope.writes if harmless is None else harmless
        made = [
            operation.request(principal, harmless=careful and operation.unsafe, headers=carried, note=note, body=body)
            for operation in operations
        ]
        withheld = [careful and operation.unsafe and not operation.can_be_harmless for operation in operations]
        sent = iter(self.send([request for request, hold in zip(made, withheld, strict=True) if not hold]))
        return [
            Exchange(request, error="not sent: scope.writes is false") if hold else next(sent)
            for request, hold in zip(made, withheld, strict=True)
        ]

    def _prepare(self, request: Request) -> Outgoing:
        url = in_scope(self.target, absolute(self.target, request.path))
        standing = standing_headers(self.target, url)
        own = {name.lower() for name, _ in request.headers}
        defaults = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": USER_AGENT, **standing}
        added = [(name, value) for name, value in defaults.items() if name.lower() not in own]
        self._keep_credentials_home(url, own)
        return Outgoing(
            request, _encoded(url), (*added, (RUN_HEADER, self.journal.run_id), *_spelled_alike(request.headers))
        )

    def _keep_credentials_home(self, url: str, names: set[str]) -> None:
        home = self.target.api and urlsplit(self.target.api.base_url).hostname
        carries = names & {self.target.tokens.header.lower(), "authorization", "cookie"}
        if carries and urlsplit(url).hostname != home:
            raise OutOfScope(f"a credential would leave {home} for {urlsplit(url).hostname}")

    def _exchange(self, batch: list[Outgoing]) -> list[Exchange]:
        if self.requests_sent + len(batch) > self._budget:
            left = max(0, self._budget - self.requests_sent)
            raise BudgetExhausted(f"{len(batch)} more requests are needed and scope.requests leaves {left}")
        kept = []
        for outgoing, exchange in zip(batch, self._engine.run(batch), strict=True):
            observation = keep(self.journal, outgoing, exchange, authorities=self._authorities)
            kept.append(replace(exchange, observation=observation))
        return kept

    def _require_somebody(self) -> None:
        """A server that hangs would cost a timeout for every request of the run."""
        if self._unanswered < _SILENT_AFTER:
            return
        if time.monotonic() >= self._ask_again:
            if self._exchange([self._prepare(Request("GET", "/", note="is anybody there"))])[0].answered:
                self._unanswered = 0
                return
            self._ask_again = time.monotonic() + _ASK_AGAIN_AFTER
        raise Unresponsive(f"the API has not answered the last {self._unanswered} requests")

    def _retry_limited(self, batch: list[Outgoing], exchanges: list[Exchange]) -> None:
        """Send what was limited again, in rounds, as long as rounds get anywhere."""
        deadline, fruitless, attempt = time.monotonic() + _PATIENCE_WITH_LIMITER, 0, 0
        limited = _limited(exchanges)
        while limited and fruitless < _FRUITLESS_ROUNDS:
            pause = wait_for([exchanges[place] for place in limited], attempt)
            if time.monotonic() + pause > deadline or self.requests_sent + len(limited) > self._budget:
                return
            time.sleep(pause)
            for place, again in zip(limited, self._exchange([batch[place] for place in limited]), strict=True):
                exchanges[place] = again
            before, limited, attempt = len(limited), _limited(exchanges), attempt + 1
            fruitless = fruitless + 1 if len(limited) == before else 0


def _spelled_alike(headers: Headers) -> Headers:
    """A name given twice keeps its first spelling: aiohttp would drop the first of two that differ in case."""
    spelling: dict[str, str] = {}
    return tuple((spelling.setdefault(name.lower(), name), value) for name, value in headers)


def _limited(exchanges: list[Exchange]) -> list[int]:
    return [place for place, exchange in enumerate(exchanges) if exchange.status == 429]


def _encoded(url: str) -> URL:
    """The URL as yarl keeps it byte for byte; what no request line can hold is percent-encoded.

    Built from its parts: parsing the text would cut a ``#`` off.
    """
    scheme, _, rest = url.partition("://")
    ends = [place for place in map(rest.find, "/?") if place >= 0]
    authority, target = (rest[: min(ends)], rest[min(ends) :]) if ends else (rest, "")
    path, _, query = target.partition("?")
    host, _, port = authority.rpartition("@")[2].rpartition(":") if _has_port(authority) else (authority, "", "")
    return URL.build(
        scheme=scheme,
        host=host,
        port=int(port) if port else None,
        path=_printable(path or "/"),
        query_string=_printable(query),
        encoded=True,
    )


def _has_port(authority: str) -> bool:
    return ":" in authority.rpartition("]")[2]


def _printable(text: str) -> str:
    if text.isascii() and text.isprintable() and " " not in text:
        return text
    return "".join(c if "!" <= c <= "~" else "".join(f"%{byte:02X}" for byte in c.encode()) for c in text)
