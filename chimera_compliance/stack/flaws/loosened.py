"""What the flaws of C05 are made of: a handler that takes another model than the reference's, and says so or not."""

import inspect
from collections.abc import Callable
from typing import Any


def models():
    """The reference's models."""
    from chimera_compliance.stack.api import models

    return models


def taking(made, operation: str, model: Any) -> None:
    """The operation takes another model as its body, and the document says so."""
    seam = made.operations[operation]
    seam.handler = signed(seam.handler, body=model)


def loosened(made, operation: str, *, lies: bool = True, **fields: Any) -> None:
    """The operation takes its own model with other fields; the document `lies` by saying what it said before."""
    from pydantic import create_model

    seam = made.operations[operation]
    proper = inspect.signature(seam.handler).parameters["body"].annotation
    seam.handler = signed(seam.handler, body=create_model(proper.__name__, __base__=proper, **fields))
    if lies:
        said = proper.model_json_schema(ref_template="#/components/schemas/{model}")
        made.openapi.append(lambda document: document["components"]["schemas"].update({proper.__name__: said}))


def signed(handler: Callable, **annotations: Any) -> Callable:
    """The handler with other annotations, as FastAPI reads them."""

    def handle(*args, **kwargs):
        return handler(*args, **kwargs)

    shape = inspect.signature(handler)
    changed = [
        item.replace(annotation=annotations.get(item.name, item.annotation)) for item in shape.parameters.values()
    ]
    handle.__signature__ = shape.replace(parameters=changed)
    handle.__name__, handle.__doc__ = handler.__name__, handler.__doc__
    return handle


def without_check(made, table: str, column: str) -> None:
    """The column takes anything of its type."""
    made.sql.append(f"ALTER TABLE {table} DROP CONSTRAINT {table}_{column}_check")


def by_hand(handle: Callable, *, model: Any = None) -> Callable:
    """A handler that parses the body itself: `handle(work, bytes)`; the document shows the model."""
    from fastapi import Request

    from chimera_compliance.stack.api.unit_of_work import UnitOfWork

    async def read(work: UnitOfWork, request: Request):
        return handle(work, await request.body())

    return read


def documents_as_before(made, operation: str) -> None:
    """The document describes the body as the reference does, whatever the handler takes."""
    method, path = operation.split(" ")
    proper = inspect.signature(made.operations[operation].handler).parameters["body"].annotation
    said = proper.model_json_schema(ref_template="#/components/schemas/{model}")

    def describe(document):
        content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{proper.__name__}"}}}
        document["paths"][path][method.lower()]["requestBody"] = {"required": True, "content": content}
        document["components"]["schemas"][proper.__name__] = said

    made.openapi.append(describe)
