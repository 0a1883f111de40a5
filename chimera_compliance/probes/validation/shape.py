"""What the errors of one stack have in common, learned from most of them or named by the target file."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from chimera_compliance.probes.http.exchange import Exchange

_LAYERS = frozenset({413, 414, 431, 429})
"""Answers that a proxy in front often gives in its own words, and rate limits, which are C10's."""


def shape(exchange: Exchange) -> frozenset[str] | None:
    """The members of an error's object, those of an object in it that is alone included; None where it is no object."""
    body = exchange.json()
    if not isinstance(body, dict):
        return None
    inner = next(iter(body.values()), None) if len(body) == 1 else None
    return (
        frozenset(body) | {f"{next(iter(body))}.{key}" for key in inner} if isinstance(inner, dict) else frozenset(body)
    )


def usual_shape(rejections: Sequence[Exchange]) -> frozenset[str]:
    """What the errors of one stack have in common: the members that most of them have."""
    found = [members for item in rejections if (members := shape(item)) is not None]
    counted = Counter(member for members in found for member in members)
    return frozenset(member for member, count in counted.items() if count * 2 > len(rejections))


def misshapen(rejections: Sequence[Exchange], pointers: Sequence[str]) -> list[Exchange]:
    """Rejections that lack a member that the target file names; without any named, those unlike most others."""
    judged = [item for item in rejections if item.status not in _LAYERS]
    if pointers:
        return [item for item in judged if any(not has(item.json(), pointer) for pointer in pointers)]
    usual = usual_shape(judged)
    return [item for item in judged if usual and not (shape(item) or frozenset()) & usual]


def has(document: Any, pointer: str) -> bool:
    """Whether a JSON pointer (RFC 6901) leads to something."""
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(document, list) and key.isdecimal() and int(key) < len(document):
            document = document[int(key)]
        elif isinstance(document, dict) and key in document:
            document = document[key]
        else:
            return False
    return True
