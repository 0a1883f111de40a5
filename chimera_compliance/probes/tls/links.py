"""Where answers and the OpenAPI document send clients, when it is somewhere without TLS."""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from chimera_compliance.probes.http.exchange import Exchange
from chimera_compliance.probes.openapi.document import Document

_PLAIN_URL = re.compile(r"\b(?:http|ws):\\?/\\?/[^\s\"'<>\\`{}|^]+", re.IGNORECASE)
_LEADING_HEADERS = ("Location", "Content-Location", "Refresh", "Link")
_FLOW_URLS = ("authorizationUrl", "tokenUrl", "refreshUrl", "openIdConnectUrl")
_MOST = 20


@dataclass(frozen=True)
class PlainLink:
    """An address without TLS, where it was named, and the exchange that named it."""

    address: str
    place: str
    exchange: Exchange

    @property
    def subject(self) -> str:
        """The operation."""
        return self.exchange.subject

    @property
    def actual(self) -> str:
        """The status, and where it was."""
        return f"{self.exchange.actual}, {self.place}: {self.address}"

    @property
    def observation(self) -> str:
        """The exchange."""
        return self.exchange.observation


def plain_links(exchange: Exchange, hosts: frozenset[str]) -> Iterator[PlainLink]:
    """Addresses of the target's own hosts without TLS, and redirects anywhere without TLS.

    What content says of other sites is data, and nothing that the stack can answer for.
    """
    for name in _LEADING_HEADERS:
        for value in exchange.header_all(name):
            for address in _found(value):
                if name in ("Location", "Refresh") or host_of(address) in hosts:
                    yield PlainLink(address, f"header {name}", exchange)
    for address in dict.fromkeys(_found(exchange.body.decode("utf-8", "replace"))):
        if host_of(address) in hosts:
            yield PlainLink(address, "body", exchange)


def _found(text: str) -> Iterator[str]:
    for count, found in enumerate(_PLAIN_URL.finditer(text.replace("\\/", "/"))):
        if count >= _MOST:
            return
        yield found[0][:200]


def host_of(address: str) -> str:
    """The host of a URL in lower case; empty where there is none."""
    try:
        return (urlsplit(address).hostname or "").lower()
    except ValueError:
        return ""


def is_this_machine(host: str) -> bool:
    """Whether traffic to a host never leaves the machine it comes from."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class Address:
    """An address that the document gives to clients."""

    url: str
    place: str

    @property
    def subject(self) -> str:
        """The address."""
        return self.url


def addresses(document: Document) -> list[Address]:
    """Every server and every address of a token that the document names, of OpenAPI 2.0, 3.0 and 3.1.

    A relative server is where the document is, and not listed.
    """
    found = [*_servers(document), *_swagger_2(document), *_flows(document)]
    return [item for item in dict.fromkeys(found) if "://" in item.url]


def _servers(document: Document) -> Iterator[Address]:
    owners: list[tuple[str, Any]] = [("servers of the document", document.raw)]
    for method, path, item, operation in document.operations():
        owners += [(f"servers of {path}", item), (f"servers of {method} {path}", operation)]
    for place, owner in owners:
        servers = owner.get("servers")
        for server in servers if isinstance(servers, list) else []:
            if isinstance(server, dict):
                yield from (Address(url, place) for url in _expanded(server))


def _expanded(server: dict[str, Any]) -> Iterable[str]:
    """The address with each value that a variable of its scheme may take; others take their default."""
    urls = [str(server.get("url", ""))]
    variables = server.get("variables")
    for name, variable in (variables if isinstance(variables, dict) else {}).items():
        if not isinstance(variable, dict):
            continue
        choices = variable.get("enum")
        values = [variable.get("default", "")]
        if urls[0].startswith(f"{{{name}}}") and isinstance(choices, list):
            values = choices[:_MOST]
        urls = [url.replace(f"{{{name}}}", str(value)) for url in urls for value in values]
    return urls


def _swagger_2(document: Document) -> Iterator[Address]:
    schemes, host = document.raw.get("schemes"), document.raw.get("host")
    if isinstance(schemes, list) and isinstance(host, str):
        yield from (Address(f"{scheme}://{host}", "schemes of the document") for scheme in schemes)


def _flows(document: Document) -> Iterator[Address]:
    components = document.resolve(document.raw.get("components"))
    for owner in (components.get("securitySchemes"), document.raw.get("securityDefinitions")):
        for name, scheme in (owner if isinstance(owner, dict) else {}).items():
            described = document.resolve(scheme)
            flows = described.get("flows")
            parts = [described, *(flows.values() if isinstance(flows, dict) else [])]
            for part in parts:
                for key in _FLOW_URLS:
                    if isinstance(part, dict) and isinstance(part.get(key), str):
                        yield Address(part[key], f"{key} of the security scheme {name}")
