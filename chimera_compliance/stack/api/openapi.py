"""The OpenAPI document as it should be: every operation's security, errors and limits stated, and true."""

import copy
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.routing import BaseRoute

from chimera_compliance.stack.api.errors import CODES
from chimera_compliance.stack.variant import ALL_ROLES, BASE, Operation, Variant

_SCHEME = {"bearerAuth": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "details", "request_id", "timestamp"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "details": {},
                "request_id": {"type": "string", "format": "uuid"},
                "timestamp": {"type": "string", "format": "date-time"},
            },
        }
    },
}


def errors(name: str, operation: Operation) -> tuple[int, ...]:
    """The errors that an operation can answer."""
    method, path = name.split(" ")
    statuses = {429, 500, 503}
    if not operation.public:
        statuses |= {401, 422}
    if operation.roles != ALL_ROLES or name == "PATCH /campaigns/{campaign_id}":
        statuses |= {403}
    if "{" in path or name in ("POST /trends/fetch", "POST /commerce/transactions"):
        statuses |= {404}
    if method in ("POST", "PATCH"):
        statuses |= {400, 413, 415}
    if name.endswith("/decision"):
        statuses |= {409}
    return tuple(sorted(statuses))


def responses(statuses: tuple[int, ...]) -> dict[int | str, dict[str, Any]]:
    """How the document describes errors."""
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {status: {"description": CODES[status], "content": content} for status in statuses}


_described: dict[tuple[int, ...], dict[str, Any]] = {}


def describe(routes: list[BaseRoute]) -> dict[str, Any]:
    """What the framework makes of these very routes; made once, since variants share most of theirs."""
    key = tuple(map(id, routes))
    if key not in _described:
        _described[key] = get_openapi(title="Project Chimera", version="1.0.0", routes=routes)
    return copy.deepcopy(_described[key])


def document(app: FastAPI, variant: Variant, url: str) -> dict[str, Any]:
    """The document, with paths relative to the API's base URL."""
    made = describe(app.routes)
    made["servers"] = [{"url": url}]
    made["paths"] = {path.removeprefix(BASE): item for path, item in made["paths"].items()}
    components = made.setdefault("components", {})
    components["securitySchemes"] = _SCHEME
    components["schemas"] = {
        name: schema
        for name, schema in {**components.get("schemas", {}), "Error": _ERROR}.items()
        if name not in ("HTTPValidationError", "ValidationError")
    }
    for path, item in made["paths"].items():
        for method, described in item.items():
            known = variant.operations.get(f"{method.upper()} {path}")
            described["security"] = [] if known is None or known.public else [{"bearerAuth": []}]
    for change in variant.openapi:
        change(made)
    return made
