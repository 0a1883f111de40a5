"""Keeps an exchange in the journal: what was sent, what came back, how to repeat it; no credential in it."""

import re

from chimera_compliance.journal import Journal
from chimera_compliance.probes.http.exchange import Exchange, Headers, Outgoing
from chimera_compliance.probes.http.reproduce import curl
from chimera_compliance.probes.http.trust import RUN_HEADER

_EXCERPT = 2000
_COOKIE = re.compile(r"^([^=;]*=)[^;]*")
_SECRET_MEMBER = re.compile(
    r'("[^"]*(?:passw|secret|token|api_?key|private_?key|credential|mnemonic)[^"]*"\s*:\s*")[^"\\]*(?:\\.[^"\\]*)*',
    re.IGNORECASE,
)
_SECRET_WORD = re.compile(r"passw|secret|token|key|credential|mnemonic", re.IGNORECASE)


def excerpt(body: bytes) -> str:
    """The beginning of a body as text, with the values of members that are named like secrets left out."""
    text = body[: 4 * _EXCERPT].decode("utf-8", "replace")[:_EXCERPT]
    return _SECRET_MEMBER.sub(r"\1…", text) if _SECRET_WORD.search(text) else text


def keep(journal: Journal, outgoing: Outgoing, exchange: Exchange, *, authorities: bool) -> str:
    """Record the exchange and return the observation's id."""
    request = outgoing.request
    sent = {"method": request.method, "url": str(outgoing.url), "headers": _lines(outgoing.headers)}
    if request.note:
        sent["note"] = request.note
    if request.body is not None:
        sent["body"] = excerpt(request.body)
    return journal.record(
        kind="http",
        subject=request.subject,
        sent=sent,
        received=_received(exchange),
        raw=exchange.body,
        reproduce=_command(journal, outgoing, authorities),
    )


def _lines(headers: Headers) -> list[str]:
    """One line a header, as duplicates matter; a cookie keeps its name and attributes only."""
    return [f"{name}: {_shown(name.lower(), value)}" for name, value in headers]


def _shown(name: str, value: str) -> str:
    if name == "set-cookie":
        return _COOKIE.sub(r"\1…", value)
    return "…" if name == "cookie" else value


def _received(exchange: Exchange) -> dict:
    if exchange.status is None:
        return {"error": exchange.error, "seconds": round(exchange.seconds, 4)}
    received = {
        "status": f"{exchange.status} {exchange.reason}".strip(),
        "headers": _lines(exchange.headers),
        "body": excerpt(exchange.body),
        "seconds": round(exchange.seconds, 4),
    }
    return received | ({"error": exchange.error} if exchange.error else {})


def _command(journal: Journal, outgoing: Outgoing, authorities: bool) -> str:
    """The command; its texts are redacted before they are quoted, as quoting would hide a secret from the redactor."""
    request, redact = outgoing.request, journal.redact
    names = [name for name, _ in outgoing.headers if name != RUN_HEADER]
    values = [_shown(name.lower(), value) for name, value in outgoing.headers if name != RUN_HEADER]
    body = request.body.decode("utf-8", "replace") if request.body is not None else ""
    url, body, *values = redact.deep([str(outgoing.url), body, *values])
    return curl(
        request.method,
        url,
        tuple(zip(names, values, strict=True)),
        body if request.body is not None else None,
        authorities=authorities,
        placeholders=redact.placeholders,
    )
