"""Other ways to the same handler: spellings of a path, of a method, and headers that rewrite either.

A guard that looks at the path before it is decoded, matches by prefix, or sits at another place than the router,
lets some of them through (CWE-22, CWE-436, ASVS v5.0.0-8.3.1), be it a guard of tokens or one of roles.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from chimera_compliance.probes.guard.credentials import with_headers
from chimera_compliance.probes.guard.reception import media_type
from chimera_compliance.probes.http.exchange import Exchange, Request


@dataclass(frozen=True)
class Surroundings:
    """What a detour may lead over: the API's base URL and a path below it that is open to all."""

    base_url: str
    open_path: str = "/"

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        parts = urlsplit(self.base_url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def prefix(self) -> str:
        """The path that all operations lie below, such as ``/api/v1``; may be empty."""
        return urlsplit(self.base_url).path.rstrip("/")


Turn = Callable[[Request, Surroundings], Request | None]


@dataclass(frozen=True)
class Detour:
    """One other way; `what` continues "let a request through …"."""

    id: str
    what: str
    turn: Turn = field(repr=False)
    plain: Turn | None = field(default=None, repr=False)
    """What the same looks like when it leads nowhere, where that depends on the path: OPTIONS, for one."""

    def __str__(self) -> str:
        return self.id


def _path(id: str, what: str, respell: Callable[[str, Surroundings], str | None]) -> Detour:
    """`respell` is given the path without its query."""

    def turn(request: Request, around: Surroundings) -> Request | None:
        if "://" in request.path:
            return None
        path, mark, query = request.path.partition("?")
        spelt = respell(path, around)
        return None if spelt is None else replace(request, path=f"{spelt}{mark}{query}")

    return Detour(id, what, turn)


def _elsewhere(id: str, what: str, prefix: Callable[[str], str | None]) -> Detour:
    """The same path below another prefix of the same host."""

    def turn(request: Request, around: Surroundings) -> Request | None:
        other = prefix(around.prefix) if around.prefix else None
        return (
            None
            if other is None or "://" in request.path
            else replace(request, path=around.origin + other + request.path)
        )

    return Detour(id, what, turn)


def _other_version(prefix: str) -> str | None:
    head, _, version = prefix.rpartition("/v")
    return f"{head}/v{int(version) + 1}" if version.isdigit() else None


def _capitals(prefix: str) -> str | None:
    return prefix.upper() if prefix != prefix.upper() else None


def _first_letter(path: str, escape: str) -> str:
    return f"/{escape}{ord(path[1]):02x}{path[2:]}" if len(path) > 1 else path


def _rewritten(request: Request, around: Surroundings) -> Request:
    """Asks for what is open, and names the real goal in the headers that some servers route by."""
    goal = around.prefix + request.path
    names = (
        "X-Original-URL",
        "X-Rewrite-URL",
        "X-Original-URI",
        "X-Forwarded-Uri",
        "X-Forwarded-Path",
        "X-Override-URL",
    )
    return with_headers(replace(request, path=around.open_path), *((name, goal) for name in names))


def _disguised(request: Request, around: Surroundings) -> Request:
    """Asks for the real goal, and names what is open in the headers that some guards look at."""
    names = ("X-Original-URL", "X-Rewrite-URL", "X-Original-URI", "X-Forwarded-Uri", "X-Forwarded-Path", "Referer")
    return with_headers(request, *((name, around.prefix + around.open_path) for name in names))


def _open_in_query(request: Request, around: Surroundings) -> Request:
    join = "&" if "?" in request.path else "?"
    return replace(request, path=f"{request.path}{join}next={around.open_path}")


_OVERRIDES = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Original-Method")


def _overriding(id: str, what: str, method: Callable[[str], str]) -> Detour:
    """Sent by another method, which headers and query override; plainly, it is that other method."""

    def turn(request: Request, around: Surroundings) -> Request:
        join = "&" if "?" in request.path else "?"
        dressed = replace(plain(request, around), path=f"{request.path}{join}_method={request.method}")
        return with_headers(dressed, *((name, request.method) for name in _OVERRIDES))

    def plain(request: Request, around: Surroundings) -> Request:
        return replace(request, method=method(request.method))

    return Detour(id, what, turn, plain)


def _other_method(method: str) -> str:
    return "GET" if method == "POST" else "POST"


def _as_head(request: Request, around: Surroundings) -> Request | None:
    return replace(request, method="HEAD") if request.method == "GET" else None


def _as_preflight(request: Request, around: Surroundings) -> Request:
    return with_headers(request, ("Origin", around.origin), ("Access-Control-Request-Method", request.method))


def _as_websocket(request: Request, around: Surroundings) -> Request | None:
    key = ("Sec-WebSocket-Key", "Y2hpbWVyYS1wcm9iZS0wMQ==")
    upgrade = (("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"), key)
    return with_headers(request, *upgrade) if request.method == "GET" else None


STRAIGHT = Detour("straight", "by the documented way", lambda request, _: request)

DETOURS = [
    _path("upper-case", "under its path in capitals", lambda path, _: path.upper()),
    _path("trailing-slash", "under its path with a slash at the end", lambda path, _: path + "/"),
    _path("double-slash", "under its path with two slashes", lambda path, _: "/" + path),
    _path("inner-double-slash", "under its path with slashes doubled", lambda path, _: path.replace("/", "//")),
    _path("dot-segment", "under its path with a dot segment", lambda path, _: "/." + path),
    _path("open-and-back", "by way of an open path and `..`", lambda path, s: f"{s.open_path}/..{path}"),
    _path("encoded-dots", "by way of an open path and `%2e%2e`", lambda path, s: f"{s.open_path}/%2e%2e{path}"),
    _path("encoded-slash", "by way of an open path and `..%2f`", lambda path, s: f"{s.open_path}/..%2f{path[1:]}"),
    _path("backslash", "by way of an open path and a backslash", lambda path, s: f"{s.open_path}/..%5c{path[1:]}"),
    _path("parameter", "under its path with a matrix parameter", lambda path, _: path + ";x=1"),
    _path("parameter-first", "under its path behind a matrix parameter", lambda path, _: "/;x" + path),
    _path("parameter-open", "under its path with an open path as parameter", lambda path, s: f"{path};{s.open_path}"),
    _path("open-below", "under an open path below its own", lambda path, s: path + s.open_path),
    _path("encoded-letter", "under its path with a letter encoded", lambda path, _: _first_letter(path, "%")),
    _path("twice-encoded", "under its path with a letter encoded twice", lambda path, _: _first_letter(path, "%25")),
    _path("json-suffix", "under its path with `.json`", lambda path, _: path + ".json"),
    _path("blank-suffix", "under its path with an encoded blank", lambda path, _: path + "%20"),
    _path("null-suffix", "under its path with an encoded zero byte", lambda path, _: path + "%00"),
    _path("newline-suffix", "under its path with an encoded line feed", lambda path, _: path + "%0a"),
    Detour("open-in-query", "with an open path in the query", _open_in_query),
    Detour("rewritten", "through an open path and headers that name the goal", _rewritten),
    Detour("disguised", "with headers that name an open path", _disguised),
    _elsewhere("prefix-upper-case", "below its prefix in capitals", _capitals),
    _elsewhere("prefix-double-slash", "below its prefix with two slashes", lambda prefix: "/" + prefix),
    _elsewhere("no-prefix", "below no prefix", lambda prefix: ""),
    _elsewhere("other-version", "below the prefix of another version", _other_version),
    _elsewhere("prefix-twice", "below its prefix twice", lambda prefix: prefix * 2),
    _elsewhere("inner-prefix", "below an internal prefix", lambda prefix: "/internal" + prefix),
    _overriding("method-override", "as another method that is overridden", _other_method),
    _overriding("options-override", "as OPTIONS that is overridden", lambda method: "OPTIONS"),
    Detour("head", "as HEAD", _as_head),
    Detour("preflight", "in the dress of a preflight", _as_preflight),
    Detour("websocket", "as a WebSocket handshake", _as_websocket),
]  # fmt: skip

UNLISTED_METHODS = ("PUT", "PATCH", "POST", "DELETE", "TRACE", "PROPFIND", "QUERY", "CHIMERA")


def alike(one: Exchange, other: Exchange) -> bool:
    """Whether two answers are the same page: a catch-all's, most often."""
    if (one.status, media_type(one)) != (other.status, media_type(other)):
        return False
    if one.body == other.body:
        return True
    if media_type(one) == "text/html":
        return abs(len(one.body) - len(other.body)) <= max(len(one.body), len(other.body)) // 10
    mine, yours = one.json(), other.json()
    return isinstance(mine, dict) and isinstance(yours, dict) and mine.keys() == yours.keys()
