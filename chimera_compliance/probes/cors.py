"""Cross-origin requests as a browser would send them (Fetch standard, CORS protocol).

Every hostile origin is derived from the declared allow-list, for that is what a wrong comparison goes wrong
on: a prefix, a suffix, an unescaped dot, another scheme or port.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from chimera_compliance.probes.http.api import Api
from chimera_compliance.probes.http.exchange import Exchange, Request

ATTACKER = "attacker.example"


@dataclass(frozen=True)
class Origin:
    """An origin that is not on the allow-list; `name` says in what way it resembles one that is."""

    name: str
    value: str

    def __str__(self) -> str:
        return self.name


def foreign_origins(allowed: Sequence[str]) -> list[Origin]:
    """Origins that a correct allow-list refuses; none of them is itself declared.

    Upper case is left out: browsers serialise scheme and host in lower case (RFC 6454 §6.1), so granting it
    gives nobody anything.
    """
    fixed = [
        Origin("foreign", f"https://{ATTACKER}"),
        Origin("null", "null"),
        Origin("file", "file://"),
        Origin("extension", "chrome-extension://aaaabbbbccccddddeeeeffffgggghhhh"),
        Origin("localhost", "http://localhost"),
        Origin("localhost-3000", "http://localhost:3000"),
        Origin("loopback", "https://127.0.0.1"),
    ]
    derived = [origin for one in allowed for origin in _resembling(one)]
    declared = {one.lower().rstrip("/") for one in allowed}
    unique = {origin.value: origin for origin in [*fixed, *derived] if origin.value not in declared}
    return list(unique.values())


def _resembling(allowed: str) -> Iterator[Origin]:
    parts = urlsplit(allowed)
    host, scheme = parts.hostname, parts.scheme
    if not host or scheme not in ("http", "https"):
        return
    port = f":{parts.port}" if parts.port else ""
    own = f"{scheme}://{host}"
    yield Origin("scheme-downgrade", f"http://{host}{port}")
    yield Origin("other-port", f"{own}:{8443 if parts.port != 8443 else 9443}")
    yield Origin("suffix", f"{own}{port}.{ATTACKER}")
    yield Origin("suffix-hyphen", f"{own}-{ATTACKER}")
    yield Origin("prefix", f"{scheme}://evil{host}{port}")
    yield Origin("prefix-hyphen", f"{scheme}://evil-{host}{port}")
    yield Origin("subdomain", f"{scheme}://evil.{host}{port}")
    yield Origin("user-info", f"{own}@{ATTACKER}")
    yield Origin("trailing-dot", f"{own}.{port}")
    yield Origin("path-suffix", f"https://{ATTACKER}/{host}")
    yield Origin("many", f"{own}{port} https://{ATTACKER}")
    yield Origin("many-with-comma", f"{own}{port}, https://{ATTACKER}")
    for name, character in (("underscore", "_"), ("backtick", "`"), ("brace", "{"), ("percent", "%60"), ("bang", "!")):
        yield Origin(f"character-{name}", f"{own}{character}.{ATTACKER}")
    yield from _around_dots(scheme, host, port)


def _around_dots(scheme: str, host: str, port: str) -> Iterator[Origin]:
    """An unescaped dot in a regular expression, a sibling, and the parent domain."""
    labels = host.split(".")
    if len(labels) < 2 or labels[-1].isdigit():
        return
    yield Origin("unescaped-first-dot", f"{scheme}://{host.replace('.', 'x', 1)}{port}")
    yield Origin("unescaped-last-dot", f"{scheme}://{'x'.join(host.rsplit('.', 1))}{port}")
    yield Origin("other-top-level", f"{scheme}://{'.'.join(labels[:-1])}.evil{port}")
    if len(labels) > 2:
        parent = ".".join(labels[1:])
        yield Origin("parent", f"{scheme}://{parent}{port}")
        yield Origin("sibling", f"{scheme}://evil.{parent}{port}")


@dataclass(frozen=True)
class Grant:
    """What an answer grants to the origin that asked."""

    exchange: Exchange
    origin: str
    preflight: bool

    @property
    def subject(self) -> str:
        """The operation that was asked for."""
        return self.exchange.subject

    @property
    def actual(self) -> str:
        """The headers that grant."""
        shown = f"Access-Control-Allow-Origin: {self.values[0]}" if self.values else "no Access-Control-Allow-Origin"
        return f"{self.exchange.status} {shown}" + (", with credentials" if self.credentials else "")

    @property
    def observation(self) -> str:
        """The exchange."""
        return self.exchange.observation

    @property
    def values(self) -> list[str]:
        """Every Access-Control-Allow-Origin; more than one is invalid."""
        return [value.strip() for value in self.exchange.header_all("Access-Control-Allow-Origin")]

    @property
    def wildcard(self) -> bool:
        """Whether any origin may read the answer."""
        return "*" in self.values

    @property
    def granted(self) -> bool:
        """Whether a browser, or a lenient one, would let the origin read the answer."""
        return self.wildcard or any(self.origin.lower() == value.lower() for value in self.values)

    @property
    def credentials(self) -> bool:
        """Whether cookies and the like may be sent along."""
        return self.exchange.header("Access-Control-Allow-Credentials") == "true"

    def allows_method(self, method: str) -> bool:
        """Whether the preflight lets the browser send this method."""
        return method.upper() in self._list("Access-Control-Allow-Methods")

    def allows_header(self, name: str) -> bool:
        """Whether the preflight lets the browser send this header; ``*`` counts only without credentials."""
        listed = self._list("Access-Control-Allow-Headers")
        return name.upper() in listed or ("*" in listed and not self.credentials)

    def _list(self, header: str) -> set[str]:
        joined = ",".join(self.exchange.header_all(header))
        return {part.strip().upper() for part in joined.split(",")}


def ask(api: Api, operations: Iterable, origin: str, *, principal=None, token: str | None = None) -> list[Grant]:
    """Send each operation, harmlessly, as the page of an origin would; without a token, errors are what is seen."""
    exchanges = api.sweep(
        operations,
        token=token,
        principal=principal,
        headers=(("Origin", origin),),
        note=f"Origin: {origin}",
        harmless=True,
    )
    return [Grant(exchange, origin, preflight=False) for exchange in exchanges]


def preflight(
    api: Api,
    operations: Iterable,
    origin: str,
    *,
    principal=None,
    method: str | None = None,
    header: str = "authorization,content-type",
    extra: tuple[tuple[str, str], ...] = (),
) -> list[Grant]:
    """Send the preflight of each operation (or of another `method` on its path)."""
    requests = []
    for operation in operations:
        asked = method or operation.method
        requests.append(
            Request(
                method="OPTIONS",
                path=operation.request(principal).path,
                headers=(
                    ("Origin", origin),
                    ("Access-Control-Request-Method", asked),
                    ("Access-Control-Request-Headers", header),
                    *extra,
                ),
                operation=operation.id,
                note=f"preflight for {asked} from {origin}",
            )
        )
    return [Grant(exchange, origin, preflight=True) for exchange in api.send(requests)]
