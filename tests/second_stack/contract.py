"""The OpenAPI document is the program's own source of routes, guards and input rules, so that it cannot lie."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import yaml
from flask import Request, abort
from jsonschema import Draft4Validator, ValidationError
from jsonschema.validators import extend

_METHODS = ("get", "post", "put", "delete")
_INTEGER = re.compile(r"-?[0-9]{1,16}")


def _pattern(_, pattern: str, text: Any, __) -> Iterator[Any]:
    """ECMA-262's `$` is the end; Python's would let a final newline through."""
    if isinstance(text, str) and not re.search(re.sub(r"\$$", r"\\Z", pattern), text):
        yield ValidationError("does not match")


_Rules = extend(Draft4Validator, {"pattern": _pattern})


@dataclass(frozen=True)
class Operation:
    """One operation as the document describes it, references resolved."""

    name: str
    method: str
    path: str
    public: bool
    groups: frozenset[str]
    parameters: tuple[dict, ...]
    media_type: str | None
    body: dict

    @property
    def rule(self) -> str:
        """The path as Flask writes it."""
        return re.sub(r"\{(\w+)\}", r"<\1>", self.path)

    def read(self, request: Request) -> dict[str, Any]:
        """Path, query and body, converted and judged; anything else than described is refused with 400, 404 or 415."""
        asked = {parameter["name"]: _parameter(parameter, request) for parameter in self.parameters}
        if self.media_type:
            asked["body"] = self._body(request)
        return asked

    def _body(self, request: Request) -> Any:
        if request.mimetype != self.media_type:
            abort(415)
        match self.media_type:
            case "application/json":
                body = _json(request.get_data())
            case "application/x-www-form-urlencoded":
                if any(len(values) > 1 for values in request.form.listvalues()):
                    abort(400, "A field is given twice.")
                body = request.form.to_dict()
            case _:
                body = request.get_data()
                if not self.body["minLength"] <= len(body) <= self.body["maxLength"]:
                    abort(400, "The content is empty or too long.")
                return body
        if not _Rules(self.body).is_valid(body) or not _storable(body):
            abort(400, "The body is not as described.")
        return body


def operations(file: Path) -> Iterator[Operation]:
    """Every operation of an OpenAPI document."""
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    for path, item in document["paths"].items():
        shared = item.get("parameters", [])
        for method in _METHODS:
            if method in item:
                yield _operation(document, method, path, item[method], shared)


def _operation(document: dict, method: str, path: str, told: dict, shared: list) -> Operation:
    content = told.get("requestBody", {}).get("content", {})
    media_type = next(iter(content), None)
    return Operation(
        name=told["operationId"],
        method=method.upper(),
        path=path,
        public=told.get("security", document["security"]) == [],
        groups=frozenset(told.get("x-groups", ("agent", "supervisor", "owner"))),
        parameters=tuple(_resolved(document, shared + told.get("parameters", []))),
        media_type=media_type,
        body=_resolved(document, content[media_type]["schema"]) if media_type else {},
    )


def _resolved(document: dict, part: Any) -> Any:
    match part:
        case {"$ref": str(place)}:
            named = reduce(lambda found, step: found[step], place.removeprefix("#/").split("/"), document)
            return _resolved(document, named)
        case dict():
            return {key: _resolved(document, value) for key, value in part.items()}
        case list():
            return [_resolved(document, value) for value in part]
    return part


def _parameter(parameter: dict, request: Request) -> Any:
    """A path that cannot be an object's is 404; a query that is not as described is 400."""
    name, schema, in_path = parameter["name"], parameter["schema"], parameter["in"] == "path"
    text = request.view_args[name] if in_path else request.args.get(name)
    if text is None and not parameter.get("required"):
        return schema.get("default")
    value = int(text) if schema["type"] == "integer" and text and _INTEGER.fullmatch(text) else text
    if not _Rules(schema).is_valid(value):
        abort(404 if in_path else 400)
    return value


def _json(data: bytes) -> Any:
    try:
        return json.loads(data.decode("utf-8"), parse_constant=_refuse, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        abort(400, "The body is not JSON.")


def _refuse(text: str) -> None:
    raise ValueError(text)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError("a key is given twice")
    return found


def _storable(body: dict[str, Any]) -> bool:
    """PostgreSQL's text holds no NUL and no half of a surrogate pair."""
    texts = [value for value in body.values() if isinstance(value, str)]
    return not any("\0" in text or re.search(r"[\ud800-\udfff]", text) for text in texts)
