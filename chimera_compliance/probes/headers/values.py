"""What a browser or a cache makes of the other security headers: each is parsed as its specification says.

Every function takes all values of a header field, in order, and returns a fact; what is good or bad is for the check.
"""

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

REFERRER_POLICIES = {
    "no-referrer", "no-referrer-when-downgrade", "origin", "origin-when-cross-origin", "same-origin", "strict-origin",
    "strict-origin-when-cross-origin", "unsafe-url",
}  # fmt: skip
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_OUTSIDE_QUOTES = re.compile(rf'((?:[^;,"]|{_QUOTED})*)([;,]?)')
_DIRECTIVE = re.compile(rf"([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*(?:=\s*({_QUOTED}|[^\s\";,=]+))?")
_MEMBER = re.compile(
    rf"(?P<key>[a-z*][a-z0-9_.*-]*)(?:=(?P<value>\((?P<list>[^()]*)\)|\*|[A-Za-z*][\w:/.*-]*|{_QUOTED}))?(?:;[^,]*)?"
)


def split(values: Iterable[str], separator: str = ",") -> Iterator[str]:
    """The members of a list-valued field (RFC 9110, 5.6.1), quoted strings kept whole."""
    for value in values:
        member = ""
        for text, mark in _OUTSIDE_QUOTES.findall(value):
            member += text
            if mark and mark != separator:
                member += mark
            else:
                if member.strip():
                    yield member.strip()
                member = ""


