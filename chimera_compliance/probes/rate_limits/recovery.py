"""Waiting until limits are free again: once for all of them, on the time that the server names.

Named seconds are rounded, so a quota is asked again a second later; and if that was no use, when the declared window
is over for certain. Longer than 75 s nobody is kept waiting.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from chimera_compliance.probes.http.api import Api
from chimera_compliance.probes.http.exchange import Exchange
from chimera_compliance.probes.rate_limits.classes import Quota, Recovery
from chimera_compliance.probes.rate_limits.headers import told

LONGEST_WAIT = 75.0
_MARGIN = 0.1
_ROUNDING = 1.0


def grace(window: float) -> float:
    """Seconds beyond a window that are put up with: a tenth, at least two."""
    return max(2.0, window / 10)


def latest(quota: Quota) -> float:
    """Seconds after which a quota must have recovered."""
    return quota.limit.window_seconds + grace(quota.limit.window_seconds)


def named(quota: Quota) -> float | None:
    """Seconds from the last refusal on until the reset that it names."""
    reset = told(quota.last_refusal, time.time() - (time.monotonic() - quota.refused_at)).reset
    return None if reset is None else max(0.0, reset)


def too_long(quota: Quota) -> bool:
    """Whether waiting would take longer than anybody is kept."""
    reset = named(quota)
    return latest(quota) > LONGEST_WAIT and (reset is None or reset > LONGEST_WAIT)


def recover(api: Api, quotas: Iterable[Quota]) -> None:
    """Wait, and ask each quota whether it serves again."""
    waiting = [quota for quota in quotas if not too_long(quota)]
    resets = {id(quota): named(quota) for quota in waiting}

    def until(quota: Quota, extra: float) -> float:
        reset = resets[id(quota)]
        return min(quota.limit.window_seconds if reset is None else reset, latest(quota)) + extra

    stages: list[tuple[Callable[[Quota], float], bool]] = [
        (lambda quota: until(quota, _MARGIN), True),
        (lambda quota: until(quota, _MARGIN + _ROUNDING), True),
        (latest, False),
    ]
    refused_at = {id(quota): quota.refused_at for quota in waiting}
    for due, in_time in stages:
        waiting = [quota for quota in waiting if due(quota) <= LONGEST_WAIT + _ROUNDING + _MARGIN]
        if not waiting:
            return
        _sleep_until(max(refused_at[id(quota)] + due(quota) for quota in waiting))
        exchanges = api.send([replace(q.make(), note="after the window") for q in waiting], retry_limited=False)
        for quota, exchange in zip(waiting, exchanges, strict=True):
            quota.recovery = _recovery(quota, exchange, resets[id(quota)], refused_at[id(quota)], in_time)
        waiting = [quota for quota in waiting if not quota.recovery.recovered]


def settle(quotas: Iterable[Quota]) -> None:
    """Wait until these have recovered, so that whoever comes next finds them as they were."""
    due = [quota.refused_at + min(n if (n := named(quota)) else latest(quota), latest(quota)) for quota in quotas]
    if due:
        _sleep_until(min(max(due) + _MARGIN, time.monotonic() + LONGEST_WAIT))


def _recovery(quota: Quota, exchange: Exchange, reset: float | None, refused_at: float, in_time: bool) -> Recovery:
    served = quota.burst.served(exchange)
    return Recovery(quota, exchange, reset, time.monotonic() - refused_at, served and in_time, served)


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))
