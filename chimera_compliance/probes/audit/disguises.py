"""Requests that lie about who sends them, from where and when, and texts that a careless log takes for its own."""

import json
import re
import secrets
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from chimera_compliance.probes.audit.cases import Case, body_of
from chimera_compliance.probes.guard.identities import identity_headers
from chimera_compliance.probes.http.exchange import Headers, Request
from chimera_compliance.probes.openapi.body import Generator
from chimera_compliance.probes.principals.principal import Principal

CLAIMED_ADDRESS = "203.0.113.77"  # of those reserved for documentation (RFC 5737)
CLAIMED_YEAR = 2001
_ADDRESS = (
    *("X-Forwarded-For", "X-Real-IP", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP", "X-Cluster-Client-IP"),
    *("X-Originating-IP", "X-Remote-IP", "X-Remote-Addr", "Fastly-Client-IP", "X-Envoy-External-Address"),
)
_TIME = {
    "Date": "Sat, 03 Feb 2001 04:05:06 GMT",
    "X-Timestamp": "2001-02-03T04:05:06Z",
    "X-Request-Time": "2001-02-03T04:05:06Z",
    "X-Request-Start": "t=981173106",
}
_SECRET = re.compile(r"passw|passphrase|secret|token|api_?key|private_?key|mnemonic|credential|\bpin\b", re.IGNORECASE)
FORGED = "forged_by_compliance"
# What ends a line, a JSON string or a statement in some log format or other. Headers cannot carry control characters.
_IN_HEADER = f'"}},{{"action":"{FORGED}"}}\\r\\n%0d%0a%0A{FORGED} \';-- <b> ${{x}} %s {{0}}'
_IN_TEXT = f'\n{{"action":"{FORGED}"}}\n{FORGED}\u2028"; \'); -- <b>{FORGED}</b>'
_IN_TEXT_HARD = f"\r\n{FORGED}\x1b[2J\x00{FORGED}\r\n"


def lying_headers(stranger: Principal | None) -> Headers:
    """Another address, another time, and the identity of somebody else."""
    address = (*((name, CLAIMED_ADDRESS) for name in _ADDRESS), ("Forwarded", f"for={CLAIMED_ADDRESS}"))
    return (*address, *_TIME.items(), *_identity(stranger))


def address_headers() -> Headers:
    """Another address alone."""
    return tuple((name, CLAIMED_ADDRESS) for name in ("X-Forwarded-For", "X-Real-IP"))


def _identity(stranger: Principal | None) -> Headers:
    if stranger is None:
        return ()
    headers = identity_headers({"user_id": stranger.subject, "tenant_id": stranger.tenant, "role": None})
    return tuple((name, value) for name, value in headers if value)


def lying_query(request: Request, stranger: Principal | None) -> Request:
    """The identity of somebody else in the query as well."""
    if stranger is None:
        return request
    named = {"user_id": stranger.subject, "tenant_id": stranger.tenant, "actor": stranger.subject}
    joint = "&" if "?" in request.path else "?"
    return replace(request, path=request.path + joint + urlencode({k: v for k, v in named.items() if v}))


def lying_body(request: Request, stranger: Principal) -> Request | None:
    """The identity of somebody else beside the body's own members, as ADR-005's decorator reads it."""
    if not isinstance(body := body_of(request), dict):
        return None
    who = {"user_id": stranger.subject, "tenant_id": stranger.tenant, "sub": stranger.subject, "id": stranger.subject}
    document = {**body, "user": who, "current_user": who}
    return replace(request, body=json.dumps(document).encode(), note="somebody else's identity in the body")


def hostile_agent(agent: str) -> str:
    """A user agent that a careless log takes for several records."""
    return f"{agent} {_IN_HEADER}" + "x" * 1500


def hostile_texts(request: Request, *, hard: bool = False) -> Request | None:
    """The request with such texts in its prose; None where it has none."""
    body = body_of(request)
    if not isinstance(body, dict) or not (names := prose(body)):
        return None
    added = _IN_TEXT_HARD if hard else _IN_TEXT
    changed = {name: value + added if name in names else value for name, value in body.items()}
    return replace(request, body=json.dumps(changed).encode(), note="control characters" if hard else "hostile texts")


def prose_of(request: Request) -> list[str]:
    """The members of a request's body that hold text written by people."""
    body = body_of(request)
    return prose(body) if isinstance(body, dict) else []


def prose(body: dict) -> list[str]:
    """The members that hold text written by people."""
    return [name for name, value in body.items() if isinstance(value, str) and " " in value.strip()]


@dataclass(frozen=True)
class Canaries:
    """Secrets of our own, put where secrets belong, that must not turn up in the trail."""

    headers: Headers
    values: dict[str, str]

    @classmethod
    def new(cls) -> "Canaries":
        """A session cookie and an API key."""
        cookie, key = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        headers = (("Cookie", f"session={cookie}"), ("X-Api-Key", key))
        return cls(headers, {"SESSION_COOKIE": cookie, "API_KEY": key})


def secret_members(case: Case, request: Request) -> tuple[Request, dict[str, str]] | None:
    """The request with made-up secrets in the members that its document names like secrets; None if there is none."""
    body, payload = body_of(request), case.operation.payload
    if not isinstance(body, dict) or payload is None:
        return None
    schema = Generator(payload.document).merged(payload.document.resolve(payload.schema or {}))
    members = {name: payload.document.resolve(about) for name, about in (schema.get("properties") or {}).items()}
    free = [name for name, about in members.items() if _SECRET.search(name) and not about.get("enum")]
    texts = [name for name in free if members[name].get("type", "string") == "string"]
    if not texts:
        return None
    values = {name: secrets.token_urlsafe(18) for name in texts}
    return replace(request, body=json.dumps({**body, **values}).encode(), note="secrets in the body"), {
        f"BODY_{name.upper()}": value for name, value in values.items()
    }
