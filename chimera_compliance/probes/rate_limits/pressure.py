"""What gets through while a limit is exhausted.

An exhausted limit does not stay so: windows move, buckets refill. So every probe goes out among requests that must be
refused, in rounds; a probe counts as admitted only if it got through in every round in which those did not.

Pipelined requests are answered one after the other, and outlast those among which they were sent. They count as
admitted only if more of them got through than a limit refills in that time.
"""

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from chimera_compliance.probes.http.api import Api
from chimera_compliance.probes.http.exchange import Exchange, Request
from chimera_compliance.probes.rate_limits.bursts import Burst, fire
from chimera_compliance.probes.rate_limits.classes import Quota

_ROUNDS = 6
_REFILLS = 3
_LEAD_SECONDS = 0.5
_LONGEST_LEAD = 32
_EVERY = 3
_NEVER_ANSWERED = "it was never answered"
_REFILLED = "no more got through than the limit may have refilled while the answers were awaited"
_PLAIN = -1
_THROUGH, _REFUSED, _UNANSWERED = range(3)


@dataclass(frozen=True)
class Probe:
    """A request that must be refused while the limit is exhausted; `make` builds a new one for each round.

    Several `at_once` are pipelined on one connection, and each of them must be refused.
    """

    family: str
    name: str
    make: Callable[[], Request]
    at_once: int = 1

    def requests(self) -> list[Request]:
        """What a round sends."""
        if self.at_once == 1:
            return [self.make()]
        made = enumerate([self.make() for _ in range(self.at_once)], 1)
        return [replace(one, pipeline=self.name, note=f"{one.note}, {place} of {self.at_once}") for place, one in made]


@dataclass(frozen=True)
class Pressed:
    """How a probe fared: `admitted` in every round, or `undecided` and why; else it was refused.

    `exchange` tells it; `at_once` are all that were pipelined with it, and `gained` is how many of those got through in
    all rounds beyond what the limit refilled.
    """

    probe: Probe
    exchange: Exchange
    admitted: bool = False
    undecided: str = ""
    at_once: tuple[Exchange, ...] = ()
    gained: float = 0.0

    @property
    def subject(self) -> str:
        """The operation."""
        return self.exchange.subject

    @property
    def actual(self) -> str:
        """What was answered last."""
        return self.exchange.actual

    @property
    def observation(self) -> str:
        """The exchange."""
        return self.exchange.observation


def press(api: Api, quota: Quota, probes: Iterable[Probe], admits: Callable[[Exchange], bool]) -> list[Pressed]:
    """Send the probes while the quota is exhausted, exhausting it again where it has recovered meanwhile.

    `admits` says which answers mean that the limiter let a probe through; any other settles it.
    """

    def fate(exchange: Exchange) -> int:
        if exchange.status in quota.burst.refusal_statuses or (exchange.answered and not admits(exchange)):
            return _REFUSED
        return _THROUGH if exchange.answered else _UNANSWERED

    open_probes = {id(probe): Pressed(probe, Exchange(probe.make())) for probe in probes}
    settled: list[Pressed] = []
    rounds = refills = 0
    while open_probes and rounds < _ROUNDS:
        answers, decisive = _round(api, quota, [item.probe for item in open_probes.values()])
        for key, exchanges in zip(list(open_probes), answers, strict=True):
            fates, item = [fate(exchange) for exchange in exchanges], open_probes[key]
            common, telling = _common(fates)
            gained = item.gained + decisive * (fates[1:].count(_THROUGH) - _refill(quota, exchanges[-1].seconds))
            open_probes[key] = Pressed(item.probe, exchanges[telling], at_once=tuple(exchanges), gained=gained)
            if common == _REFUSED:
                settled.append(open_probes.pop(key))
        rounds += decisive
        if not decisive:
            if refills == _REFILLS:
                break
            refills += 1
            exhaust_again(api, quota)
    return settled + [_last(item, rounds) for item in open_probes.values()]


def exhaust_again(api: Api, quota: Quota) -> Burst:
    """Reach the limit once more; what it shows of refusals is added to what is known of the quota."""
    began = time.monotonic()
    again = fire(api, quota.make, quota.limit, quota.control)
    quota.note(again.exchanges, began)
    return again


def _last(item: Pressed, rounds: int) -> Pressed:
    if rounds < _ROUNDS:
        return replace(item, undecided="the limit could not be kept exhausted long enough")
    if not item.exchange.answered:
        return replace(item, undecided=item.exchange.error or _NEVER_ANSWERED)
    if item.probe.at_once > 1 and item.gained <= 0:
        return replace(item, undecided=_REFILLED)
    return replace(item, admitted=True)


def _common(fates: list[int]) -> tuple[int, int]:
    """What several at once come to, and which of them tells it: they got through if most behind the first did."""
    best = min(fates)
    if best == _THROUGH and len(fates) > 1 and 2 * fates[1:].count(_THROUGH) < len(fates):
        best = _REFUSED
    return best, fates.index(best) if best in fates else 0


def _round(api: Api, quota: Quota, probes: list[Probe]) -> tuple[list[list[Exchange]], bool]:
    """The answers to each probe, and whether most of the requests among them were refused."""
    lead = _lead(quota)
    batch: list[tuple[Request, int]] = [(quota.make(), _PLAIN)] * (lead + 1)
    for place, probe in enumerate(probes):
        batch += [(request, place) for request in probe.requests()]
        if place % _EVERY == _EVERY - 1:
            batch.append((quota.make(), _PLAIN))
    batch += [(quota.make(), _PLAIN)] * 2
    began = time.monotonic()
    answers: dict[int, list[Exchange]] = defaultdict(list)
    for (_, place), exchange in zip(batch, api.send([r for r, _ in batch], retry_limited=False), strict=True):
        answers[place].append(exchange)
    plain = answers.pop(_PLAIN)
    quota.note(plain, began)
    among = plain[lead:]
    refused = [exchange for exchange in among if not quota.burst.served(exchange)]
    return [answers[place] for place in range(len(probes))], 2 * len(refused) >= len(among)


def _lead(quota: Quota) -> int:
    """Requests that use up what a bucket has refilled since the last round."""
    return min(_LONGEST_LEAD, math.ceil(_refill(quota, _LEAD_SECONDS)))


def _refill(quota: Quota, seconds: float) -> float:
    """How many requests become free in this time."""
    return quota.limit.limit / quota.limit.window_seconds * seconds
