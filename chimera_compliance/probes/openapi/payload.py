"""Request bodies: which media type an operation takes, what to put into it, and how it is written."""

import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from chimera_compliance.probes.openapi.body import Generator, Known, alike, typed
from chimera_compliance.probes.openapi.document import Document

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_BOUNDARY = "compliance-probe-9c1d6d8a"
_ABSENT = object()


@dataclass(frozen=True)
class Payload:
    """What an operation takes as its body; `override` is the target file's own body."""

    document: Document = field(repr=False)
    media_type: str = JSON
    schema: dict[str, Any] | None = None
    required: bool = False
    example: Any = _ABSENT
    override: Any = _ABSENT
    updates: bool = False
    media_types: tuple[str, ...] = ()
    """Every media type that the document names for it."""

    @property
    def declared(self) -> bool:
        """Whether the body is the target file's own."""
        return self.override is not _ABSENT

    def value(self, known: Known) -> Any:
        """A body that is valid as far as the document and the target file tell."""
        if self.override is not _ABSENT:
            return self._filled(self.override, known, self.schema)
        generator = Generator(self.document, known, self.updates)
        if self.example is not _ABSENT:
            return _owned(self.example, known)
        return generator.instance(self.schema or {"type": "object"})

    def _filled(self, value: Any, known: Known, schema: Any) -> Any:
        """``{tenant}``, ``{agent_id}`` and the like replaced in every text of a tree; an unknown name stays.

        What is nothing but such a name becomes a number where the document asks for one.
        """
        schema = Generator(self.document).merged(self.document.resolve(schema))
        match value:
            case str():
                text = _PLACEHOLDER.sub(lambda found: str(known(found[1]) or found[0]), value)
                return typed(text, schema) if _PLACEHOLDER.fullmatch(value) else text
            case dict():
                members = self.document.resolve(schema.get("properties"))
                return {key: self._filled(item, known, members.get(key)) for key, item in value.items()}
            case list():
                return [self._filled(item, known, schema.get("items")) for item in value]
        return value

    def invalid(self) -> Any:
        """A body that parses and cannot be valid: without its required members, or of another type."""
        schema = Generator(self.document).merged(self.document.resolve(self.schema or {}))
        return {} if schema.get("required") else []

    def encoded(self, value: Any) -> tuple[str, bytes]:
        """The Content-Type and the bytes."""
        if isinstance(value, str) and self.override is not _ABSENT:
            return self.media_type, value.encode()
        if self.media_type == FORM:
            return FORM, urlencode(value if isinstance(value, dict) else {}, doseq=True).encode()
        if self.media_type == MULTIPART:
            return f"{MULTIPART}; boundary={_BOUNDARY}", _multipart(value if isinstance(value, dict) else {})
        return self.media_type, json.dumps(value, default=str).encode()


def of_request_body(document: Document, body: Any) -> Payload | None:
    """The payload of an OpenAPI 3 ``requestBody``."""
    body = document.resolve(body)
    content = body.get("content")
    if not isinstance(content, dict) or not content:
        return None
    name = _preferred(list(map(str, content)))
    media = document.resolve(content.get(name))
    schema = media.get("schema")
    return Payload(
        document,
        JSON if name == "*/*" else name.partition(";")[0].strip(),
        schema if isinstance(schema, dict) else None,
        body.get("required") is True,
        _example(document, media),
        media_types=tuple(str(kind).partition(";")[0].strip().lower() for kind in content),
    )


def of_swagger(document: Document, parameters: list[dict[str, Any]], consumes: list[str]) -> Payload | None:
    """The payload of Swagger 2.0's ``in: body`` or ``in: formData`` parameters."""
    for parameter in parameters:
        if parameter.get("in") == "body":
            name = _preferred(consumes or [JSON])
            schema = parameter.get("schema")
            required = parameter.get("required") is True
            schema = schema if isinstance(schema, dict) else None
            return Payload(document, name, schema, required, media_types=tuple(map(str.lower, consumes)))
    fields = {str(item.get("name")): item for item in parameters if item.get("in") == "formData"}
    if not fields:
        return None
    required = [name for name, item in fields.items() if item.get("required") is True]
    schema = {"type": "object", "properties": fields, "required": required}
    return Payload(document, MULTIPART if MULTIPART in consumes else FORM, schema, bool(required))


def _preferred(names: list[str]) -> str:
    for wanted in (JSON, "*/*", FORM, MULTIPART):
        if found := next((name for name in names if name.partition(";")[0].strip().lower() == wanted), None):
            return found
    return next((name for name in names if name.endswith("+json")), names[0])


def _example(document: Document, media: dict[str, Any]) -> Any:
    if "example" in media:
        return media["example"]
    examples = media.get("examples")
    first = document.resolve(next(iter(examples.values()), None)) if isinstance(examples, dict) else {}
    return first.get("value", _ABSENT)


def _owned(example: Any, known: Known) -> Any:
    """An example in which ids of objects are the principal's own."""
    if not isinstance(example, dict):
        return example
    return {name: value if (own := known(name)) is None else alike(value, str(own)) for name, value in example.items()}


def _multipart(members: dict[str, Any]) -> bytes:
    """RFC 7578; every member is a text."""
    lines = []
    for name, value in members.items():
        safe = str(name).replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
        content = value if isinstance(value, str) else json.dumps(value, default=str)
        lines += [f"--{_BOUNDARY}", f'Content-Disposition: form-data; name="{safe}"', "", content]
    return "\r\n".join([*lines, f"--{_BOUNDARY}--", ""]).encode()
