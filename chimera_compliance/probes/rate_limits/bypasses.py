"""The same request in another guise: what a limiter that counts by the wrong thing takes for somebody else."""

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import urlsplit

from chimera_compliance.errors import ConfigurationError
from chimera_compliance.outcomes import Inconclusive
from chimera_compliance.probes.http.api import Api
from chimera_compliance.probes.http.exchange import Exchange, Headers, Request
from chimera_compliance.probes.rate_limits.classes import Quota
from chimera_compliance.probes.rate_limits.pipelining import FAMILY as PIPELINING
from chimera_compliance.probes.rate_limits.pipelining import pipelined
from chimera_compliance.probes.rate_limits.pressure import Probe

FAMILIES = ("client address", "path", "method", "query", "client identity", "credential", PIPELINING)
_ADDRESS_HEADERS = (
    "X-Forwarded-For",
    "X-Real-IP",
    "X-Client-IP",
    "True-Client-IP",
    "CF-Connecting-IP",
    "X-Cluster-Client-IP",
    "X-Originating-IP",
    "X-Remote-IP",
    "X-Remote-Addr",
    "Fastly-Client-IP",
)
_VERSION = re.compile(r"/v(\d+)(?=/|$)")


def bypasses(api: Api, quota: Quota) -> list[Probe]:
    """Every guise of the quota's request that could be counted apart; first what takes longest."""
    made = [*pipelined(quota.make), *_headers(quota.make), *_paths(api, quota.make), *_methods_and_queries(quota.make)]
    return made + ([*_credentials(api, quota)] if quota.bearer else [])


def same_thing(control: Exchange, exchange: Exchange) -> bool:
    """Whether a request in another guise was given what the plain one was, and not a page that every path has."""
    if not exchange.ok or _media_type(exchange) != _media_type(control):
        return False
    if exchange.request.method == "HEAD":
        return True
    plain, other = control.json(), exchange.json()
    if isinstance(plain, dict) and isinstance(other, dict):
        return plain.keys() == other.keys()
    return type(plain) is type(other) if plain is not None else exchange.body == control.body


def _media_type(exchange: Exchange) -> str:
    return (exchange.header("Content-Type") or "").partition(";")[0].strip().lower()


def _address() -> str:
    """One of the addresses reserved for documentation (RFC 5737)."""
    return f"203.0.113.{random.randrange(1, 255)}"


def _headers(make: Callable[[], Request]) -> Iterator[Probe]:
    """Values are new for every request, as a client that hides would send them."""
    values: dict[str, Callable[[], Headers]] = {
        name: lambda name=name: ((name, _address()),) for name in _ADDRESS_HEADERS
    }
    values["Forwarded"] = lambda: (("Forwarded", f"for={_address()}"),)
    values["X-Forwarded-For: 127.0.0.1"] = lambda: (("X-Forwarded-For", "127.0.0.1"),)
    for name, value in values.items():
        yield Probe("client address", name, _with(make, value, name))
    identities: dict[str, Callable[[], Headers]] = {
        "User-Agent": lambda: (("User-Agent", f"client/{random.random()}"),),
        "Cookie": lambda: (("Cookie", f"session={random.getrandbits(64):x}"),),
        "X-API-Key": lambda: (("X-API-Key", f"{random.getrandbits(64):x}"),),
        "X-Tenant-ID": lambda: (("X-Tenant-ID", f"{random.getrandbits(64):x}"),),
        "X-User-ID": lambda: (("X-User-ID", f"{random.getrandbits(64):x}"),),
        "Origin": lambda: (("Origin", f"https://{random.getrandbits(32):x}.example"),),
        "new connection": lambda: (("Connection", "close"),),
    }
    for name, value in identities.items():
        yield Probe("client identity", name, _with(make, value, name))


def _with(make: Callable[[], Request], headers: Callable[[], Headers], name: str) -> Callable[[], Request]:
    def made() -> Request:
        request, added = make(), headers()
        names = {key.lower() for key, _ in added}
        kept = tuple(pair for pair in request.headers if pair[0].lower() not in names)
        return replace(request, headers=(*kept, *added), note=f"while limited, {name} of another")

    return made


def _paths(api: Api, make: Callable[[], Request]) -> Iterator[Probe]:
    path, _, query = make().path.partition("?")
    tail = f"?{query}" if query else ""
    for name, variant in _spellings(path, api.target.api.base_url):
        changed = lambda variant=variant, name=name: replace(make(), path=variant + tail, note=f"while limited, {name}")  # noqa: E731
        yield Probe("path", name, changed)


def _spellings(path: str, base_url: str) -> Iterator[tuple[str, str]]:
    head, _, last = path.rpartition("/")
    yield "trailing slash", f"{path}/"
    yield "double slash", f"{head}//{last}"
    yield "dot segment", f"{head}/./{last}"
    yield "path parameter", f"{path};x=1"
    yield "empty query", f"{path}?"
    if last:
        yield "upper case", f"{head}/{last.upper()}"
        yield "encoded letter", f"{head}/%{ord(last[0]):02X}{last[1:]}"
    parts = urlsplit(base_url)
    whole = f"{parts.path}{path}"
    if found := _VERSION.search(whole):
        for other in {int(found[1]) + 1, max(0, int(found[1]) - 1)} - {int(found[1])}:
            moved = f"{whole[: found.start()]}/v{other}{whole[found.end() :]}"
            yield f"version {other}", f"{parts.scheme}://{parts.netloc}{moved}"


def _methods_and_queries(make: Callable[[], Request]) -> Iterator[Probe]:
    if make().method == "GET":
        yield Probe("method", "HEAD", lambda: replace(make(), method="HEAD", note="while limited, HEAD"))

    def noisy() -> Request:
        request = make()
        mark = "&" if "?" in request.path else "?"
        path = f"{request.path}{mark}cache_buster={random.getrandbits(32):x}"
        return replace(request, path=path, note="while limited, query noise")

    yield Probe("query", "query noise", noisy)


def _credentials(api: Api, quota: Quota) -> Iterator[Probe]:
    """New tokens of the same principal, and its tokens in other roles."""
    principal, used = quota.principal, quota.bearer
    if _obtained(lambda: principal.renew(used.role)) not in (None, used.token):
        yield Probe(
            "credential", "new token", lambda: _carrying(api, quota, _obtained(lambda: principal.renew(used.role)))
        )
    for role in sorted(quota.operation.roles or api.target.roles):
        token = _obtained(lambda role=role: principal.token_as(role))
        if token and role not in (used.role, principal.role):
            yield Probe("credential", f"role {role}", lambda token=token: _carrying(api, quota, token))


def _carrying(api: Api, quota: Quota, token: str | None) -> Request:
    request, replaced = quota.make(), api.authorization(token or quota.bearer.token)
    kept = tuple(pair for pair in request.headers if pair[0].lower() != replaced[0][0].lower())
    return replace(request, headers=(*kept, *replaced), note="while limited, another token")


def _obtained(obtain: Callable[[], str | None]) -> str | None:
    """A token, if one is to be had."""
    try:
        return obtain()
    except (ConfigurationError, Inconclusive):
        return None
