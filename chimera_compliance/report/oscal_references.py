"""Whether the identifiers of an OSCAL document hold together: NIST's schema accepts references to nothing."""

from collections.abc import Iterator
from itertools import chain
from typing import Any


def dangling(document: dict[str, Any]) -> list[str]:
    """The identifiers that a document refers to and does not define, or defines twice."""
    defined: list[str] = []
    referred: list[str] = []
    for name, value in _strings(document):
        if name == "uuid":
            defined.append(value)
        elif name.endswith("-uuid"):
            referred.append(value)
        elif name == "href" and value.startswith("#"):
            referred.append(value[1:])
    known = set(defined)
    return [*(each for each in referred if each not in known), *_twice(defined)]


def _twice(names: list[str]) -> list[str]:
    seen: set[str] = set()
    return [name for name in names if name in seen or seen.add(name)]


def _strings(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    match value:
        case dict():
            yield from chain.from_iterable(_strings(item, key) for key, item in value.items())
        case list():
            yield from chain.from_iterable(_strings(item, name) for item in value)
        case str():
            yield name, value
