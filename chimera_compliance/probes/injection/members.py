"""The members of a request's body, nested ones, items of arrays and names of members among them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from chimera_compliance.probes.http.exchange import Request
from chimera_compliance.probes.openapi.body import Generator
from chimera_compliance.probes.openapi.operations import Operation
from chimera_compliance.probes.openapi.payload import FORM

if TYPE_CHECKING:
    from chimera_compliance.probes.principals.principal import Principal

_DEEPEST = 4
_MOST = 60
KEY = "(name of a member)"


@dataclass(frozen=True)
class Member:
    """A place in the body: the way to it, a value that is right there, and what else has to be said then."""

    keys: tuple
    value: Any
    schema: dict
    beside: tuple = ()

    @property
    def name(self) -> str:
        """``article.title``, ``tags[]``."""
        text = "".join("[]" if isinstance(key, int) else f".{key}" for key in self.keys)
        return text.removeprefix(".")


def read(operation: Operation, request: Request) -> Any:
    """The body as a tree; None where it is neither JSON nor a form."""
    if request.body is None or operation.payload is None:
        return None
    if operation.payload.media_type == FORM:
        return dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    try:
        return json.loads(request.body)
    except ValueError:
        return None


def insert(operation: Operation, request: Request, keys: tuple, text: Any, beside: tuple = ()) -> Request:
    """The request with a text at a place of its body, and what goes with it."""
    tree = read(operation, request)
    for way, value in beside:
        tree = _set(tree, way, value)
    return replace(request, body=operation.payload.encoded(_set(tree, keys, text))[1])


def present(tree: Any, keys: tuple) -> bool:
    """Whether the tree has a place."""
    for key in keys:
        if isinstance(key, int):
            tree = tree[0] if isinstance(tree, list) and tree else None
        elif not isinstance(tree, dict) or key not in tree:
            return False
        else:
            tree = tree[key]
    return True


def _set(tree: Any, keys: tuple, value: Any) -> Any:
    if not keys:
        return value
    key, rest = keys[0], keys[1:]
    if isinstance(key, int):
        items = list(tree) if isinstance(tree, list) else []
        return [_set(items[0] if items else None, rest, value), *items[1:]]
    node = dict(tree) if isinstance(tree, dict) else {}
    if key == KEY:
        return {**node, str(value): "probe"}
    return {**node, key: _set(node.get(key), rest, value)}


def members(operation: Operation, principal: "Principal | None", request: Request) -> list[Member]:
    """What the body holds, and what the document says that it may hold besides."""
    tree = read(operation, request)
    if tree is None:
        return []
    schema = operation.document.resolve(operation.body_schema or {})
    known = lambda name: operation.known(principal, name)  # noqa: E731
    found = list(_walk(Generator(operation.document, known), tree, schema, ()))[:_MOST]
    return [_together(member, found) for member in found]


def _walk(generator: Generator, node: Any, schema: Any, keys: tuple) -> Iterator[Member]:
    schema = generator.merged(generator.document.resolve(schema))
    if len(keys) > _DEEPEST:
        return
    if isinstance(node, dict):
        properties = generator.document.resolve(schema.get("properties"))
        for name in [*node, *(key for key in properties if key not in node)]:
            described = generator.document.resolve(properties.get(name))
            if described.get("readOnly") is not True:
                value = node[name] if name in node else generator.instance(described, name)
                yield from _walk(generator, value, described, (*keys, name))
        if not properties or schema.get("additionalProperties") not in (None, False):
            yield Member((*keys, KEY), "probe", {})
    elif isinstance(node, list):
        item = node[0] if node else generator.instance(schema.get("items"), str(keys[-1:]))
        yield from _walk(generator, item, schema.get("items"), (*keys, 0))
    elif node is not None and keys:
        yield Member(keys, node, schema or _like(node))


def _like(value: Any) -> dict:
    """The schema of a value that the document does not describe."""
    kind = "boolean" if isinstance(value, bool) else "number" if isinstance(value, int | float) else "string"
    return {"type": kind}


def _together(member: Member, others: list[Member]) -> Member:
    """What is said with a choice is only taken with it: `edited_content` with the decision `edit`."""
    name = str(member.keys[-1]).lower()
    beside = tuple(
        (other.keys, option)
        for other in others
        for option in other.schema.get("enum") or ()
        if other is not member and isinstance(option, str) and len(option) > 2 and option.lower() in name
    )
    return replace(member, beside=beside[:1])
