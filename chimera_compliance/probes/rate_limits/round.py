"""Everything that one run shows of the rate limits, observed once: bursts exhaust limits, so they must not be repeated.

For every class of operations alice's quota is exhausted, then what must not get through is tried and bob is asked
whether he is served; then strangers flood. While all that recovers nothing is sent, and one wait shows it for all.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from chimera_compliance.errors import ConfigurationError
from chimera_compliance.outcomes import Inconclusive
from chimera_compliance.probes.http.api import Api
from chimera_compliance.probes.http.exchange import Request
from chimera_compliance.probes.rate_limits.bursts import fire, out_of_scope
from chimera_compliance.probes.rate_limits.bypasses import bypasses, same_thing
from chimera_compliance.probes.rate_limits.classes import Bearer, Class, Neighbour, Quota, classes
from chimera_compliance.probes.rate_limits.operations import press_operations
from chimera_compliance.probes.rate_limits.pipelining import confirm
from chimera_compliance.probes.rate_limits.pressure import exhaust_again, press
from chimera_compliance.probes.rate_limits.recovery import recover, settle
from chimera_compliance.probes.rate_limits.strangers import strangers

if TYPE_CHECKING:
    from chimera_compliance.probes.openapi.operations import Operation
    from chimera_compliance.probes.principals.principal import Principal

_CANDIDATES = 5
_ASKED = 3
_ENOUGH_UNLIMITED = 2
_NO_PATHS = ("path", "method")


@dataclass
class Observed:
    """The quotas of those who are known, class by class, and of strangers."""

    known: list[Quota] = field(default_factory=list)
    strangers: list[Quota] = field(default_factory=list)

    @property
    def all(self) -> list[Quota]:
        """Every quota."""
        return self.known + self.strangers

    @property
    def exhausted(self) -> list[Quota]:
        """Those whose limit was reached."""
        return [quota for quota in self.all if quota.exhausted]


def observe(api: Api, operations: "list[Operation]", principals: "Mapping[str, Principal]") -> Observed:
    """Exhaust every limit once, look at what gets through meanwhile, and watch all recover."""
    seen = Observed()
    who = [principals[name] for name in ("alice", "bob") if name in principals]
    for limits in classes(api.target, [operation for operation in operations if not operation.public]):
        quotas = [_known(api, limits, principal) for principal in who]
        _exhaust_class(api, quotas)
        seen.known += [quota for quota in quotas if quota.burst or quota.untested]
    seen.strangers = list(strangers(api, operations))
    _exhaust_strangers(api, seen.strangers)
    recover(api, seen.exhausted)
    _look_again(api, seen.all)
    confirm(api, seen.exhausted)
    return seen


def _known(api: Api, limits: Class, principal: "Principal") -> Quota:
    """The quota with a request that succeeds, or with the reason why there is none."""
    simplest = sorted(limits.operations, key=lambda operation: (operation.unsafe, operation.path.count("{")))
    quota = None
    for operation in [item for item in simplest if item.can_be_harmless][:_CANDIDATES]:
        bearer = Bearer(principal, operation)
        quota = Quota(f"{limits.name} as {principal.name}", limits, _request(api, operation, bearer), operation, bearer)
        _ask(api, quota)
        if not quota.untested:
            break
    if quota is None:
        nobody = limits.operations[0]
        quota = Quota(f"{limits.name} as {principal.name}", limits, nobody.request, nobody)
        quota.untested = "no operation of it can be sent without changing data"
    return quota


def _request(api: Api, operation: "Operation", bearer: Bearer) -> Callable[[], Request]:
    def make() -> Request:
        headers = api.authorization(bearer.token)
        return operation.request(bearer.principal, harmless=operation.unsafe, headers=headers, note="burst")

    return make


def _ask(api: Api, quota: Quota) -> None:
    """The positive control, when nothing is exhausted: of somebody known it succeeds."""
    if reason := quota.untested or out_of_scope(api, quota.limit):
        quota.untested = reason
        return
    try:
        alike = [replace(quota.make(), note="before the burst")] * _warm_up(api, quota)
        quota.control = api.send(alike)[0]
    except (ConfigurationError, Inconclusive) as error:
        quota.untested = str(error)
        return
    status = quota.control.status or 599
    if status == 429 or status >= 500 or (quota.bearer and not quota.operation.unsafe and not quota.control.ok):
        quota.untested = f"a request before the burst was answered {quota.control.actual}"


def _warm_up(api: Api, quota: Quota) -> int:
    """A few more at once, where they hardly count: a server's first connections to its database are slow."""
    return max(1, min(api.target.scope.concurrency, quota.limit.limit // 20)) if quota.bearer else 1


def _exhaust(api: Api, quota: Quota) -> bool:
    if not quota.untested:
        began = time.monotonic()
        quota.burst = fire(api, quota.make, quota.limit, quota.control)
        quota.note(quota.burst.exchanges, began)
    return quota.exhausted


def _exhaust_class(api: Api, quotas: list[Quota]) -> None:
    """alice first; bob is asked while she is refused, and then has his own burst."""
    if not quotas or not _exhaust(api, quotas[0]):
        return
    mine = quotas[0]
    others = [quota for quota in quotas[1:] if not quota.untested]
    for theirs in others:
        mine.neighbour = _neighbour(api, mine, theirs)
    mine.operations = press_operations(api, mine)
    mine.bypasses = press(api, mine, bypasses(api, mine), lambda exchange: same_thing(mine.control, exchange))
    for theirs in others:
        _exhaust(api, theirs)


def _neighbour(api: Api, mine: Quota, theirs: Quota, *, confirming: bool = False) -> Neighbour:
    """Ask as the other while this quota is exhausted; locked out is who is refused every time."""
    requests = [replace(q.make(), note="while another is limited") for _ in range(_ASKED) for q in (mine, theirs)]
    began = time.monotonic()
    exchanges = api.send(requests, retry_limited=False)
    mine.note(exchanges[::2], began)
    asked = exchanges[1::2]
    served = [exchange for exchange in asked if exchange.ok or exchange.status == theirs.control.status]
    return Neighbour(theirs, tuple(asked), locked_out=not served, confirmed=confirming)


def _exhaust_strangers(api: Api, quotas: list[Quota]) -> None:
    """All floods; where several public operations were not limited, the others are left out."""
    for quota in quotas:
        _ask(api, quota)
    unlimited = 0
    for quota in list(quotas):
        if unlimited >= _ENOUGH_UNLIMITED and quota.operation.public:
            quotas.remove(quota)
            continue
        _exhaust(api, quota)
        unlimited += quota.operation.public and quota.burst is not None and quota.burst.unlimited
    exhausted = [quota for quota in quotas if quota.exhausted and not quota.operation.unsafe]
    for quota in sorted(exhausted, key=lambda item: not item.control.ok)[:1]:
        plain = [probe for probe in bypasses(api, quota) if quota.control.ok or probe.family not in _NO_PATHS]
        admits = (
            (lambda seen, control=quota.control: same_thing(control, seen)) if quota.control.ok else quota.burst.served
        )
        quota.bypasses = press(api, quota, plain, admits)


def _look_again(api: Api, quotas: Iterable[Quota]) -> None:
    """What a window that ended in the middle could explain is seen a second time, from a fresh window on."""
    again = [quota for quota in quotas if quota.exhausted and quota.recovery and quota.recovery.recovered]
    suspect = [quota for quota in again if quota.burst.excessive or (quota.neighbour and quota.neighbour.locked_out)]
    for quota in suspect:
        quota.confirmed = exhaust_again(api, quota)
        if quota.neighbour and quota.neighbour.locked_out:
            quota.neighbour = _neighbour(api, quota, quota.neighbour.quota, confirming=True)
    settle(suspect)
