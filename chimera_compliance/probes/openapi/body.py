"""The smallest instance of a JSON Schema: a request that a right credential gets through with.

The schema was written by the target: it may be circular, contradictory or hostile, so everything is bounded.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chimera_compliance.probes.openapi.document import Document
from chimera_compliance.probes.openapi.scalars import bounded, integer, number, text

_DEEPEST = 12
_MOST_ITEMS = 64
_MOST_NODES = 2000
_POWER = re.compile(r"role|admin|scope|permission|active|enabled|owner|tenant", re.IGNORECASE)
_IDENTITY = re.compile(r"id$|name|mail|passw|token|secret", re.IGNORECASE)

Known = Callable[[str], Any | None]


def _unknown(name: str) -> None:
    return None


@dataclass
class Generator:
    """Makes instances; `known` gives a value by property name (an id of the principal's own), or None.

    `updates` says that the instance is written over something that exists.
    """

    document: Document
    known: Known = _unknown
    updates: bool = False
    _nodes: int = 0

    def instance(self, schema: Any, name: str = "", depth: int = 0) -> Any:
        """A value that the schema admits, as far as we can tell; `name` is the property it is for."""
        schema = self.document.resolve(schema)
        if self._exhausted(depth):
            return None
        if (own := self.known(name)) is not None and _takes_text(schema):
            return typed(own, schema)
        found, value = _stated(schema)
        return value if found else self._made(self.merged(schema, depth), name, depth)

    def merged(self, schema: dict[str, Any], depth: int = 0) -> dict[str, Any]:
        """The schema with its allOf, and the simplest alternative of its anyOf or oneOf, written into it."""
        merged = {key: value for key, value in schema.items() if key not in ("allOf", "anyOf", "oneOf")}
        parts = [self.document.resolve(part) for part in _list(schema.get("allOf"))]
        for choice in ("anyOf", "oneOf"):
            options = [self.document.resolve(option) for option in _list(schema.get(choice))]
            parts += [next((option for option in options if option.get("type") != "null"), {})] if options else []
        for part in parts:
            part = {} if self._exhausted(depth) else self.merged(part, depth + 1)
            properties = {**_dict(part.get("properties")), **_dict(merged.get("properties"))}
            required = [*_list(merged.get("required")), *_list(part.get("required"))]
            merged = {**part, **merged, "properties": properties, "required": required}
        return merged

    def _exhausted(self, depth: int) -> bool:
        self._nodes += 1
        return depth > _DEEPEST or self._nodes > _MOST_NODES

    def _made(self, schema: dict[str, Any], name: str, depth: int) -> Any:
        found, value = _stated(schema)
        if found:
            return value
        match _type(schema):
            case "object":
                return self._object(schema, depth)
            case "array":
                count = bounded(schema.get("minItems"), 0, _MOST_ITEMS)
                return [self._item(schema, place, name, depth) for place in range(count)]
            case "integer":
                return integer(schema)
            case "number":
                return number(schema)
            case "boolean":
                return True
            case "null":
                return None
        return text(schema, name)

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        """The required properties; where the document requires none of a body, those it gives an example for."""
        properties = _dict(schema.get("properties"))
        wanted = [key for key in _list(schema.get("required")) if isinstance(key, str)]
        fewest = max(bounded(schema.get("minProperties"), 0, _MOST_ITEMS), 0 if wanted or depth else 1)
        optional = [key for key in properties if key not in wanted and self._harmless(key, properties[key])]
        shown = [key for key in optional if _stated(self.document.resolve(properties[key]))[0]]
        wanted += shown if not wanted and not depth else []
        wanted += [key for key in optional if key not in wanted][: max(0, fewest - len(wanted))]
        return {
            key: self.instance(properties.get(key, {}), key, depth + 1)
            for key in wanted
            if self.document.resolve(properties.get(key)).get("readOnly") is not True
        }

    def _harmless(self, name: str, member: Any) -> bool:
        """Whether an optional property may be set: none that says who may do what, nor who an existing object is."""
        resolved = self.document.resolve(member)
        plain = _type(resolved) in ("string", "integer", "number") and resolved.get("readOnly") is not True
        return plain and not _POWER.search(name) and not (self.updates and _IDENTITY.search(name))

    def _item(self, schema: dict[str, Any], place: int, name: str, depth: int) -> Any:
        items = self.document.resolve(schema.get("items"))
        options = _list(items.get("enum"))
        if schema.get("uniqueItems") is True and place < len(options):
            return options[place]
        return self.instance(items, name.removesuffix("s"), depth + 1)


def _stated(schema: dict[str, Any]) -> tuple[bool, Any]:
    """What the document itself offers: an example, a default, a constant or the first of an enumeration."""
    if "const" in schema:
        return True, schema["const"]
    options = [option for option in _list(schema.get("enum")) if option is not None]
    if "example" in schema and (not options or schema["example"] in options):
        return True, schema["example"]
    if examples := schema.get("examples"):
        first = examples[0] if isinstance(examples, list) else None
        if first is not None and (not options or first in options):
            return True, first
    if schema.get("default") is not None:
        return True, schema["default"]
    return (True, options[0]) if options else (False, None)


def _type(schema: dict[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((item for item in kind if item != "null"), "null")
    if isinstance(kind, str):
        return kind
    if schema.get("properties") or schema.get("required"):
        return "object"
    return "array" if "items" in schema else "string"


def typed(value: Any, schema: dict[str, Any]) -> Any:
    """A number that is known as text, as the number that a schema asks for; anything else as it is."""
    if _type(schema) == "integer" and isinstance(value, str) and value.removeprefix("-").isdecimal():
        return int(value)
    return value


def alike(before: object, value: str) -> int | str:
    """An id in the JSON type of the one that it takes the place of."""
    return int(value) if isinstance(before, int) and value.isdecimal() else value


def _takes_text(schema: dict[str, Any]) -> bool:
    return not ({"enum", "const"} & schema.keys()) and _type(schema) in ("string", "integer")


def _list(value: Any) -> list:
    return value if isinstance(value, list) else []


def _dict(value: Any) -> dict:
    return value if isinstance(value, dict) else {}
