"""Chooses what is asked of the application while its reads of secrets are watched."""

from collections.abc import Callable

from chimera_compliance.journal import Journal
from chimera_compliance.outcomes import Inconclusive, NotReviewed
from chimera_compliance.probes.http.exchange import Exchange
from chimera_compliance.probes.http.trust import in_scope
from chimera_compliance.probes.secrets.application import Behaviour, RelayClient, observe
from chimera_compliance.target import Target


def watch(target: Target, api, guarded: list, alice, journal: Journal) -> Behaviour:
    """Watch the application that the target file's aws.application describes.

    Raises:
        NotReviewed: the target file does not say how.
        Inconclusive: nothing that could be watched happens.
    """
    settings = target.aws.application
    if settings is None:
        raise NotReviewed("the target file does not say how the application's reads can be watched (aws.application)")
    in_scope(target, settings.relay_url)
    relay = RelayClient(settings.relay_url, journal, target.scope.timeout_seconds)
    return observe(settings, relay, _asking(api, _operation(guarded, settings.operation, alice.role), alice))


def _operation(guarded: list, wanted: str | None, role: str):
    admitting = [one for one in guarded if one.roles is None or role in one.roles]
    readable = [one for one in admitting if one.method == "GET" and not one.unsafe and "{" not in one.path]
    chosen = [one for one in guarded if one.id == wanted] if wanted else readable
    if not chosen:
        raise Inconclusive(f"there is no operation {wanted or 'that reads and needs a token'} to ask for")
    return chosen[0]


def _asking(api, operation, alice) -> Callable[[], Exchange]:
    return lambda: api.sweep(
        [operation], token=alice.token, principal=alice, note="while reads of secrets are watched"
    )[0]
