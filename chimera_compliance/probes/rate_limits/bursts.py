"""A burst: as many requests as it takes to be refused, or to know that there is no limit.

A counter may be a fixed window that ends in the middle of the burst (twice the limit is then admitted), a moving one,
or a bucket that refills meanwhile; so what may be admitted depends on the seconds that the burst took, and a machine
too slow to exceed a limit has shown nothing.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from chimera_compliance.outcomes import Inconclusive
from chimera_compliance.probes.http.api import Api
from chimera_compliance.probes.http.exchange import Exchange, Request
from chimera_compliance.probes.rate_limits.headers import Told, told
from chimera_compliance.target import RateLimit

_CHUNK = 64
_SMALLEST_CHUNK = 24
_PATIENCE = 12.0


def tolerance(limit: RateLimit) -> int:
    """What a limiter may admit beyond its limit: a tenth, at least two requests."""
    return max(2, math.ceil(limit.limit / 10))


@dataclass
class Burst:
    """What came of it; `control` is the same request as it was answered before."""

    limit: RateLimit
    control: Exchange
    exchanges: list[Exchange] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    seconds: float = 0.0
    cut_short: str = ""

    def served(self, exchange: Exchange) -> bool:
        """Whether it was treated as before the limit was reached."""
        return exchange.answered and (exchange.ok or exchange.status == self.control.status)

    @property
    def admitted(self) -> int:
        """How many requests were served."""
        return sum(map(self.served, self.exchanges))

    @property
    def refusals(self) -> list[Exchange]:
        """Those that were not, in order."""
        return [exchange for exchange in self.exchanges if not self.served(exchange)]

    @property
    def first_refusal(self) -> Exchange | None:
        """The first 429, or whatever else stands for one."""
        limited = (exchange for exchange in self.refusals if exchange.status == 429)
        return next(limited, next(iter(self.refusals), None))

    @property
    def refused(self) -> bool:
        """Whether a limit was reached."""
        return bool(self.refusals)

    @property
    def refusal_statuses(self) -> set[int | None]:
        """The statuses that mean: too often."""
        return {429, *(exchange.status for exchange in self.refusals)}

    @property
    def allowance(self) -> float:
        """What a right limiter admits in the time that the burst took, if no window ended in it."""
        return self.limit.limit * (1 + self.seconds / self.limit.window_seconds) + tolerance(self.limit)

    @property
    def excessive(self) -> bool:
        """Whether more was admitted, which a fixed window that ended meanwhile may explain."""
        return self.admitted > self.allowance

    @property
    def unlimited(self) -> bool:
        """Whether so much was admitted that nothing explains it."""
        return self.admitted > self.allowance + self.limit.limit

    @property
    def untested(self) -> str:
        """Why the burst has not shown whether there is a limit; empty where it has."""
        if self.refused or self.unlimited:
            return ""
        reached = f"only {len(self.exchanges) / max(self.seconds, 0.001):.0f} requests a second were reached"
        return self.cut_short or f"{reached}, too few to exceed {self.limit.limit} in {self.limit.window_seconds:g} s"

    @property
    def _hopeless(self) -> bool:
        """Whether going on will not exceed the limit; short windows are given time, for a machine may be busy."""
        window = self.limit.window_seconds
        slow = len(self.exchanges) / max(self.seconds, 0.001) * window < self.limit.limit + tolerance(self.limit)
        return self.seconds > max(2 * window, _PATIENCE) or (slow and self.seconds > max(window / 2, _PATIENCE))

    def add(self, exchanges: list[Exchange], seconds: float) -> bool:
        """Take more exchanges; whether the burst must go on."""
        now = time.time()
        self.exchanges += exchanges
        self.told += [told(exchange, now) for exchange in exchanges]
        self.seconds = seconds
        return not (self.refused or self.unlimited or self._hopeless)


def fire(api: Api, make: Callable[[], Request], limit: RateLimit, control: Exchange) -> Burst:
    """Send in chunks until something is refused, or it is clear that nothing will be."""
    burst, began = Burst(limit, control), time.monotonic()
    if reason := out_of_scope(api, limit):
        burst.cut_short = reason
        return burst
    size = min(_CHUNK, max(_SMALLEST_CHUNK, limit.limit + tolerance(limit)))
    try:
        while burst.add(api.send([make() for _ in range(size)], retry_limited=False), time.monotonic() - began):
            continue
    except Inconclusive as error:
        burst.cut_short = str(error)
    return burst


def out_of_scope(api: Api, limit: RateLimit) -> str:
    """Why the target's scope does not allow a burst beyond this limit; empty where it does.

    Half of the budget that is left is kept for others.
    """
    scope, needed = api.target.scope, limit.limit + tolerance(limit)
    left = scope.requests - api.requests_sent
    if scope.requests_per_second * limit.window_seconds < needed:
        return f"scope.requests_per_second is too low to send {needed} requests in {limit.window_seconds:g} s"
    if needed + _CHUNK > left // 2:
        return (
            f"a burst takes {needed + _CHUNK} requests and scope.requests leaves {max(0, left)}, half of it for others"
        )
    return ""
