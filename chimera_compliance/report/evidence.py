"""An observation as a person reads it: what was sent and what came back, each as one excerpt.

Probes of different kinds keep different facts. What looks like an exchange or a statement is set like one, remarks
above it; any other fact stands on a line of its own, so that a new kind of probe needs no change here.
"""

import json
from collections.abc import Iterable
from typing import Any

LONGEST = 2400

_FIRST_LINE = ("method", "url", "path", "status", "reason")
_BLOCKS = ("sql", "statement", "query", "body", "rows")


def excerpt(facts: dict[str, Any], *, longest: int = LONGEST) -> str:
    """The facts as text of at most `longest` characters and a remark on what was left out."""
    facts = {name: value for name, value in facts.items() if value not in (None, "", [], {})}
    text = "\n".join(_lines(facts))
    if len(text) <= longest:
        return text
    return f"{text[:longest]}\n… {len(text) - longest:,} more characters"


def _lines(facts: dict[str, Any]) -> Iterable[str]:
    first = " ".join(_text(facts[name]) for name in _FIRST_LINE if name in facts)
    headers = list(_headers(facts.get("headers", [])))
    blocks = [_text(facts[name]) for name in _BLOCKS if name in facts]
    remark = "# " if first or headers or blocks else ""
    for name in (name for name in facts if name not in {*_FIRST_LINE, *_BLOCKS, "headers"}):
        yield f"{remark}{name}: {_text(facts[name])}"
    if first:
        yield first
    yield from headers
    if headers and blocks:
        yield ""
    yield from blocks


def _headers(headers: Any) -> Iterable[str]:
    """Headers come as lines, as pairs or as a mapping."""
    pairs = headers.items() if isinstance(headers, dict) else headers if isinstance(headers, list) else [headers]
    return (": ".join(map(_text, pair)) if isinstance(pair, list | tuple) else _text(pair) for pair in pairs)


def _text(value: Any) -> str:
    match value:
        case str():
            return value
        case [*rows] if rows and all(isinstance(row, list | dict) for row in rows):
            return "\n".join(map(_text, rows))
    return json.dumps(value, ensure_ascii=False, default=str)
