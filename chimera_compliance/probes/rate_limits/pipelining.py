"""Requests pipelined on one connection (RFC 9112, 9.3.2), each of which must be counted and refused.

Where the limiter has refused several of them, the server reads them all. Where it has not (a server may close the
connection after each answer, or after a refusal) such requests must be seen to be served after the limit has
recovered: until then nobody knows whether they were understood.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from chimera_compliance.outcomes import Inconclusive
from chimera_compliance.probes.http.api import Api
from chimera_compliance.probes.http.exchange import Request
from chimera_compliance.probes.rate_limits.classes import Quota
from chimera_compliance.probes.rate_limits.pressure import Pressed, Probe

FAMILY = "pipelining"
_AT_ONCE = 4


def pipelined(make: Callable[[], Request]) -> Iterator[Probe]:
    """Several at once; reads alone, for nobody knows which of them were done when the connection breaks."""
    if make().method == "GET":
        yield _probe(make, "while limited")


def _probe(make: Callable[[], Request], when: str) -> Probe:
    name = f"{_AT_ONCE} requests at once on one connection"
    return Probe(FAMILY, name, lambda: replace(make(), note=f"{when}, pipelined"), _AT_ONCE)


def confirm(api: Api, quotas: Iterable[Quota]) -> None:
    """The positive control, after recovery: what it does not show leaves the probe undecided."""
    for quota in quotas:
        for place, item in enumerate(quota.bypasses):
            if _in_doubt(quota, item):
                quota.bypasses[place] = replace(item, undecided=_not_served(api, quota))


def _in_doubt(quota: Quota, item: Pressed) -> bool:
    if item.probe.family != FAMILY or item.admitted or item.undecided:
        return False
    return sum(exchange.status in quota.burst.refusal_statuses for exchange in item.at_once if exchange.answered) < 2


def _not_served(api: Api, quota: Quota) -> str:
    """Why nothing says that pipelined requests are understood; a bucket may have to refill until one is served."""
    if not (quota.recovery and quota.recovery.recovered):
        return "the limit did not recover, so that pipelined requests could not be seen served"
    try:
        for patiently in (False, True):
            exchanges = api.send(_probe(quota.make, "after the window").requests(), retry_limited=patiently)
            if any(map(quota.burst.served, exchanges)):
                return ""
    except Inconclusive as error:
        return str(error)
    return f"pipelined requests were not served after the limit had recovered either: {exchanges[0].actual}"
