"""The fields of an operation: members of its body and its parameters, each with a value that is right."""

import math
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from chimera_compliance.probes.openapi.body import Generator
from chimera_compliance.probes.openapi.operations import Operation
from chimera_compliance.probes.openapi.payload import FORM, MULTIPART
from chimera_compliance.probes.validation.candidates import MISSING, REFUSE, Raw, Wrong, candidates
from chimera_compliance.probes.validation.schema import kinds, refuses

if TYPE_CHECKING:
    from chimera_compliance.probes.principals.principal import Principal

_DEEPEST = 4
_MOST_FIELDS = 60
_NAMING = re.compile(r"name|title|mail|slug|login|handle", re.IGNORECASE)
Constraints = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Field:
    """One place of a request; ``path`` leads to it within the body, ``location`` says where else it stands."""

    location: str
    path: tuple[str | int, ...]
    schema: Mapping[str, Any] = field(repr=False, compare=False)
    valid: Any = field(repr=False, compare=False, default=None)
    required: bool = False
    demand: Mapping[str, Any] | None = field(repr=False, compare=False, default=None)
    """What the target file demands of members of this name."""

    @property
    def name(self) -> str:
        """As an error would name it: the last step that is a word."""
        return next((str(step) for step in reversed(self.path) if isinstance(step, str)), "")

    @property
    def shown(self) -> str:
        """``body article.title``, ``query limit``."""
        inside = ".".join(map(str, self.path)) or "as a whole"
        return inside if self.location == "body" else f"{self.location} {inside}"


def is_json(operation: Operation) -> bool:
    """Whether the operation takes JSON."""
    return operation.payload is not None and operation.payload.media_type.partition(";")[0].endswith("json")


def has_model(operation: Operation) -> bool:
    """Whether the document says what a body is made of: members, items, or a plain value."""
    schema = Generator(operation.document).merged(operation.document.resolve(dict(operation.body_schema or {})))
    if {"properties", "required"} & schema.keys() and schema.get("properties"):
        return True
    return bool(kinds(schema) - {"object", "null"}) or bool({"enum", "const"} & schema.keys())


def is_declared(operation: Operation) -> bool:
    """Whether the target file gives the body."""
    return operation.payload is not None and operation.payload.declared


def has_members(operation: Operation) -> bool:
    """Whether its body is made of members: JSON, or a form."""
    return is_json(operation) or (operation.payload is not None and operation.payload.media_type in (FORM, MULTIPART))


def body_of(operation: Operation, principal: "Principal | None") -> Any:
    """A body that is right, as far as is known; None where there is none.

    Who comes in by an open operation is somebody new: what is known of the principal would be taken.
    """
    if operation.payload is None:
        return None
    return operation.payload.value(lambda name: None if operation.public else operation.known(principal, name))


def fresh(body: Any, name: str = "") -> Any:
    """The body with names of its own where it names something: an example that everybody sends is taken already."""
    match body:
        case dict():
            return {key: fresh(value, str(key)) for key, value in body.items()}
        case str() if _NAMING.search(name) and body:
            mark = uuid.uuid4().hex[:8]
            return f"probe-{mark}@example.com" if "@" in body or "mail" in name.lower() else f"{body[:40]}-{mark}"
    return body


def body_fields(operation: Operation, body: Any, constraints: Constraints) -> list[Field]:
    """The members that the body has or, by its schema, could have."""
    if not has_members(operation) or not isinstance(body, dict):
        return []
    walk = _walk(Generator(operation.document), dict(operation.body_schema or {}), body, (), constraints)
    return [found for found, _ in zip(walk, range(_MOST_FIELDS), strict=False)]


def _walk(
    generator: Generator, schema: Any, value: Any, path: tuple[str | int, ...], constraints: Constraints
) -> Iterator[Field]:
    schema = generator.merged(generator.document.resolve(schema))
    if len(path) > _DEEPEST:
        return
    if isinstance(value, dict):
        members = schema.get("properties") if isinstance(schema.get("properties"), dict) else {}
        needed = schema.get("required") if isinstance(schema.get("required"), list) else []
        for name in dict.fromkeys([*members, *(name for name in value if name in constraints)]):
            inner = generator.merged(generator.document.resolve(members.get(name)))
            if inner.get("readOnly") is not True:
                made = value[name] if name in value else generator.instance(inner, name)
                needs = name in needed and name in value
                yield Field("body", (*path, name), inner, made, needs, constraints.get(name))
                yield from _walk(generator, inner, made if name in value else None, (*path, name), constraints)
    elif isinstance(value, list) and value:
        inner = generator.merged(generator.document.resolve(schema.get("items")))
        yield Field("body", (*path, 0), inner, value[0])
        yield from _walk(generator, inner, value[0], (*path, 0), constraints)


def parameter_fields(operation: Operation, principal: "Principal | None", constraints: Constraints) -> list[Field]:
    """The parameters of query, header and cookie."""
    generator = Generator(operation.document, lambda name: operation.known(principal, name))
    found = []
    for item in operation.parameters:
        if item.location != "path":
            schema = generator.merged(generator.document.resolve(dict(item.schema)))
            valid = operation.constants.get(item.name)
            made = generator.instance(schema, item.name) if valid is None else valid
            demand = constraints.get(item.name)
            found.append(Field(item.location, (item.name,), schema, made, item.required, demand))
    return found


def wrong_for(operation: Operation, place: Field) -> list[Wrong]:
    """What the field's schema, or a demand on it, certainly refuses, and what is merely odd."""
    found: dict[tuple[str, str], Wrong] = {}
    for schema in (place.schema, place.demand):
        if schema is not None:
            stated = {"type": "string", **schema} if schema is place.demand and not kinds(dict(schema)) else schema
            for wrong in candidates(dict(stated), place.valid, place.required, place.name):
                found.setdefault((wrong.rule, wrong.label), wrong)
    judged = [_judged(operation, place, wrong) for wrong in found.values()]
    return [wrong for wrong in judged if wrong.must != REFUSE or wrong.documented or wrong.demanded]


def _judged(operation: Operation, place: Field, wrong: Wrong) -> Wrong:
    """The wrong value, and who says that it is wrong."""
    if wrong.unbounded:
        return replace(wrong, documented=not place.demand)
    if wrong.value is MISSING:
        return wrong
    value = math.nan if isinstance(wrong.value, Raw) else wrong.value
    demanded = place.demand is not None and refuses(operation.document, dict(place.demand), value)
    return replace(wrong, documented=refuses(operation.document, dict(place.schema), value), demanded=demanded)
