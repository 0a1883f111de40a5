"""The other operations of an exhausted class: each must be refused too, or be limited apart.

They are asked harmlessly first. A body that is refused as invalid may have been refused before anybody counted, so
where the scope allows writes the operation is then sent as it should be; deletions never are.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from chimera_compliance.probes.http.api import Api
from chimera_compliance.probes.http.exchange import Exchange, Request
from chimera_compliance.probes.rate_limits.bursts import fire
from chimera_compliance.probes.rate_limits.classes import Bearer, Quota
from chimera_compliance.probes.rate_limits.pressure import Pressed, Probe, press

if TYPE_CHECKING:
    from chimera_compliance.probes.openapi.operations import Operation

FAMILY = "operation"
_INVALID = {400, 415, 422}
_NO_HARM_POSSIBLE = "it cannot be sent without changing data"


def press_operations(api: Api, quota: Quota) -> list[Pressed]:
    """How each other operation of the class fared."""
    others = {op.id: op for op in quota.limits.operations if op.id != quota.operation.id}
    able = [op for op in others.values() if op.can_be_harmless]
    found = _press(api, quota, able, harmless=True)
    unclear = {item.subject for item in found if item.admitted and others[item.subject].unsafe and _invalid(item)}
    again = [op for op in able if op.id in unclear and api.target.scope.writes and op.method != "DELETE"]
    found = [item for item in found if item.subject not in {op.id for op in again}]
    found += _press(api, quota, again, harmless=False)
    judged = [_apart(api, quota, others[item.subject], item) if item.admitted else item for item in found]
    return judged + [_withheld(op) for op in others.values() if not op.can_be_harmless]


def _press(api: Api, quota: Quota, operations: "list[Operation]", *, harmless: bool) -> list[Pressed]:
    probes = [
        Probe(FAMILY, op.id, lambda op=op: _request(api, quota, op, harmless=harmless and op.unsafe))
        for op in operations
    ]
    return press(api, quota, probes, lambda exchange: True) if probes else []


def _request(api: Api, quota: Quota, operation: "Operation", *, harmless: bool) -> Request:
    bearer = Bearer(quota.principal, operation)
    headers = api.authorization(bearer.token)
    return operation.request(quota.principal, harmless=harmless, headers=headers, note="while limited")


def _invalid(item: Pressed) -> bool:
    return item.exchange.status in _INVALID


def _apart(api: Api, quota: Quota, operation: "Operation", item: Pressed) -> Pressed:
    """An operation that was served may have a limit of its own: then it is limited all the same."""
    if item.exchange.refused:
        return Pressed(item.probe, item.exchange, undecided=f"it was refused for another reason: {item.actual}")
    make = lambda: _request(api, quota, operation, harmless=operation.unsafe)  # noqa: E731
    control = api.send([make()], retry_limited=False)[0]
    if control.status in quota.burst.refusal_statuses:
        return Pressed(item.probe, control)
    burst = fire(api, make, quota.limit, control)
    if burst.refused:
        return Pressed(item.probe, burst.first_refusal)
    if burst.untested:
        return Pressed(item.probe, item.exchange, undecided=burst.untested)
    if operation.unsafe and _invalid(item):
        return Pressed(item.probe, item.exchange, undecided=f"an invalid body was refused first: {item.actual}")
    return item


def _withheld(operation: "Operation") -> Pressed:
    request = replace(operation.request(), note="not sent")
    return Pressed(Probe(FAMILY, operation.id, lambda: request), Exchange(request), undecided=_NO_HARM_POSSIBLE)
