"""Requests that nobody entitled, by other ways than the documented one, and whether a handler answered them.

A way leads to a handler when the answer is a success that a path which does not exist does not get, or the very
validation error that the right credential gets on the straight way.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from chimera_compliance.probes.guard.credentials import Bearer, Credential, with_headers, with_query
from chimera_compliance.probes.guard.detours import UNLISTED_METHODS, Detour, Surroundings, alike
from chimera_compliance.probes.guard.gate import Gate, not_sent
from chimera_compliance.probes.guard.identities import identity_headers, query_of
from chimera_compliance.probes.guard.reception import Answer, Reception, same_words
from chimera_compliance.probes.http.exchange import Exchange, Headers, Request

if TYPE_CHECKING:
    from chimera_compliance.probes.openapi.operations import Operation

_UNLISTED = "no token, a method that is not listed"
_MOST_RESTRICTED = 6
_VALIDATION = frozenset({409, 422})


def surroundings(gate: Gate, public: Sequence["Operation"]) -> Surroundings:
    """The API's base URL and one of its open paths."""
    plain = (operation.path for operation in public if "{" not in operation.path and "://" not in operation.path)
    return Surroundings(gate.target.api.base_url, next(plain, "/health"))


def by_detour(gate: Gate, detour: Detour, around: Surroundings) -> list[Answer]:
    """How the guarded operations answer on a detour to a request without a token."""
    operations = gate.some(max(len(gate.closed) // 2, 12))
    straight = [(operation, gate.bare(operation, True, note=f"no token, {detour.what}")) for operation in operations]
    idle = [detour.plain(request, around) for _, request in straight if request] if detour.plain else []
    return _turned(gate, detour, around, straight, [*idle, *_nowhere(detour, around)])


def by_detour_of_other_roles(gate: Gate, detour: Detour, around: Surroundings) -> list[Answer]:
    """How restricted operations answer on a detour to the token of a role that they do not admit.

    What that role gets on the straight way, or by another method that it may use, is no detour's doing.
    """
    straight, idle = [], []
    for operation in gate.thrift.least_limited(gate.restricted)[:_MOST_RESTRICTED]:
        token = gate.papers.genuine(operation).lesser
        headers = gate.api.authorization(token)
        request = gate.bare(operation, True, headers, f"another role, {detour.what}") if token else None
        straight.append((operation, request))
        if request is not None:
            idle += [detour.plain(request, around)] if detour.plain else []
            idle += _nowhere(detour, around, headers)
    answers = _turned(
        gate, detour, around, straight, idle, _by_lesser_role(gate, [o for o, request in straight if request])
    )
    right = gate.right(operation for operation, _ in straight)
    return [replace(a, reception=Reception.REFUSED) if _finds_fault(a, right.get(a.subject)) else a for a in answers]


def _by_lesser_role(gate: Gate, operations: Sequence["Operation"]) -> list[Exchange]:
    """What a token of a role that an operation does not admit gets on the straight way; asked once for each."""
    missing = [operation for operation in operations if operation.id not in gate.lesser]
    tokens = [gate.papers.genuine(operation).lesser for operation in missing]
    sent = [
        gate.bare(operation, True, gate.api.authorization(token), "another role")
        for operation, token in zip(missing, tokens, strict=True)
    ]
    gate.lesser |= {exchange.subject: exchange for exchange in gate.api.send(sent)}
    return [gate.lesser[operation.id] for operation in operations]


def _finds_fault(answer: Answer, right: Exchange | None) -> bool:
    """Whether an answer finds fault with something else than the right credential's does: with the detour itself."""
    fault = answer.exchange.status in _VALIDATION
    return fault and right is not None and not same_words(right, answer.exchange)


def _turned(
    gate: Gate,
    detour: Detour,
    around: Surroundings,
    straight: Sequence[tuple["Operation", Request | None]],
    idle: Iterable[Request],
    seen: Iterable[Exchange] = (),
) -> list[Answer]:
    """How requests are received on a detour; an answer like one `seen`, or to the `idle` requests, says nothing."""
    turned = [(operation, request and detour.turn(request, around)) for operation, request in straight]
    ways = [(operation, request) for operation, request in turned if request is not None]
    exchanges, known = gate.api.send(request for _, request in ways), [*gate.api.send(idle), *seen]
    right = gate.right(operation for operation, _ in ways)
    return [
        _answer(exchange, right.get(name), [other for other in known if other.request.operation in ("", name)])
        for exchange, name in ((exchange, exchange.subject) for exchange in exchanges)
    ]


def _answer(exchange: Exchange, right: Exchange | None, nowhere: list[Exchange]) -> Answer:
    """A stack that does not answer on the straight way either has refused nothing."""
    if exchange.status is None and not (right and right.answered):
        return Answer(exchange, Reception.UNDECIDED, exchange.error)
    return Answer(exchange, _received(exchange, right, nowhere))


def _nowhere(detour: Detour, around: Surroundings, headers: Headers = ()) -> list[Request]:
    """The same detour to what does not exist, by GET and by POST."""
    note = "a path that does not exist"
    bare = [Request(method, f"/{uuid.uuid4().hex}", headers, note=note) for method in ("GET", "POST")]
    return [turned for request in bare if (turned := detour.turn(request, around)) is not None]


def _received(exchange: Exchange, right: Exchange | None, nowhere: list[Exchange]) -> Reception:
    """A connection that is closed without an answer, or a server error, has served nothing."""
    status = exchange.status
    if status is None or status >= 500:
        return Reception.REFUSED
    if status == 101:
        return Reception.ADMITTED
    if any(alike(exchange, other) for other in nowhere):
        return Reception.REFUSED
    if 200 <= status < 300:
        return Reception.ADMITTED
    same_validation = status in _VALIDATION and right is not None and right.status == status
    return Reception.ADMITTED if same_validation else Reception.REFUSED


def by_unlisted_method(gate: Gate) -> list[Answer]:
    """How paths answer to methods that the document does not list for them; ids are made up."""
    listed: dict[str, dict[str, Operation]] = {}
    for operation in gate.operations:
        listed.setdefault(operation.path, {})[operation.method] = operation
    nowhere = gate.api.send(Request(method, f"/{uuid.uuid4().hex}", note=_UNLISTED) for method in UNLISTED_METHODS)
    tried = [
        replace(
            next(iter(methods.values())).request(harmless=True, note=_UNLISTED),
            method=method,
            operation=f"{method} {path}",
        )
        for path, methods in listed.items()
        for method in UNLISTED_METHODS
        if method not in methods
    ]
    return [_answer(exchange, None, nowhere) for exchange in gate.api.send(tried)]


def by_other_roles(gate: Gate) -> list[Answer]:
    """How restricted operations receive the tokens of roles that they do not admit, one answer a role."""
    answers = []
    for role in gate.target.roles:
        closed = [operation for operation in gate.restricted if role not in (operation.roles or ())]
        token = gate.papers.token_as(role)
        if token is None:
            answers += [not_sent(o, f"the target file gives no token of the role {role}") for o in closed]
            continue
        headers = gate.api.authorization(token)
        present = lambda _, request, headers=headers: with_headers(request, *headers)  # noqa: E731
        answers += gate.present(present, f"the role {role}", closed)
    return answers


def by_asserted_role(gate: Gate, credential: Credential) -> list[Answer]:
    """A token of a role that is not admitted, beside an identity of the client's own that names an admitted one."""

    def present(operation: "Operation", request: Request) -> Request | None:
        genuine = gate.papers.genuine(operation)
        dressed = credential.present(request, Bearer(genuine)) if genuine.lesser else None
        return dressed and with_headers(dressed, *gate.api.authorization(genuine.lesser))

    return gate.present(present, f"a token of another role and {credential.what}", gate.restricted_sample)


def by_asserted_tenant(gate: Gate, reads: Sequence["Operation"]) -> list[Answer]:
    """Alice's token asks for bob's objects, beside headers and parameters that name bob's tenant."""
    if gate.papers.bob is None or not gate.papers.bob.tenant:
        return []
    plain = [
        o.request(gate.papers.bob, headers=gate.api.authorization(gate.papers.token_for(o) or ""), note="bob's")
        for o in reads
    ]
    identity = {
        "user_id": gate.papers.bob.subject,
        "tenant_id": gate.papers.bob.tenant,
        "tenant": gate.papers.bob.tenant,
        "role": None,
    }
    dressed = [with_query(with_headers(r, *identity_headers(identity)), query_of(identity)) for r in plain]
    before, after = gate.api.send(plain), gate.api.send(dressed)
    return [
        Answer(exchange, Reception.ADMITTED if exchange.ok else Reception.REFUSED)
        for control, exchange in zip(before, after, strict=True)
        if control.answered and exchange.answered and not control.ok and control.request.resolved
    ]
