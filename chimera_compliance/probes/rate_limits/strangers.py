"""Floods by callers who are not known: without a credential, with a bad one, with a wrong password."""

import json
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from chimera_compliance.probes.http.api import Api
from chimera_compliance.probes.http.exchange import Request
from chimera_compliance.probes.rate_limits.classes import Class, Quota, strangers_limit

if TYPE_CHECKING:
    from chimera_compliance.probes.openapi.operations import Operation

_LOGIN = re.compile(r"log-?in|sign-?in|sessions?\b|tokens?\b|auth", re.IGNORECASE)
_CREDENTIAL = re.compile(r"user|login|mail|name|account|passw|secret|pin\b", re.IGNORECASE)


def strangers(api: Api, operations: "list[Operation]") -> Iterator[Quota]:
    """One quota for each way in: bad tokens, logins, requests without a token, and every public operation."""
    guarded = [operation for operation in _simplest_first(operations) if not (operation.public or operation.unsafe)]
    if guarded:
        yield _quota(api, guarded[-1], "with a bad token", _bad_token(api, guarded[-1]))
    for operation in _simplest_first(operations):
        if operation.public and is_login(api, operation):
            yield _quota(api, operation, "with bad credentials", lambda op=operation: _wrong(op.request()))
    if guarded:
        first = guarded[0]
        yield _quota(api, first, "without a token", lambda: first.request(note="flood without a token"))
    for operation in _simplest_first(operations):
        if operation.public and not is_login(api, operation):
            make = lambda op=operation: op.request(harmless=op.unsafe, note="flood")  # noqa: E731
            yield _quota(api, operation, "without a token", make)


def is_login(api: Api, operation: "Operation") -> bool:
    """Whether credentials are exchanged there for a token: by the target file's steps, or by its path."""
    if not operation.unsafe or operation.payload is None:
        return False
    sources = [source for who in api.target.principals.values() for source in (who.token, *who.role_tokens.values())]
    steps = [step for source in sources if source for step in source.steps or [] if "token" in step.capture]
    return operation.id in {step.request for step in steps} or bool(_LOGIN.search(operation.path))


def _simplest_first(operations: "list[Operation]") -> "list[Operation]":
    return sorted(operations, key=lambda operation: (operation.path.count("{"), operation.unsafe))


def _quota(api: Api, operation: "Operation", how: str, make: Callable[[], Request]) -> Quota:
    limit, declared = strangers_limit(api.target, operation)
    limits = Class(limit, (operation,), declared)
    quota = Quota(f"{operation.id} {how}", limits, make, operation, guesses="bad" in how)
    if operation.unsafe and not operation.can_be_harmless:
        quota.untested = "it cannot be sent without changing data"
    return quota


def _bad_token(api: Api, operation: "Operation") -> Callable[[], Request]:
    """Another token every time, as somebody who guesses would send."""
    return lambda: operation.request(headers=api.authorization(secrets.token_urlsafe(24)), note="flood of bad tokens")


def _wrong(request: Request) -> Request:
    """The same login with a made-up name and password, so that no account is locked that somebody uses."""
    body = request.body or b""
    try:
        content = json.dumps(_made_up(json.loads(body))).encode()
    except ValueError:
        content = urlencode({key: _made_up(value, key) for key, value in parse_qsl(body.decode("latin-1"))}).encode()
    return replace(request, body=content, note="flood of bad logins")


def _made_up(value: Any, key: str = "") -> Any:
    match value:
        case dict():
            return {name: _made_up(item, str(name)) for name, item in value.items()}
        case str() if _CREDENTIAL.search(key):
            return f"{secrets.token_hex(8)}@nobody.example" if "@" in value else secrets.token_hex(8)
    return value
