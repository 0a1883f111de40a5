"""What a JSON Schema certainly refuses: only that may be sent as wrong, so that no lenient schema is blamed.

Whatever is open (an unknown format, an expression that is not run, an alternative) counts as admitted.
"""

import re
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from chimera_compliance.probes.openapi.document import Document
from chimera_compliance.probes.openapi.scalars import is_number
from chimera_compliance.probes.validation.patterns import certainly_without

_DEEPEST = 16
_JSON = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: is_number(value) and value == int(value),
    "number": lambda value: is_number(value),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
}
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_FORMS: dict[str, Callable[[str], Any]] = {
    "uuid": uuid.UUID,
    "date": date.fromisoformat,
    "date-time": lambda text: datetime.fromisoformat(text.replace("Z", "+00:00")),
    "email": lambda text: _EMAIL.fullmatch(text) or int("no"),
    "ipv4": IPv4Address,
    "ipv6": IPv6Address,
    "uri": lambda text: int("no") if ":" not in text else None,
}
FORMS = frozenset(_FORMS)
_FOREVER = 4


def kinds(schema: dict[str, Any]) -> set[str]:
    """The JSON types that a schema names; what it implies where it names none."""
    named = schema.get("type")
    found = {str(item) for item in named} if isinstance(named, list) else {named} if isinstance(named, str) else set()
    if not found:
        found = {"object"} if schema.get("properties") else {"array"} if "items" in schema else set()
    return found | ({"null"} if schema.get("nullable") is True else set())


def refuses(document: Document, schema: Any, value: Any, depth: int = 0) -> bool:
    """Whether a schema certainly does not admit a value."""
    if schema is False:
        return True
    schema = document.resolve(schema)
    if depth > _DEEPEST or not schema or (value is None and schema.get("nullable") is True):
        return False
    inner = lambda part, item: refuses(document, part, item, depth + 1)  # noqa: E731
    if any(inner(part, value) for part in _list(schema.get("allOf"))):
        return True
    for choice in ("anyOf", "oneOf"):
        options = _list(schema.get(choice))
        if options and all(inner(option, value) for option in options):
            return True
    return _stated(schema, value) or _of_type(schema, value) or _of_kind(schema, value, inner)


def _stated(schema: dict[str, Any], value: Any) -> bool:
    options = _list(schema.get("enum")) or ([schema["const"]] if "const" in schema else [])
    return bool(options) and not any(type(option) is type(value) and option == value for option in options)


def _of_type(schema: dict[str, Any], value: Any) -> bool:
    known = [_JSON[kind] for kind in kinds(schema) if kind in _JSON]
    return bool(known) and len(known) == len(kinds(schema)) and not any(test(value) for test in known)


def _of_kind(schema: dict[str, Any], value: Any, inner: Callable[[Any, Any], bool]) -> bool:
    match value:
        case bool() | None:
            return False
        case int() | float():
            return not is_number(value) or _number(schema, value)
        case str():
            return _text(schema, value)
        case list():
            return _array(schema, value, inner)
        case dict():
            return _object(schema, value, inner)
    return False


def _number(schema: dict[str, Any], value: float) -> bool:
    low, high = schema.get("minimum"), schema.get("maximum")
    over, under = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    step = schema.get("multipleOf")
    return (
        (is_number(low) and (value < low or (over is True and value == low)))
        or (is_number(high) and (value > high or (under is True and value == high)))
        or (is_number(over) and value <= over)
        or (is_number(under) and value >= under)
        or (is_number(step) and step > 0 and abs(value / step - round(value / step)) > 1e-6)
    )


def _text(schema: dict[str, Any], value: str) -> bool:
    shortest, longest = schema.get("minLength"), schema.get("maxLength")
    if (is_number(shortest) and len(value) < shortest) or (is_number(longest) and len(value) > longest):
        return True
    if isinstance(pattern := schema.get("pattern"), str) and certainly_without(pattern, value):
        return True
    if (form := _FORMS.get(str(schema.get("format")))) is None:
        return False
    with suppress(ValueError):
        form(value)
        return False
    return True


def _array(schema: dict[str, Any], value: list, inner: Callable[[Any, Any], bool]) -> bool:
    fewest, most = schema.get("minItems"), schema.get("maxItems")
    if (is_number(fewest) and len(value) < fewest) or (is_number(most) and len(value) > most):
        return True
    if schema.get("uniqueItems") is True and len(set(map(repr, value))) < len(value):
        return True
    return any(inner(schema.get("items", {}), item) for item in value[:_FOREVER])


def _object(schema: dict[str, Any], value: dict, inner: Callable[[Any, Any], bool]) -> bool:
    properties = schema.get("properties") if isinstance(schema.get("properties"), dict) else {}
    if any(name not in value for name in _list(schema.get("required"))):
        return True
    if is_number(fewest := schema.get("minProperties")) and len(value) < fewest:
        return True
    if schema.get("additionalProperties") is False and set(value) - set(properties):
        return True
    return any(name in properties and inner(properties[name], item) for name, item in value.items())


def _list(value: Any) -> list:
    return value if isinstance(value, list) else []
