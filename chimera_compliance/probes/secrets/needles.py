"""Secret values as they look elsewhere: what to search for in code, history, answers, audit rows and logs.

A value is rarely copied as it is. It is put into JSON, a URL, a Kubernetes manifest (base64) or a dump (hex). A
`Needle` is one such spelling. Needles live in memory: their octets are not part of their representation.
"""

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus

SHORTEST = 8
_DOCUMENTED = re.compile(
    r"(?i)(change|replace|fill)[-_ ]?(me|this|it|in)[-\w]*|to[-_ ]?do|tbd|none|null|dummy[-\w]*|.*placeholder.*|"
    r"password\d{0,4}|"
    r"(insert|enter|put|paste|add|set)[-_ ].*(here|key|value|secret|token)|fake[-_]\w+|sample[-\w]*|foo(bar)?|n/?a|"
    r"not[-_ ](a[-_ ])?(real|set|used)[-\w]*|abc123|1234567?8?9?0?|qwerty|letmein|"
    r"passw0rd|secret\d{0,4}|example\w*|test(ing)?[-_]?\w{0,12}|your[-_][\w-]+|my[-_]?secret|default|x{3,}|\*{3,}|<.*>|"
    r"(local|dev)[-_]\w{0,14}"
)
_NAMED_PLAIN = re.compile(
    r"(?i)(user(name)?|host(name)?|port|engine|db(name|instanceidentifier|clusteridentifier)?|database|region|issuer|"
    r"(master|superuser|admin|role|secret)arn|arn|endpoint|address|schema|sslmode|algorithm|alg|kty|use|kid|email|"
    r"client_?id|account_?id|project_?id|type|scope|.*_(url|uri|at|date|name|email|id|ids|ttl))"
)
_SECRET_NAMED = re.compile(r"(?i)pass|pwd|secret|token|key|credential|private|pin$|salt")
_PLAIN = re.compile(
    r"arn:[\w-]+:.*|[a-z]+://[^/@\s]*(/\S*)?|(?:[\w-]+\.)+[a-z]{2,}(?::\d+)?|[\w.+-]+@[\w-]+\.[\w.]+|[\d.:T+-]+Z?|true|false"
)


@dataclass(frozen=True)
class SecretValue:
    """One value that must lie nowhere but in its store; `name` says whose it is, and never what it is."""

    name: str
    octets: bytes = field(repr=False)

    @property
    def text(self) -> str | None:
        """As text, unless it is binary."""
        try:
            return self.octets.decode()
        except UnicodeDecodeError:
            return None


@dataclass(frozen=True)
class Needle:
    """One spelling of a value: `form` is raw, base64, hex, url, json, html, utf-16, unfolded or folded."""

    secret: str
    form: str
    octets: bytes = field(repr=False)


def is_placeholder(text: str) -> bool:
    """Whether a value only keeps a place: nothing at all, `changeme`, `TODO`, `<your-key>`, one character repeated."""
    bare = text.strip()
    return len(set(bare)) < 3 or bool(_DOCUMENTED.fullmatch(bare))


def unsearchable(value: SecretValue) -> str | None:
    """Why a value cannot be searched for: it would be found in places that have nothing to do with it."""
    text = value.text
    if len(value.octets) < SHORTEST:
        return f"it is shorter than {SHORTEST} characters"
    if text is None:
        return None
    if is_placeholder(text):
        return "it is a placeholder"
    if len(set(text)) < 5 or (len(text) < 16 and re.fullmatch(r"[a-z]+|[A-Z]+|\d+|[A-Z][a-z]+", text)):
        return "it is one plain word or number"
    return None


def parts(value: SecretValue) -> list[SecretValue]:
    """The value itself and, of one that is JSON, the members that are secret: a user name or a host is not."""
    try:
        document = json.loads(value.octets)
    except (ValueError, RecursionError):
        return [value]
    if not isinstance(document, dict | list):
        return [value]
    return [value, *_members(value.name, document)]


