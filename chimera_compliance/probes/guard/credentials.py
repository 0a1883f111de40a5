"""Credentials that are no token, tokens in the wrong place, and identity that the client asserts for itself.

Each presents itself to a request that has no credential. RFC 6750 §2 has three places for a bearer token, and a
stack declares one; RFC 9700 §4.3.2 forbids the query. Identity headers belong to proxies (CWE-290), and a framework
that fills a parameter named `user` from the body lets the client choose who it is (CWE-639, ADR-005 §5).
"""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from chimera_compliance.probes.http.exchange import Request
from chimera_compliance.probes.jwt.forgeries import Genuine
from chimera_compliance.probes.jwt.jose import b64, segment

Place = Callable[[Request, "Bearer"], Request | None]


@dataclass(frozen=True)
class Bearer:
    """What a credential is made of: a genuine token and how the stack wants it."""

    genuine: Genuine
    header: str = "Authorization"
    scheme: str = "Bearer"
    members: tuple[str, ...] = ()
    """The members that the document requires in the operation's body."""

    def value(self, token: str) -> str:
        """The value of the declared header."""
        return f"{self.scheme} {token}".strip()


@dataclass(frozen=True)
class Credential:
    """One way to ask for admission; `what` continues "admitted …"."""

    id: str
    what: str
    present: Place = field(repr=False)

    def __str__(self) -> str:
        return self.id


def with_headers(request: Request, *headers: tuple[str, str]) -> Request:
    """The request with further headers."""
    return replace(request, headers=(*request.headers, *headers))


def with_query(request: Request, values: Mapping[str, str]) -> Request:
    """The request with further query parameters."""
    join = "&" if "?" in request.path else "?"
    return replace(request, path=f"{request.path}{join}{urlencode(values)}")


def _declared(id: str, what: str, value: Callable[[Bearer], str]) -> Credential:
    """A value of the header that the stack declares."""
    return Credential(id, what, lambda request, b: with_headers(request, (b.header, value(b))))


def _basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


def _token(header: str | bytes, payload: str | bytes, signature: bytes = b"chimera") -> Callable[[Bearer], str]:
    return lambda b: b.value(f"{segment(header)}.{segment(payload)}.{b64(signature)}")


def _genuine_header(payload: bytes) -> Callable[[Bearer], str]:
    return lambda b: b.value(f"{segment(b.genuine.header())}.{b64(payload)}.{b64(b.genuine.token.signature)}")


_HS256 = '{"alg":"HS256","typ":"JWT"}'

MALFORMED = [
    _declared("empty", "an empty credential", lambda b: ""),
    _declared("scheme-only", "a scheme without a token", lambda b: b.scheme),
    _declared("scheme-and-space", "a scheme and a space", lambda b: f"{b.scheme} "),
    _declared("null", "the token `null`", lambda b: b.value("null")),
    _declared("garbage", "a word for a token", lambda b: b.value("chimera")),
    _declared("dots", "a token of nothing but dots", lambda b: b.value("..")),
    _declared("not-ascii", "a token of letters beyond ASCII", lambda b: b.value("\u00e9\u00fc.\u00e9.\u00fc")),
    _declared("not-base64", "a token that is not base64url", lambda b: b.value("a!.b!.c!")),
    _declared("basic", "a user name and password", lambda b: _basic("admin:admin")),
    _declared("basic-empty", "an empty user name and password", lambda b: _basic(":")),
    _declared("digest", "a digest of nobody", lambda b: 'Digest username="admin", response=""'),
    _declared("header-not-json", "a token whose header is not JSON", _token("chimera", "{}")),
    _declared("header-a-list", "a token whose header is a list", _token("[]", "{}")),
    _declared("header-nested", "a token whose header is nested too deep", _token("[" * 2500, "{}")),
    _declared("header-not-utf8", "a token whose header is not UTF-8", _token(b"\xff\xfe\xfd", "{}")),
    _declared("alg-a-mapping", "a token whose algorithm is a mapping", _token('{"alg":{}}', "{}")),
    _declared("alg-unknown", "a token of an unknown algorithm", _token('{"alg":"CHIMERA1"}', "{}")),
    _declared("payload-empty", "a token without payload", _token(_HS256, "")),
    _declared("payload-not-json", "a token whose payload is not JSON", _genuine_header(b"chimera")),
    _declared("payload-a-list", "a token whose payload is a list", _genuine_header(b"[]")),
    _declared("payload-null", "a token whose payload is `null`", _genuine_header(b"null")),
    _declared("payload-not-utf8", "a token whose payload is not UTF-8", _genuine_header(b"\xff\xfe\xfd")),
    _declared("long", "a token of 6,000 characters", lambda b: b.value(f"{b.genuine.text}{'A' * 6000}")),
]


