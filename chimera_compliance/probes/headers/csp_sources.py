"""Source lists of a Content-Security-Policy: which addresses they match, which inline code they let through.

Follows Content Security Policy Level 3, §2.3.1 (grammar) and §6.7.2 (matching); keywords, schemes and hosts are
compared without regard to case, nonces, hashes and paths with it.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import unquote, urlsplit

_NONCE = re.compile(r"'nonce-([A-Za-z0-9+/_-]+={0,2})'", re.IGNORECASE)
_HASH = re.compile(r"'sha(?:256|384|512)-[A-Za-z0-9+/_-]+={0,2}'", re.IGNORECASE)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_HOST = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://)?"
    r"(?P<host>\*|(?:\*\.)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?|\[[0-9A-Fa-f:.]+\])"
    r"(?::(?P<port>\d+|\*))?(?P<path>/[^?#]*)?"
)
_KEYWORDS = {
    "'none'", "'self'", "'unsafe-inline'", "'unsafe-eval'", "'strict-dynamic'", "'unsafe-hashes'", "'report-sample'",
    "'wasm-unsafe-eval'", "'unsafe-allow-redirects'", "'inline-speculation-rules'", "'trusted-types-eval'",
    "'report-sha256'", "'report-sha384'", "'report-sha512'",
}  # fmt: skip
_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443, "ftp": 21}
_UPGRADES = {"http": {"https"}, "ws": {"wss", "http", "https"}, "wss": {"https"}}


@dataclass(frozen=True)
class Address:
    """The parts of a URL that a source expression looks at."""

    scheme: str
    host: str = ""
    port: int | None = None
    path: str = ""

    @classmethod
    def of(cls, url: str) -> "Address":
        """Of an absolute URL; ``data:,x`` has a scheme only."""
        parts = urlsplit(url)
        scheme = parts.scheme.lower()
        return cls(scheme, (parts.hostname or "").lower(), parts.port or _PORTS.get(scheme), parts.path)


STRANGER = Address.of("https://attacker.example/x")
_ANYBODYS_HOSTS = ("cdn.jsdelivr.net", "unpkg.com", "esm.sh", "raw.githack.com", "x.cloudfront.net", "x.github.io")
UNTRUSTED: dict[str, list[Address]] = {
    "any site": [STRANGER, *(Address.of(f"https://attacker.{suffix}/x") for suffix in ("com", "net", "org", "io"))],
    "data: URLs": [Address.of("data:text/javascript,1")],
    "a host where anybody can publish": [Address.of(f"https://{host}/npm/attacker/x.js") for host in _ANYBODYS_HOSTS],
}
"""Addresses at which an attacker can put a script, by what they stand for; the widest first."""


@dataclass(frozen=True)
class SourceList:
    """The values of one directive."""

    values: tuple[str, ...]

    @cached_property
    def _words(self) -> frozenset[str]:
        return frozenset(value.lower() for value in self.values)

    def has(self, keyword: str) -> bool:
        """Whether a keyword, quotes included, is among the values."""
        return keyword in self._words

    @cached_property
    def empty(self) -> bool:
        """Whether it matches nothing: no values, or ``'none'`` alone."""
        return not (self._words - {"'none'", "'report-sample'"})

    @cached_property
    def nonces(self) -> list[str]:
        """Nonces that are well formed; others are ignored by browsers."""
        return [found[1] for value in self.values if (found := _NONCE.fullmatch(value))]

    @cached_property
    def has_hash(self) -> bool:
        """Whether a well-formed hash is among the values."""
        return any(_HASH.fullmatch(value) for value in self.values)

    @cached_property
    def unknown(self) -> list[str]:
        """Values that are no source expression at all."""
        return [value for value in self.values if not _is_source(value)]

    @property
    def allows_all_inline(self) -> bool:
        """CSP3 §6.7.3.2 for scripts: a nonce, a hash or ``'strict-dynamic'`` switches ``'unsafe-inline'`` off."""
        switched_off = self.nonces or self.has_hash or self.has("'strict-dynamic'")
        return self.has("'unsafe-inline'") and not switched_off

    def admits_markup_script(self, url: Address, origin: Address) -> bool:
        """The same for a script element that markup holds: under ``'strict-dynamic'`` addresses count for nothing."""
        return not self.has("'strict-dynamic'") and self.admits(url, origin)

    def admits(self, url: Address, origin: Address) -> bool:
        """Whether a URL matches, for a page of `origin` (CSP3 §6.7.2.7)."""
        return not self.empty and any(_matches(value, url, origin) for value in self.values)


def _is_source(value: str) -> bool:
    return bool(
        value.lower() in _KEYWORDS
        or _NONCE.fullmatch(value)
        or _HASH.fullmatch(value)
        or _SCHEME.fullmatch(value)
        or _HOST.fullmatch(value)
    )


def _matches(value: str, url: Address, origin: Address) -> bool:
    """CSP3 §6.7.2.8."""
    if value == "*":
        return url.scheme in ("http", "https", "ws", "wss") or _scheme_fits(origin.scheme, url.scheme)
    if value.lower() == "'self'":
        return _is_self(url, origin)
    if found := _SCHEME.fullmatch(value):
        return _scheme_fits(found[1].lower(), url.scheme)
    found = _HOST.fullmatch(value)
    return bool(found) and _host_source_matches(found, url, origin)


def _host_source_matches(source: re.Match[str], url: Address, origin: Address) -> bool:
    scheme = (source["scheme"] or origin.scheme).lower()
    return (
        bool(url.host)
        and _scheme_fits(scheme, url.scheme)
        and _host_fits(source["host"].lower().strip("[]"), url.host)
        and _port_fits(source["port"], url)
        and _path_fits(source["path"] or "", url.path)
    )


def _scheme_fits(expected: str, actual: str) -> bool:
    return actual == expected or actual in _UPGRADES.get(expected, ())


def _host_fits(pattern: str, host: str) -> bool:
    if pattern == "*":
        return True
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host.rstrip(".") == pattern.rstrip(".")


def _port_fits(port: str | None, url: Address) -> bool:
    if port is None:
        return url.port == _PORTS.get(url.scheme)
    return port == "*" or url.port == int(port) or (int(port) == 80 and url.port == 443 and url.scheme == "https")


def _path_fits(pattern: str, path: str) -> bool:
    if pattern in ("", "/"):
        return True
    expected, actual = unquote(pattern), unquote(path) or "/"
    return actual.startswith(expected) if pattern.endswith("/") else actual == expected


def _is_self(url: Address, origin: Address) -> bool:
    if url.host != origin.host or not url.host:
        return False
    same_port = url.port == origin.port or (url.port, origin.port) == (443, 80)
    return same_port and _scheme_fits(origin.scheme, url.scheme)
