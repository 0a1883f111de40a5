"""Who the client says it is, without proof: in headers that a proxy would set, in the query, a cookie or the body.

The names are those that gateways, frameworks and hasty developers use; several go in one request, for a stack that
believes one of them ignores the rest.
"""

import base64
import json
from dataclasses import replace
from typing import Any

from chimera_compliance.probes.guard.credentials import Bearer, Credential, with_headers, with_members, with_query
from chimera_compliance.probes.http.exchange import Request

_USER = ("X-User-Id", "X-User", "X-UserId", "X-Subject", "X-Sub", "X-Account-Id", "X-Client-Id", "User-Id", "User")
_TENANT = ("X-Tenant-Id", "X-Tenant", "X-TenantId", "X-Organization-Id", "X-Org-Id", "Tenant-Id", "Tenant")
_ROLE = ("X-Role", "X-Roles", "X-User-Role", "X-User-Roles", "X-Groups", "Role", "Roles", "X-Admin-Role")
_PROXY = (
    *("X-Forwarded-User", "X-Forwarded-Preferred-Username", "X-Forwarded-Email", "X-Remote-User", "Remote-User"),
    *("X-Authenticated-User", "X-Authenticated-Userid", "X-Auth-Request-User", "X-Auth-User", "X-Auth-Username"),
    *("X-Consumer-Username", "X-Consumer-Custom-Id", "X-Original-User", "X-Goog-Authenticated-User-Email"),
    *("X-MS-Client-Principal-Name", "X-Webauth-User", "X-SSL-Client-S-DN", "X-Client-Cert"),
)
_INSIDE = {
    **dict.fromkeys(("X-Forwarded-For", "X-Real-IP", "X-Client-IP", "X-Originating-IP", "True-Client-IP"), "127.0.0.1"),
    **dict.fromkeys(("X-Internal", "X-Internal-Request", "X-Internal-Service", "X-Service-Request"), "true"),
    "Forwarded": "for=127.0.0.1;host=localhost",
    "X-Forwarded-Host": "localhost",
    "X-Envoy-Internal": "true",
}
_SWITCHES = {
    **dict.fromkeys(("X-Debug", "X-Test", "X-Testing", "X-Skip-Auth", "X-Bypass-Auth", "X-No-Auth"), "true"),
    **dict.fromkeys(("X-Authenticated", "X-Admin", "X-Is-Admin", "X-Auth-Verified", "X-Health-Check"), "true"),
    "User-Agent": "ELB-HealthChecker/2.0",
    "X-Environment": "development",
}


def identity_of(b: Bearer) -> dict[str, Any]:
    """The genuine identity under every name a handler may look for."""
    claims, names = b.genuine.claims, b.genuine.names
    subject, tenant = claims.get(names.subject), claims.get(names.tenant or "")
    role = claims.get(names.role or "")
    named = {"user_id": subject, "id": subject, "sub": subject, "uid": subject, "username": subject}
    return {**claims, **named, "tenant_id": tenant, "tenant": tenant, "role": role, "roles": [role]}


def identity_headers(identity: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """The identity as the headers of a proxy."""
    values = {
        **dict.fromkeys((*_USER, *_PROXY), identity["user_id"]),
        **dict.fromkeys(_TENANT, identity["tenant_id"]),
        **dict.fromkeys(_ROLE, identity["role"]),
    }
    return tuple((name, str(value)) for name, value in values.items() if value is not None)


def _as_headers(request: Request, b: Bearer) -> Request:
    return with_headers(request, *identity_headers(identity_of(b)))


def _as_principal_header(request: Request, b: Bearer) -> Request:
    """The whole identity as JSON, plain and in base64, as identity-aware proxies pass it on."""
    text = json.dumps(identity_of(b))
    encoded = base64.b64encode(text.encode()).decode()
    names = ("X-Userinfo", "X-User-Info", "X-MS-Client-Principal", "X-Claims", "X-JWT-Claims", "X-Identity")
    return with_headers(request, ("X-Principal", text), *((name, encoded) for name in names))


def _as_query(request: Request, b: Bearer) -> Request:
    return with_query(request, query_of(identity_of(b)))


def query_of(identity: dict[str, Any]) -> dict[str, str]:
    """The identity as query parameters."""
    plain = {name: str(value) for name, value in identity.items() if isinstance(value, str | int)}
    return {**plain, "user": json.dumps(identity), "admin": "true", "debug": "true"}


def _as_cookies(request: Request, b: Bearer) -> Request:
    identity = identity_of(b)
    names = ("user", "user_id", "uid", "sub", "username", "tenant", "tenant_id", "role")
    pairs = [f"{name}={identity.get(name, identity['user_id'])}" for name in names]
    return with_headers(request, ("Cookie", "; ".join([*pairs, "admin=true", "authenticated=true"])))


def _as_members(request: Request, b: Bearer) -> Request | None:
    """ADR-005's own decorator takes `user` from the body."""
    return with_members(request, members_of(identity_of(b)))


def members_of(identity: dict[str, Any]) -> dict[str, Any]:
    """The identity as members of a JSON body."""
    whole = dict.fromkeys(("user", "current_user", "principal", "identity", "auth", "claims", "token_data"), identity)
    return {**identity, **whole}


def _as_body(request: Request, b: Bearer) -> Request | None:
    """Beside the operation's own body, as the document may describe it: frameworks nest several body parameters."""
    identity = identity_of(b)
    try:
        body = json.loads(request.body or b"")
    except ValueError:
        return None
    if not isinstance(body, dict):
        return None
    undocumented = [name for name in b.members if name not in body]
    nested = {name: identity if _is_identity(name) or not body else body for name in undocumented}
    filled = {name: identity if _is_identity(name) else value for name, value in body.items()}
    return replace(request, body=json.dumps({**filled, "user": identity, "current_user": identity, **nested}).encode())


def _is_identity(name: str) -> bool:
    return any(word in name.lower() for word in ("user", "principal", "identity", "claims", "caller", "auth"))


ASSERTED = [
    Credential("identity-headers", "an identity in headers, without a token", _as_headers),
    Credential("principal-header", "an identity in one header, without a token", _as_principal_header),
    Credential("inside", "a request that claims to come from inside",
               lambda request, b: with_headers(request, *_INSIDE.items())),
    Credential("switches", "a request that asks not to be checked",
               lambda request, b: with_headers(request, *_SWITCHES.items())),
    Credential("identity-query", "an identity in the query, without a token", _as_query),
    Credential("identity-cookies", "an identity in cookies, without a token", _as_cookies),
    Credential("identity-members", "an identity in the body, without a token", _as_members),
    Credential("identity-nested", "an identity beside the body, without a token", _as_body),
]  # fmt: skip
