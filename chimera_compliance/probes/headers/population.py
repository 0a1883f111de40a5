"""Gathers the answers that the security headers are judged on: once a run, for all of C12's requirements."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from chimera_compliance.errors import ConfigurationError
from chimera_compliance.journal import Journal
from chimera_compliance.outcomes import Inconclusive
from chimera_compliance.probes.headers.csp_sources import Address
from chimera_compliance.probes.headers.observatory import record
from chimera_compliance.probes.headers.provocations import MAY_GO_UNANSWERED, OVER_THE_LIMIT, Planned, Provocations
from chimera_compliance.probes.headers.responses import Response, Responses
from chimera_compliance.target import Target

if TYPE_CHECKING:
    from chimera_compliance.probes.http.api import Api, Exchange
    from chimera_compliance.probes.openapi.operations import Operation
    from chimera_compliance.probes.principals.principal import Principal


def gather(
    target: Target,
    api: "Api",
    journal: Journal,
    operations: "Iterable[Operation]",
    principals: "Mapping[str, Principal]",
) -> Responses:
    """Send all provocations and keep what was answered, and the Observatory's score of it as an observation.

    Raises:
        Inconclusive: nothing answered at all.
        BudgetExhausted: the scope's budget does not cover the population.
    """
    provocations = Provocations(target, api.authorization, list(operations), _with_tokens(principals))
    planned, burst = provocations.all(), provocations.burst()
    exchanges = api.send([plan.request for plan in planned])
    exchanges += api.send([plan.request for plan in burst], retry_limited=False)
    sent = list(zip(planned + burst, exchanges, strict=True))
    answered = _answers(sent, Address.of(target.api.base_url))
    if not answered:
        raise Inconclusive(f"no request was answered: {exchanges[0].error}" if sent else "there is no operation to ask")
    responses = Responses(answered, _silent(exchanges) | _unseen(provocations, answered))
    record(journal, responses)
    return responses


def _with_tokens(principals: "Mapping[str, Principal]") -> "list[Principal]":
    """The principals that have a token now."""
    usable = []
    for principal in principals.values():
        try:
            usable += [principal] if principal.token else []
        except (ConfigurationError, Inconclusive):
            continue
    return usable


def _answers(sent: "list[tuple[Planned, Exchange]]", origin: Address) -> list[Response]:
    """All that was answered; of the burst only the first answer of each status, for the others are the same."""
    found: dict[object, Response] = {}
    for place, (plan, exchange) in enumerate(sent):
        if exchange.answered:
            note = plan.request.note
            mark = (note, exchange.status) if note == OVER_THE_LIMIT else place
            found.setdefault(mark, Response(exchange, note, origin, plan.authenticated))
    return list(found.values())


def _silent(exchanges: "list[Exchange]") -> dict[str, str]:
    return {
        f"{exchange.subject} ({exchange.request.note})": exchange.error
        for exchange in exchanges
        if not exchange.answered and exchange.request.note not in MAY_GO_UNANSWERED
    }


def _unseen(provocations: Provocations, answered: list[Response]) -> dict[str, str]:
    """The positive control: where operations are guarded, a guarded operation has succeeded."""
    needed = any(not operation.public for operation in provocations.operations)
    if not needed or any(item.authenticated and item.exchange.ok for item in answered):
        return {}
    why = "every request with a valid token was refused" if provocations.principals else "no principal has a token"
    return {"successful responses of guarded operations": why}