# A credential's own header is left out of the guesses, for there it is in its place.
_TOKEN_HEADERS = (
    *("Authorization", "X-Authorization", "X-Access-Token", "X-Auth-Token", "X-JWT", "X-JWT-Assertion", "X-ID-Token"),
    *("X-Forwarded-Authorization", "X-Original-Authorization", "X-Forwarded-Access-Token", "X-Amzn-Oidc-Data"),
    *("Proxy-Authorization", "Authentication", "X-API-Key", "X-Token", "Token", "JWT", "Access-Token", "Auth"),
)
_TOKEN_NAMES = (
    *("access_token", "token", "jwt", "auth", "authorization", "Authorization", "bearer", "api_key", "apikey"),
    *("id_token", "auth_token", "accessToken", "session"),
)


def _in_other_headers(request: Request, b: Bearer) -> Request:
    others = [name for name in _TOKEN_HEADERS if name.lower() != b.header.lower()]
    bare = [
        name for name in others if name in ("X-API-Key", "X-Token", "Token", "JWT", "Access-Token", "X-Access-Token")
    ]
    values = [(name, b.genuine.text if name in bare else f"Bearer {b.genuine.text}") for name in others]
    return with_headers(request, *values)


def _in_bare_headers(request: Request, b: Bearer) -> Request:
    others = [name for name in _TOKEN_HEADERS if name.lower() != b.header.lower()]
    return with_headers(request, *((name, b.genuine.text) for name in others))


def _in_query(request: Request, b: Bearer) -> Request:
    return with_query(request, dict.fromkeys(_TOKEN_NAMES, b.genuine.text))


def _in_cookies(request: Request, b: Bearer) -> Request | None:
    if b.header.lower() == "cookie":
        return None
    cookies = "; ".join(f"{name}={b.genuine.text}" for name in _TOKEN_NAMES)
    return with_headers(request, ("Cookie", cookies))


def _in_form(request: Request, b: Bearer) -> Request | None:
    if request.body is None:
        return None
    form = urlencode({"access_token": b.genuine.text, "token": b.genuine.text}).encode()
    headers = tuple((name, value) for name, value in request.headers if name.lower() != "content-type")
    typed = (*headers, ("Content-Type", "application/x-www-form-urlencoded"))
    return replace(request, headers=typed, body=form)


def _in_json(request: Request, b: Bearer) -> Request | None:
    return with_members(request, {"access_token": b.genuine.text, "token": b.genuine.text})


def with_members(request: Request, members: Mapping[str, Any]) -> Request | None:
    """The request with further members in its JSON object; None where its body is none."""
    try:
        body = json.loads(request.body or b"")
    except ValueError:
        return None
    return replace(request, body=json.dumps({**body, **members}).encode()) if isinstance(body, dict) else None


IN_QUERY = Credential("query", "a token in the query", _in_query)


def _other_scheme(request: Request, b: Bearer) -> Request | None:
    """Where the scheme is Bearer, another word; the word's letters may be of either case (RFC 9110 §11.1)."""
    other = "Bearer" if b.scheme.lower() == "token" else "Token"
    return with_headers(request, (b.header, f"{other} {b.genuine.text}")) if b.scheme else None


def _without_scheme(request: Request, b: Bearer) -> Request | None:
    return with_headers(request, (b.header, b.genuine.text)) if b.scheme else None


ELSEWHERE = [
    Credential("other-scheme", "a token after another scheme", _other_scheme),
    Credential("no-scheme", "a token without its scheme", _without_scheme),
    Credential("other-header", "a token in a header that was not declared for it", _in_other_headers),
    Credential("bare-header", "a bare token in a header that was not declared for it", _in_bare_headers),
    Credential("cookie", "a token in a cookie", _in_cookies),
    Credential("form", "a token in a form", _in_form),
    Credential("json", "a token in the JSON body", _in_json),
]


def _doubled(values: Callable[[Bearer], list[str]]) -> Place:
    return lambda request, b: with_headers(request, *((b.header, value) for value in values(b)))


def _bad(b: Bearer) -> str:
    return b.value(f"{b.genuine.token.signed}.{b64(b'chimera' * 4)}")


def _good(b: Bearer) -> str:
    return b.value(b.genuine.text)


DOUBLED = [
    Credential("twice", "two forged tokens in two headers", _doubled(lambda b: [_bad(b), _bad(b)])),
    Credential("list", "a list of two forged tokens", _doubled(lambda b: [f"{_bad(b)}, {_bad(b)}"])),
    Credential("with-basic", "a forged token beside a password", _doubled(lambda b: [_bad(b), _basic("admin:admin")])),
    Credential("with-empty", "a forged token beside an empty one", _doubled(lambda b: [_bad(b), ""])),
]
GOOD_FIRST = Credential("good-first", "a right token before a forged one", _doubled(lambda b: [_good(b), _bad(b)]))
GOOD_LAST = Credential("good-last", "a right token after a forged one", _doubled(lambda b: [_bad(b), _good(b)]))