def _unquote(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value[:1] == '"' else value


@dataclass(frozen=True)
class Hsts:
    """Strict-Transport-Security (RFC 6797). `fault` says why a browser discards it; `max_age` is in seconds."""

    max_age: int | None = None
    include_subdomains: bool = False
    fault: str = ""

    @classmethod
    def parse(cls, values: list[str]) -> "Hsts | None":
        """Of the first field, as browsers do (8.1); None where there is none."""
        if not values:
            return None
        found: dict[str, str] = {}
        for part in split(values[:1], ";"):
            directive = _DIRECTIVE.fullmatch(part)
            if directive is None:
                return cls(fault=f"malformed directive {part[:60]}")
            name = directive[1].lower()
            if name in found:
                return cls(fault=f"{name} given twice")
            found[name] = _unquote(directive[2] or "")
        if not re.fullmatch(r"\d+", found.get("max-age", ""), re.ASCII):
            return cls(fault="no valid max-age")
        return cls(int(found["max-age"][:18]), "includesubdomains" in found)


def frame_options(values: list[str]) -> set[str]:
    """The distinct values of X-Frame-Options, in upper case, as HTML 7.7 combines them."""
    return {value.upper() for value in split(values)}


def stops_sniffing(values: list[str]) -> bool:
    """Whether X-Content-Type-Options counts (Fetch 3.6): the first of the combined values is ``nosniff``."""
    return next(iter(",".join(values).split(",")), "").strip().lower() == "nosniff"


def referrer_policy(values: list[str]) -> str:
    """The last token that browsers know (Referrer Policy 8.1); empty for none."""
    known = [token.lower() for token in split(values) if token.lower() in REFERRER_POLICIES]
    return known[-1] if known else ""


def single_token(values: list[str]) -> str:
    """The value of a header that holds one token, parameters left out; empty if there are two fields or none."""
    token = values[0].partition(";")[0].strip() if len(values) == 1 else ""
    return token if re.fullmatch(r"[a-z-]+", token) else ""


def permissions(values: list[str]) -> dict[str, list[str]] | None:
    """Feature to allow-list of Permissions-Policy, a structured dictionary (RFC 9651); None where it cannot be read."""
    features: dict[str, list[str]] = {}
    for member in split(values):
        found = _MEMBER.fullmatch(member)
        if found is None:
            return None
        allowed = found["list"] if found["list"] is not None else found["value"] or ""
        features[found["key"]] = allowed.split()
    return features


def cache_directives(values: list[str]) -> dict[str, str]:
    """Directives of Cache-Control and its kin in lower case (RFC 9111, 5.2), each with its argument or nothing."""
    found: dict[str, str] = {}
    for member in split(values):
        name, _, argument = member.partition("=")
        found.setdefault(name.strip().lower(), _unquote(argument.strip()))
    return found


def asks_origin_first(directives: dict[str, str]) -> bool:
    """Whether a cache stores nothing, or reuses nothing before the origin server has agreed (RFC 9111, 5.2.2).

    ``no-cache="field"`` covers that field only; ``max-age=0`` alone lets a shared cache serve it stale.
    """
    if "no-store" in directives or directives.get("no-cache") == "":
        return True
    expired = directives.get("max-age") == "0" and directives.get("s-maxage", "0") == "0"
    return expired and ("must-revalidate" in directives or directives.get("private") == "")


def lifetime(directives: dict[str, str]) -> int:
    """The longest time in seconds for which a cache may answer by itself."""
    ages = [directives.get("max-age", ""), directives.get("s-maxage", "")]
    return max((int(age[:18]) for age in ages if re.fullmatch(r"\d+", age, re.ASCII)), default=0)


@dataclass(frozen=True)
class MediaType:
    """A Content-Type: ``text/html`` and its charset, both in lower case."""

    essence: str
    charset: str = ""

    @classmethod
    def parse(cls, value: str) -> "MediaType | None":
        """RFC 9110, 8.3.1; None where it is no media type."""
        essence, *parameters = [*split([value], ";")] or [""]
        if not re.fullmatch(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+", essence := essence.lower(), re.ASCII):
            return None
        pairs = dict(part.lower().partition("=")[::2] for part in parameters)
        return cls(essence, _unquote(pairs.get("charset", "").strip()))

    @property
    def is_text(self) -> bool:
        """Whether its meaning hangs on a charset: text and XML, but not JSON (RFC 8259, 8.1) nor event streams."""
        xml = self.essence.endswith("+xml") or self.essence == "application/xml"
        return xml or (self.essence.startswith("text/") and self.essence != "text/event-stream")

    @property
    def has_safe_charset(self) -> bool:
        """Whether its charset exists and is none in which markup can hide as harmless text."""
        try:
            return codecs.lookup(self.charset).name not in ("utf-7", "hz", "iso2022_jp", "iso2022_kr")
        except (LookupError, ValueError):
            return False

    @property
    def is_active(self) -> bool:
        """Whether browsers render it as a document in which scripts can run."""
        return self.essence == "text/html" or self.essence.endswith("xml")


@dataclass(frozen=True)
class Cookie:
    """A Set-Cookie without its value, which is a secret; attribute names are in lower case (RFC 6265bis, 5.6)."""

    name: str
    attributes: dict[str, str]

    @classmethod
    def parse(cls, field: str) -> "Cookie":
        """Of a later attribute of the same name the last counts, as in browsers."""
        pair, *parts = field.split(";")
        attributes = {key.strip().lower(): value.strip() for key, _, value in (part.partition("=") for part in parts)}
        return cls(pair.partition("=")[0].strip(), attributes)

    @property
    def is_deleted(self) -> bool:
        """Whether it only takes a cookie away."""
        age = self.attributes.get("max-age", "")
        long_ago = re.search(r"\b(19[789]\d|200\d)\b", self.attributes.get("expires", ""))
        return re.fullmatch(r"-\d+|0+", age) is not None or (not age and long_ago is not None)

    @property
    def is_for_scripts(self) -> bool:
        """Whether its name says that scripts have to read it, to send it back against request forgery."""
        return any(word in self.name.lower() for word in ("csrf", "xsrf"))

    @property
    def breaks_its_prefix(self) -> bool:
        """Whether browsers reject it, for ``__Host-`` wants Path=/ and no Domain."""
        on_one_host = self.attributes.get("path") == "/" and "domain" not in self.attributes
        return self.name.lower().startswith("__host-") and not on_one_host


_NUMBERED = re.compile(r"[/ ]v?\d|\d+\.\d+", re.IGNORECASE)
_PRODUCTS = {"server", "via", "x-powered-by", "x-generator", "x-aspnet-version", "x-aspnetmvc-version"}
_PURPOSELESS = {"x-powered-by", "x-aspnet-version", "x-aspnetmvc-version", "x-generator"}
_IN_BODY = re.compile(
    rb"\b(nginx|openresty|Apache(?: Tomcat)?|Tomcat|Jetty|Werkzeug|gunicorn|uvicorn|hypercorn|waitress|Microsoft-IIS"
    rb"|Python|PHP|Express|Kestrel|LiteSpeed|Caddy|Varnish|OpenSSL)/v?\d+\.[\w.]*",
    re.IGNORECASE,
)


def banners(headers: Iterable[tuple[str, str]], page: bytes = b"") -> list[str]:
    """Header fields and words of an error page that give away a product's version, or serve nothing but that.

    A product without a version is none; of Via the protocol's version is left out (RFC 9110, 7.6.3).
    """
    found = [f"{name}: {value}" for name, value in headers if _gives_away(name.lower(), value)]
    return found + [match[0].decode() for match in _IN_BODY.finditer(page[:65536])]


def _gives_away(name: str, value: str) -> bool:
    if name == "via":
        value = " ".join(re.sub(r"^\S+\s*", "", hop) for hop in split([value]))
        value = re.sub(r"^\S+|:\d+", "", value)
    return name in _PURPOSELESS or (name in _PRODUCTS and _NUMBERED.search(value) is not None)
