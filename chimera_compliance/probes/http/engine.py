"""The sweep engine: many requests at once, over one aiohttp session in a background thread.

aiohttp costs about a tenth of the client time of `requests`, so a sweep is bound by the server and by the
target's own limits. Nothing here raises on what a server does: a hang, a reset or nonsense is an answer too.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import groupby
from queue import SimpleQueue
from ssl import SSLContext

import aiohttp
from aiohttp import ClientTimeout, DummyCookieJar, TCPConnector

from chimera_compliance.probes.http.exchange import Exchange, Outgoing
from chimera_compliance.probes.http.explain import explain, never_reached
from chimera_compliance.probes.http.pipeline import pipelined
from chimera_compliance.probes.http.reading import LARGEST_FIELD, exchange_of, head, read

_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"})
_IMPATIENT_AFTER = 16
_IMPATIENT_SECONDS = 1.0
_IDLE_SECONDS = 1.5
"""Idle connections are closed before servers do it (gunicorn after 2 s, uvicorn 5): a POST would not survive that."""


@dataclass
class Pace:
    """Spreads the requests to one host: at most `rate` a second, with a burst of 50 ms."""

    rate: float
    due: float = 0.0

    async def turn(self) -> None:
        """Wait until the next request may go."""
        now = asyncio.get_running_loop().time()
        self.due = max(self.due, now - 0.05) + 1 / self.rate
        if self.due > now:
            await asyncio.sleep(self.due - now)


class Engine:
    """Sends requests concurrently and hands the exchanges out in order, as they come in."""

    def __init__(self, tls: SSLContext, *, concurrency: int, rate: float, timeout: float) -> None:
        self.sent = 0
        self._tls, self._concurrency, self._rate, self._timeout = tls, concurrency, rate, timeout
        self._paces: dict[str, Pace] = {}
        self._silent = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="compliance-http", daemon=True)
        self._session: aiohttp.ClientSession | None = None
        self._retired: list[aiohttp.ClientSession] = []
        self._thread.start()

    def run(self, batch: list[Outgoing]) -> Iterator[Exchange]:
        """The exchange of each request, in the order of the requests."""
        if not batch:
            return
        done: SimpleQueue[tuple[int, Exchange] | BaseException] = SimpleQueue()
        future = asyncio.run_coroutine_threadsafe(self._run(batch, done), self._loop)
        early: dict[int, Exchange] = {}
        try:
            for position in range(len(batch)):
                while position not in early:
                    item = done.get()
                    if isinstance(item, BaseException):
                        raise item
                    early[item[0]] = item[1]
                yield early.pop(position)
        finally:
            future.cancel()

    def close(self) -> None:
        """Close all connections and end the thread."""
        for session in filter(None, (self._session, *self._retired)):
            asyncio.run_coroutine_threadsafe(session.close(), self._loop).result(5)
        self._session, self._retired = None, []
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        if not self._thread.is_alive():
            self._loop.close()

    async def _run(self, batch: list[Outgoing], done: SimpleQueue) -> None:
        work = iter(_together(batch))
        try:
            async with asyncio.TaskGroup() as workers:
                for _ in range(min(self._concurrency, len(batch))):
                    workers.create_task(self._work(work, done))
        except BaseExceptionGroup as group:
            done.put(group.exceptions[0])

    async def _work(self, work: Iterator[list[tuple[int, Outgoing]]], done: SimpleQueue) -> None:
        for together in work:
            outgoing = [item for _, item in together]
            piped = outgoing[0].request.pipeline
            exchanges = await self._pipeline(outgoing) if piped else [await self._exchange(outgoing[0])]
            for (position, _), exchange in zip(together, exchanges, strict=True):
                done.put((position, exchange))

    async def _pipeline(self, batch: list[Outgoing]) -> list[Exchange]:
        """All at once, on a connection of their own; never tried again, for some may have been answered."""
        for outgoing in batch:
            await self._turn(outgoing)
        return await pipelined(batch, self._tls, batch[0].request.patience or self._patience)

    async def _turn(self, outgoing: Outgoing) -> None:
        """Wait until the request may go, and count it."""
        await self._paces.setdefault(outgoing.url.authority, Pace(self._rate)).turn()
        self.sent += 1

    async def _exchange(self, outgoing: Outgoing) -> Exchange:
        """One request, tried once more when the connection failed and nothing can have been done twice."""
        try:
            exchange, again = await self._attempt(outgoing)
            return (await self._attempt(outgoing))[0] if again else exchange
        except Exception as error:  # a malformed request: aiohttp refuses to put it on the wire
            return Exchange(outgoing.request, error=explain(error, self._patience))

    async def _attempt(self, outgoing: Outgoing) -> tuple[Exchange, bool]:
        request = outgoing.request
        await self._turn(outgoing)
        seen: dict = {}
        clock, patience = asyncio.get_running_loop(), request.patience or self._patience
        started = clock.time()
        try:
            async with asyncio.timeout(patience), self._opened(outgoing) as response:
                seen |= head(response.status, response.reason, response.raw_headers)
                if _has_surplus(response):
                    self._stop_reusing_connections()
                await read(response.content, seen)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            seen["error"] = explain(error, patience)
            if request.patience is None:
                self._note_silence(error, seen)
            broken = isinstance(error, aiohttp.ClientError | ConnectionError) and "status" not in seen
            again = never_reached(error) or (request.method in _IDEMPOTENT and broken)
            return exchange_of(request, seen | {"seconds": clock.time() - started}), again
        self._silent = 0
        return exchange_of(request, seen | {"seconds": clock.time() - started}), False

    def _note_silence(self, error: Exception, seen: dict) -> None:
        silent = isinstance(error, TimeoutError) and "status" not in seen
        self._silent = self._silent + 1 if silent else 0

    @property
    def _patience(self) -> float:
        """Seconds a request may take; few once many requests in a row found a server that does not answer."""
        return min(self._timeout, _IMPATIENT_SECONDS) if self._silent >= _IMPATIENT_AFTER else self._timeout

    @asynccontextmanager
    async def _opened(self, outgoing: Outgoing) -> AsyncIterator[aiohttp.ClientResponse]:
        if self._session is None:
            self._session = self._make_session()
        request = outgoing.request
        response = await self._session.request(
            request.method, outgoing.url, headers=outgoing.headers, data=request.body, allow_redirects=False
        )
        try:
            yield response
        finally:
            response.release() if response.content.at_eof() else response.close()

    def _stop_reusing_connections(self) -> None:
        """From now on every request has a connection of its own; those that are open serve who holds them."""
        if self._session is not None and not self._retired:
            self._retired.append(self._session)
            self._session = self._make_session(force_close=True)

    def _make_session(self, force_close: bool = False) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=TCPConnector(limit=self._concurrency, ssl=self._tls, force_close=force_close),
            cookie_jar=DummyCookieJar(),
            timeout=ClientTimeout(total=None),
            auto_decompress=False,
            skip_auto_headers=["Content-Type"],
            max_line_size=LARGEST_FIELD,
            max_field_size=LARGEST_FIELD,
        )


def _together(batch: list[Outgoing]) -> Iterator[list[tuple[int, Outgoing]]]:
    """The requests and their places: those of one pipeline to one server in one piece, every other alone."""

    def piece(item: tuple[int, Outgoing]) -> object:
        position, outgoing = item
        pipeline = outgoing.request.pipeline
        return (pipeline, outgoing.url.origin()) if pipeline else position

    for _, together in groupby(enumerate(batch), key=piece):
        yield list(together)


def _has_surplus(response: aiohttp.ClientResponse) -> bool:
    """Whether a body may follow where none may be, which the next answer on that connection would begin with."""
    return response.status == 204 and response.headers.get("Content-Length", "0") != "0"
