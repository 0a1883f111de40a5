"""What the flaws of C03 are made of: believing a second key, and letting somebody in under a borrowed name."""

import time
from collections.abc import Callable
from typing import Any

from chimera_compliance.stack.flaws import ALICE
from chimera_compliance.stack.variant import Caller, Refused, Variant

Key = Callable[[Any], Any]


def refusing(bad: bool, why: str = "signature") -> None:
    """Refuse a token if it is bad."""
    if bad:
        raise Refused(why)


def with_key(variant: Variant, key: Key) -> Callable:
    """The signature check of the variant, which also believes an HMAC under the secret that `key(token)` gives."""
    proper = variant.token_checks["signature"]

    def signature(token, v):
        from chimera_compliance.probes.jwt.jose import hmac_signer, unb64

        try:
            secret = key(token) if token.header.get("alg") == "HS256" else None
        except Exception:
            secret = None
        signed, _, given = token.raw.rpartition(".")
        if secret is None or hmac_signer(secret.encode())(signed.encode()) != unb64(given):
            proper(token, v)

    return signature


def with_algorithm(variant: Variant, key: Key, named: str) -> None:
    """Believe the public key that `key(token)` finds, in whatever algorithm the token names."""
    proper, algorithm = variant.token_checks["signature"], variant.token_checks.pop("algorithm")

    def signature(token, v):
        import jwt

        if token.header.get("alg") == v.signing.algorithm or not {named} & {*token.header, *token.claims}:
            algorithm(token, v)
            return proper(token, v)
        try:
            return jwt.PyJWS().decode(token.raw, key(token), algorithms=["RS256", "ES256"])
        except Exception as error:
            raise Refused("signature") from error

    variant.token_checks["signature"] = signature


def minted(variant: Variant, caller: Caller = ALICE, **claims: Any) -> str:
    """A token of the stack's own, for somebody whom a flaw lets in."""
    import jwt

    now = int(time.time())
    named = {"sub": str(caller.user_id), "tenant_id": str(caller.tenant_id), "role": caller.role}
    standard = {"iat": now, "exp": now + 60, "iss": variant.settings.issuer, "aud": variant.settings.audience}
    return jwt.encode({**standard, **named, **claims}, variant.signing.key, variant.signing.algorithm)


class Door:
    """An ASGI layer before the guard: `open(ask)` may change the request and name whom it lets in."""

    def __init__(self, app, variant: Variant, open: Callable[["Ask"], None]) -> None:
        self.app, self.variant, self.open = app, variant, open

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        ask = Ask(self.variant, scope, await _whole(receive))
        self.open(ask)
        await self.app(ask.scope, _again(ask.body), send)


class Ask:
    """A request as the layer sees it."""

    def __init__(self, variant: Variant, scope: dict, body: bytes) -> None:
        self.variant, self.scope, self.body = variant, dict(scope), body

    @property
    def path(self) -> str:
        """The decoded path."""
        return self.scope["path"]

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters."""
        from urllib.parse import parse_qsl

        return dict(parse_qsl(self.scope["query_string"].decode(), keep_blank_values=True))

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value.decode("latin-1") for key, value in self.scope["headers"] if key.decode().lower() == name]

    def one(self, name: str) -> str | None:
        """A header's first value."""
        return next(iter(self.all(name)), None)

    def cookie(self, name: str) -> str | None:
        """A cookie's value."""
        pairs = (pair.strip().partition("=") for pair in (self.one("cookie") or "").split(";"))
        return next((value for key, _, value in pairs if key == name), None)

    def claims(self) -> dict[str, Any] | None:
        """The claims of the request's token, if the stack itself admits it."""
        from chimera_compliance.stack.api import tokens

        raw = (self.one("authorization") or "").partition(" ")[2]
        try:
            tokens.verify(raw, self.variant.signing.key, self.variant)
            return tokens.Token.parse(raw, "").claims
        except Refused:
            return None

    def present(self, token: str) -> None:
        """Put a token where the guard looks for it, in place of what is there."""
        kept = [(key, value) for key, value in self.scope["headers"] if key != b"authorization"]
        self.scope["headers"] = [*kept, (b"authorization", f"Bearer {token}".encode("latin-1"))]

    def enter(self, caller: Caller = ALICE, **claims: Any) -> None:
        """Let somebody in."""
        self.present(minted(self.variant, caller, **claims))

    def move(self, path: str) -> None:
        """Go to another path of the API."""
        self.scope |= {"path": path, "raw_path": path.encode()}


def door(variant: Variant, open: Callable[[Ask], None]) -> None:
    """Build the layer into the variant."""
    variant.wraps.append(lambda app: Door(app, variant, open))


async def _whole(receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body


def _again(body: bytes):
    sent = False

    async def receive():
        nonlocal sent
        if sent:
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
