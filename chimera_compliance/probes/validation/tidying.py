"""What valid and wrongly accepted requests have made, deleted where the API can, and named where it cannot."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from chimera_compliance.probes.http.exchange import Exchange
from chimera_compliance.probes.openapi.operations import Operation
from chimera_compliance.probes.ownership.throwaway import Workshop

if TYPE_CHECKING:
    from chimera_compliance.probes.http.api import Api
    from chimera_compliance.probes.principals.principal import Principal


def put_away(
    api: "Api", operations: Sequence[Operation], principals: "Sequence[Principal]", exchanges: Iterable[Exchange]
) -> list[str]:
    """Delete what was made, and say what is left."""
    workshop = Workshop(api, operations)
    by_id = {operation.id: operation for operation in operations}
    owners = {_headers_of(api, principal): principal for principal in principals}
    for exchange in exchanges:
        operation = by_id.get(exchange.request.operation)
        if not exchange.ok or exchange.request.method != "POST" or operation is None:
            continue
        if exchange.status != 201 and "{" in operation.path:
            continue  # it acted on something that was there
        owner = next((who for headers, who in owners.items() if headers & set(exchange.request.headers)), None)
        if owner is not None:
            workshop.discard_new(operation, exchange, owner)
        else:
            workshop.left.append(f"what {operation.id} made of a valid request")
    return list(dict.fromkeys(workshop.left))


def _headers_of(api: "Api", principal: "Principal") -> frozenset[tuple[str, str]]:
    """The headers that carry a principal's own tokens, by which its requests are known."""
    tokens = [principal.token] + [token for role in api.target.roles if (token := principal.token_as(role))]
    return frozenset(pair for token in tokens for pair in api.authorization(token))
