"""An observation as a person reads it: what was sent and what came back, each as one excerpt.

Probes of different kinds keep different facts. What looks like an exchange or a statement is set like one; any other
fact stands on a line of its own, so that a new kind of probe needs no change here.
"""

import json
from collections.abc import Iterable
from typing import Any

LONGEST = 1500

_FIRST_LINE = ("method", "url", "path", "status", "reason")
_BLOCKS = ("sql", "statement", "query", "body", "rows")


def excerpt(facts: dict[str, Any], *, longest: int = LONGEST) -> str:
    """The facts as text of at most `longest` characters and a remark on what was left out."""
    text = "\n".join(part for part in _parts(facts) if part)
    if len(text) <= longest:
        return text
    return f"{text[:longest]}\n… {len(text) - longest} more characters"


def _parts(facts: dict[str, Any]) -> Iterable[str]:
    known = {*_FIRST_LINE, *_BLOCKS, "headers"}
    yield " ".join(_text(facts[key]) for key in _FIRST_LINE if not _nothing(facts.get(key)))
    yield from (f"{name}: {_text(value)}" for name, value in _pairs(facts.get("headers")))
    yield from (f"{key}: {_text(value)}" for key, value in facts.items() if key not in known and not _nothing(value))
    for key in _BLOCKS:
        if not _nothing(value := facts.get(key)):
            yield "\n" + _text(value) if facts.get("headers") else _text(value)


def _pairs(headers: Any) -> Iterable[tuple[str, Any]]:
    match headers:
        case dict():
            return headers.items()
        case list():
            return [tuple(pair) if isinstance(pair, list) and len(pair) == 2 else ("header", pair) for pair in headers]
    return []


def _nothing(value: Any) -> bool:
    return value is None or value == "" or value == [] or value == {}


def _text(value: Any) -> str:
    match value:
        case str():
            return value
        case list() if value and all(isinstance(row, list | dict) for row in value):
            return "\n".join(map(_text, value))
    return json.dumps(value, ensure_ascii=False, default=str)
