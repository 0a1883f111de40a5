"""Builds the list of operations from the OpenAPI document and the target file."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from chimera_compliance.outcomes import Inconclusive
from chimera_compliance.probes.openapi.document import Document, Locator, fetch, parse
from chimera_compliance.probes.openapi.operations import PATH_PARAMETER, Operation, Parameter
from chimera_compliance.probes.openapi.payload import JSON, Payload, of_request_body, of_swagger
from chimera_compliance.probes.openapi.resources import Resources
from chimera_compliance.target import Target

if TYPE_CHECKING:
    from chimera_compliance.probes.http.api import Api
    from chimera_compliance.probes.principals.principal import Principal
    from chimera_compliance.target import ApiFacet

_MOST_OPERATIONS = 5000
_EMPTY = Document({"paths": {}})


def same(operation: str) -> str:
    """An operation's id without the names of its parameters and a final slash, by which two writings are one."""
    method, _, path = operation.partition(" ")
    return f"{method.upper()} {re.sub(r'{[^{}]*}', '{}', path).rstrip('/') or '/'}"


@dataclass(frozen=True)
class Inventory:
    """Everything that is said about the API's operations."""

    target: Target
    document: Document = _EMPTY
    resources: Resources | None = None

    def operations(self) -> list[Operation]:
        """All operations, the documented ones first, in their order.

        Raises:
            Inconclusive: there is none.
        """
        found: dict[str, Operation] = {}
        for operation in [*self._documented(), *self._added()]:
            found.setdefault(same(operation.id), operation)
        if not found:
            raise Inconclusive("no operation is known: the OpenAPI document and api.operations are empty")
        if len(found) > _MOST_OPERATIONS:
            raise Inconclusive(f"the OpenAPI document lists {len(found)} operations: more than {_MOST_OPERATIONS}")
        return [self._declared(key, operation) for key, operation in found.items()]

    @property
    def _api(self) -> "ApiFacet":
        assert self.target.api is not None
        return self.target.api

    def _documented(self) -> Iterable[Operation]:
        listed = [(*entry, self.document.prefix(entry[3], entry[2])) for entry in self.document.operations()]
        locator = Locator(self._api.base_url, [prefix + path for _, path, _, _, prefix in listed])
        for method, path, item, node, prefix in listed:
            yield self._operation(method, locator.place(prefix, path), item, node)

    def _operation(self, method: str, path: str, item: Mapping[str, Any], node: Mapping[str, Any]) -> Operation:
        written = self._parameters(item, node)
        if "requestBody" in node:
            payload = of_request_body(self.document, node["requestBody"])
        else:
            consumes = node.get("consumes", self.document.raw.get("consumes"))
            payload = of_swagger(self.document, written, [str(kind) for kind in _list(consumes)])
        if payload and method in ("PUT", "PATCH"):
            payload = replace(payload, updates=True)
        responses = node.get("responses")
        return Operation(
            f"{method} {path}",
            method,
            path,
            secured=_needs_credential(node.get("security", self.document.raw.get("security"))),
            parameters=tuple(self._described(written)),
            payload=payload,
            responses=responses if isinstance(responses, dict) else {},
        )

    def _parameters(self, item: Mapping[str, Any], node: Mapping[str, Any]) -> list[dict[str, Any]]:
        """As written, those of the operation over those of the path."""
        merged: dict[tuple[str, str], dict[str, Any]] = {}
        for entry in [*_list(item.get("parameters")), *_list(node.get("parameters"))]:
            parameter = self.document.resolve(entry)
            if isinstance(parameter.get("name"), str):
                merged[(parameter["name"], str(parameter.get("in")))] = parameter
        return list(merged.values())

    def _described(self, written: list[dict[str, Any]]) -> Iterable[Parameter]:
        """The credential's own header is left out: it is the probe's to set."""
        for parameter in written:
            name, location = parameter["name"], str(parameter.get("in"))
            credential = location == "header" and name.lower() in (self.target.tokens.header.lower(), "authorization")
            if location in ("path", "query", "header", "cookie") and not credential:
                yield Parameter(name, location, parameter.get("required") is True, self._schema(parameter))

    def _schema(self, parameter: dict[str, Any]) -> dict[str, Any]:
        """Its schema with its own example; in Swagger 2.0 the parameter is its own schema."""
        schema = self.document.resolve(parameter.get("schema", parameter))
        return {**schema, "example": parameter["example"]} if "example" in parameter else schema

    def _added(self) -> Iterable[Operation]:
        for extra in self._api.operations:
            method, _, path = extra.operation.partition(" ")
            parameters = tuple(Parameter(name, "path", True) for name in PATH_PARAMETER.findall(path))
            payload = Payload(self.document, override=extra.body) if extra.body is not None else None
            yield Operation(extra.operation, method, path, parameters=parameters, payload=payload, source="target")

    def _declared(self, key: str, operation: Operation) -> Operation:
        """The operation with what the target file says about it."""
        roles = {same(name): frozenset(admitted) for name, admitted in self._api.roles.items()}
        bodies = {same(name): body for name, body in self._api.bodies.items()}
        payload = operation.payload
        if key in bodies:
            payload = replace(payload or Payload(self.document, JSON), override=bodies[key])
        return replace(
            operation,
            public=key in {same(name) for name in self._api.public},
            changes=key in {same(name) for name in self._api.unsafe},
            roles=roles.get(key),
            payload=payload,
            document=self.document,
            resources=self.resources,
            constants=self._api.parameters,
        )


def _needs_credential(security: Any) -> bool:
    """Whether a scheme is required: an empty alternative makes all of them optional (OpenAPI 3.1, 4.8.30)."""
    schemes = _list(security)
    return bool(schemes) and all(schemes)


def _list(value: Any) -> list:
    return value if isinstance(value, list) else []


def read_document(target: Target, api: "Api", principals: Mapping[str, "Principal"]) -> Document:
    """The target's OpenAPI document; an empty one where the target file says that there is none.

    Raises:
        ConfigurationError: the file named cannot be read.
        Inconclusive: the document cannot be had or read.
    """
    if target.api is None or target.api.openapi is None:
        return _EMPTY
    someone = principals.get("alice") or next(iter(principals.values()), None)
    authorize = (lambda: api.authorization(someone.token)) if someone else None
    text = fetch(target, target.api.openapi, api.journal.run_id, authorize)
    sent, received = {"location": target.api.openapi, "note": "the OpenAPI document"}, {"bytes": len(text)}
    api.journal.record(kind="http", subject="the OpenAPI document", sent=sent, received=received, raw=text)
    return parse(text)
