"""What tells whose data an answer shows: its leaves, without those that say nothing about an owner.

Judged by content, since a status does not tell: 200 may hold the caller's own object, an empty page, or
somebody else's, and a refusal may quote what it refuses to show.
"""

import json
import re
import time
from collections.abc import Iterable, Iterator
from typing import Any

from chimera_compliance.probes.http.exchange import Exchange

Leaf = tuple[str, str]
"""Where a value stands (`items[].id`; positions in lists do not count) and the value as text."""

_MOST_LEAVES = 20_000
_MOST_QUOTED = 500
_WORD = re.compile(r"[^\s\"'<>(){}\[\],;=]{4,200}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d\S*|\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d .+")
_DAY = 86_400


def leaves(exchange: Exchange) -> frozenset[Leaf]:
    """Every value of a JSON answer, the members' names among them (an id may be a key); of other text, its words.

    Left out are values that tell nobody from anybody: null, booleans, empty text and moments in time.
    """
    document = exchange.json()
    if document is None:
        text = exchange.body.decode("utf-8", "replace")
        return frozenset(("text", word) for word in _WORD.findall(text)[:_MOST_LEAVES] if _tells(word))
    return frozenset(leaf for leaf in _of_json(document) if _tells(leaf[1]))


def _of_json(document: Any) -> Iterator[Leaf]:
    waiting, found = [("", document)], 0
    while waiting and found < _MOST_LEAVES:
        path, value = waiting.pop()
        match value:
            case dict():
                waiting += [(f"{path}.{name}".lstrip("."), item) for name, item in value.items()]
                yield from ((f"{path}{{}}", str(name)) for name in value)
            case list():
                waiting += [(f"{path}[]", item) for item in value]
            case str():
                yield path, value
            case int() | float() if not isinstance(value, bool):
                yield path, json.dumps(value)
        found += 1


def _tells(value: str) -> bool:
    if not value or _MOMENT.fullmatch(value):
        return False
    return not _is_now(value)


def _is_now(value: str) -> bool:
    """Whether it is a UNIX time, in seconds or milliseconds, of these days."""
    if not re.fullmatch(r"1\d{9}(\d{3})?(\.\d+)?", value):
        return False
    seconds = float(value) / (1000 if len(value.partition(".")[0]) == 13 else 1)
    return abs(seconds - time.time()) < _DAY


def values(answers: Iterable[frozenset[Leaf]]) -> frozenset[str]:
    """All values in several answers, wherever they stand."""
    return frozenset(value for answer in answers for _, value in answer)


def telling(value: str) -> bool:
    """Whether a value is rare enough to identify an object by itself, unlike `active`, `20` or `USDC`."""
    digits = re.sub(r"\D", "", value)
    if re.fullmatch(r"-?[\d.]+(e[+-]?\d+)?", value):
        return len(digits.strip("0")) >= 4
    return len(value) >= 12 or (len(value) >= 6 and bool(digits))


def quoted(marks: frozenset[Leaf], answer: frozenset[Leaf]) -> frozenset[Leaf]:
    """The telling marks that stand inside longer texts of an answer, as in the words of a refusal."""
    if len(marks) > _MOST_QUOTED or not answer:
        return frozenset()
    words = "\n".join(value for _, value in answer)
    return frozenset(leaf for leaf in marks if telling(leaf[1]) and leaf[1] in words)
