"""Secrets in rows of the trail: the real values of this run, as they are and in the forms in which logs keep them."""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from chimera_compliance.probes.audit.trail import Row

_SHORTEST = 8
_JWS = re.compile(r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{16,}")


def forms(value: str) -> Iterator[tuple[str, str]]:
    """(how, text) of a value as logs write it; base64 in its three alignments, without the characters at the edges."""
    raw = value.encode()
    yield "as it is", value
    yield "URL-encoded", quote(value, safe="")
    yield "form-encoded", quote_plus(value)
    for ascii_only in (True, False):
        once = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield "as JSON", once
        yield "as JSON in JSON", json.dumps(once, ensure_ascii=ascii_only)[1:-1]
    yield "in hex", raw.hex()
    yield "in hex", raw.hex().upper()
    yield "reversed", value[::-1]
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + raw).decode().rstrip("=")
        inner = whole[-(-before * 4 // 3) + (1 if before else 0) : -1]
        yield "in base64", inner
        yield "in base64url", inner.replace("+", "-").replace("/", "_")


def parts(value: str) -> Iterator[str]:
    """The value, and of a JWT its signature, without which it is worth nothing."""
    yield value
    if value.count(".") == 2 and value.startswith("eyJ"):
        yield value.rpartition(".")[2]


def leaks(rows: list[Row], secrets: Mapping[str, str]) -> Iterator[tuple[Row, str, str]]:
    """(row, column, what) of every secret that a row holds."""
    needles = [
        (text, name, how)
        for value, name in secrets.items()
        for part in parts(value)
        if len(part) >= _SHORTEST
        for how, text in forms(part)
        if len(text) >= _SHORTEST
    ]
    for row in rows:
        for column, value in row.values.items():
            text = "\n".join(_texts(value))
            found = {name: how for needle, name, how in needles if needle in text}
            yield from ((row, column, f"{name} {how}") for name, how in found.items())
            if not found and _JWS.search(text):
                yield row, column, "a signed token"


def _texts(value: Any) -> Iterator[str]:
    """Every text in a value, names of members included."""
    match value:
        case dict():
            for name, item in value.items():
                yield str(name)
                yield from _texts(item)
        case list():
            for item in value:
                yield from _texts(item)
        case _ if value is not None:
            yield str(value)