def _members(name: str, node: object, key: str = "") -> Iterator[SecretValue]:
    match node:
        case dict():
            for inner, item in node.items():
                yield from _members(name, item, f"{key}.{inner}" if key else str(inner))
        case list():
            for position, item in enumerate(node):
                yield from _members(name, item, f"{key}.{position}" if key else str(position))
        case str() if is_secret_member(key.rpartition(".")[2], node):
            yield SecretValue(f"{name}#{key}", node.encode("utf-8", "surrogatepass"))


def is_secret_member(key: str, text: str) -> bool:
    """Whether a member of a JSON secret is secret: by its name if that tells, otherwise by what it looks like."""
    if _NAMED_PLAIN.fullmatch(key):
        return bool(re.match(r"[a-z][a-z0-9+.-]*://[^/@\s:]*:[^/@\s]+@", text))
    return bool(_SECRET_NAMED.search(key)) or (len(text) >= 12 and not _PLAIN.fullmatch(text) and " " not in text)


def needles(values: Iterable[SecretValue]) -> list[Needle]:
    """Every spelling of every value that can be searched for, each once; `unsearchable` tells the others."""
    found: dict[bytes, Needle] = {}
    for value in values:
        for part in parts(value):
            if unsearchable(part) is None:
                for form, octets in _spellings(part.octets):
                    found.setdefault(octets, Needle(part.name, form, octets))
    return list(found.values())


def search(octets: bytes, wanted: Iterable[Needle]) -> list[Needle]:
    """The needles that lie in some octets: one for each secret, the plainest spelling first."""
    hits: dict[str, Needle] = {}
    for needle in wanted:
        if needle.secret not in hits and needle.octets in octets:
            hits[needle.secret] = needle
    return list(hits.values())


def _spellings(octets: bytes) -> Iterator[tuple[str, bytes]]:
    yield "raw", octets
    yield from (("base64", spelt) for spelt in _base64(octets))
    yield "hex", octets.hex().encode()
    yield "hex", octets.hex().upper().encode()
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        return
    for spelt in (quote(text, safe=""), quote(text), quote_plus(text)):
        yield "url", spelt.encode()
        yield "url", re.sub(r"%..", lambda found: found.group().lower(), spelt).encode()
    for spelt in (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]):
        yield "json", spelt.encode("utf-8", "surrogatepass")
        yield "json", spelt.replace("/", "\\/").encode("utf-8", "surrogatepass")
        yield "json", json.dumps(spelt)[1:-1].encode()
    yield "html", html.escape(text).encode()
    yield "utf-16", text.encode("utf-16-le")
    yield "utf-16", text.encode("utf-16-be")
    yield from _refolded(text)


def _base64(octets: bytes) -> Iterator[bytes]:
    """What of the value is sure to be seen in base64, wherever it stands in what was encoded (RFC 4648 §4, §5).

    Three octets make four characters, so there are three ways to fall on the grid; characters that neighbours have
    a share in are left out.
    """
    for offset in range(3):
        whole = len(octets) + offset
        spelt = base64.b64encode(b"\0" * offset + octets).rstrip(b"=")
        first = (0, 2, 3)[offset]
        last = len(spelt) - (0 if whole % 3 == 0 else 1)
        if last - first >= SHORTEST:
            yield spelt[first:last]
            yield spelt[first:last].translate(bytes.maketrans(b"+/", b"-_"))


def _refolded(text: str) -> Iterator[tuple[str, bytes]]:
    """A value of several lines, such as a PEM key, on one line or with other line ends."""
    lines = text.strip().splitlines()
    if len(lines) < 2:
        return
    for end in ("\n", "\r\n", "\\n", "\\r\\n", "\\\\n", " "):
        yield "folded", end.join(lines).encode()
    body = "".join(line.strip() for line in lines if not line.startswith("-----"))
    if len(body) >= 32:
        yield "unfolded", body.encode()
