"""Objects in bodies and answers: which one is meant, what it may be told, and values that it does not have."""

import uuid
from typing import Any

from chimera_compliance.probes.http.exchange import Exchange
from chimera_compliance.probes.openapi.body import Generator
from chimera_compliance.probes.openapi.scalars import is_number
from chimera_compliance.probes.ownership.throwaway import identifier_of
from chimera_compliance.probes.validation.forging import Whole

PAST = "2001-02-03T04:05:06Z"


def inner(body: Any) -> dict[str, Any]:
    """The object that a body is about: itself, or the only one in it, as in ``{"user": {…}}``."""
    if isinstance(body, dict) and len(body) == 1 and isinstance(only := next(iter(body.values())), dict):
        return only
    return body if isinstance(body, dict) else {}


def with_members(body: Any, extras: dict[str, Any]) -> Any:
    made = {**inner(body), **extras}
    return made if inner(body) is body else {next(iter(body)): made}


def offered(whole: Whole) -> set[str]:
    """The members that the document offers to set."""
    document = whole.operation.document
    generator = Generator(document)
    schema = generator.merged(document.resolve(dict(whole.operation.body_schema or {})))
    if inner(whole.body) is not whole.body:
        schema = generator.merged(document.resolve((schema.get("properties") or {}).get(next(iter(whole.body)))))
    members = schema.get("properties") or {}
    return {name for name, part in members.items() if document.resolve(part).get("readOnly") is not True}


def has_value(objects: list[dict], name: str, value: Any) -> bool:
    return any(_same(item.get(name), value) for item in objects)


def another(name: str, value: Any, wishes: dict[str, Any]) -> Any:
    """A value that the member does not have of itself, of the same type."""
    if name in wishes and type(wishes[name]) is type(value):
        return wishes[name]
    match value:
        case bool():
            return not value
        case int() | float() if is_number(value):
            return value + 777
        case str():
            return _text_like(value)
    return None


def _text_like(value: str) -> str:
    try:
        uuid.UUID(value)
        return str(uuid.uuid4())
    except ValueError:
        return PAST if value[:4].isdecimal() and value[4:5] == "-" else f"{value}x"


def _same(found: Any, value: Any) -> bool:
    """Whether a member is what was sent; times may be written otherwise."""
    if value == PAST and isinstance(found, str):
        return found.startswith("2001-02-03")
    return type(found) is type(value) and found == value


def object_about(document: Any, body: dict[str, Any]) -> dict[str, Any] | None:
    """The object of an answer that is about what was sent: the one that has most of its members."""
    found = [(len(item.keys() & body.keys()), item) for item in objects(document)]
    return max(found, key=lambda pair: pair[0], default=(0, None))[1]


def is_it(item: dict[str, Any], body: dict[str, Any], answer: Exchange) -> bool:
    """Whether an object is the one that was made: by its id, or by a text that only it has."""
    identifier = identifier_of(answer, "id")
    texts = [value for value in body.values() if isinstance(value, str) and len(value) >= 8]
    return identifier in map(str, item.values()) or any(text in item.values() for text in texts)


def objects(document: Any) -> list[dict[str, Any]]:
    queue, found = [document], []
    while queue and len(found) < 1000:
        node = queue.pop(0)
        if isinstance(node, dict):
            found.append(node)
            queue += node.values()
        elif isinstance(node, list):
            queue += node
    return found
