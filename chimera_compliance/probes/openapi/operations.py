"""The operations of the API: what its OpenAPI document lists and the target file adds, each ready to be sent."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from chimera_compliance.probes.http.exchange import Headers, Request
from chimera_compliance.probes.openapi.body import Generator
from chimera_compliance.probes.openapi.document import Document
from chimera_compliance.probes.openapi.payload import Payload
from chimera_compliance.probes.openapi.resources import Resources
from chimera_compliance.probes.openapi.scalars import text

if TYPE_CHECKING:
    from chimera_compliance.probes.http.api import Api
    from chimera_compliance.probes.principals.principal import Principal
    from chimera_compliance.target import Target

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
PATH_PARAMETER = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True)
class Parameter:
    """A parameter as documented; `location` is path, query, header or cookie."""

    name: str
    location: str
    required: bool = False
    schema: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Operation:
    """One method on one path.

    ``public``: the target file lets anybody use it. ``secured``: the document says that a credential is needed.
    ``roles``: the roles admitted; None admits all. ``path`` is a template below the base URL, or a whole URL.
    ``changes``: the target file says that it changes data, whatever its method.
    """

    id: str
    method: str
    path: str
    public: bool = False
    secured: bool = False
    roles: frozenset[str] | None = None
    parameters: tuple[Parameter, ...] = ()
    payload: Payload | None = field(default=None, repr=False, compare=False)
    responses: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    source: str = "openapi"
    document: Document = field(default=Document({"paths": {}}), repr=False, compare=False)
    resources: Resources | None = field(default=None, repr=False, compare=False)
    constants: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    changes: bool = False

    def __hash__(self) -> int:
        return hash(self.id)

    @property
    def body_schema(self) -> Mapping[str, Any] | None:
        """The schema of the body, with its references; None where there is no body."""
        return self.payload.schema if self.payload else None

    @property
    def unsafe(self) -> bool:
        """Whether its method is meant to change data (RFC 9110, 9.2.1), or it is known to."""
        return self.changes or self.method not in SAFE_METHODS

    @property
    def can_be_harmless(self) -> bool:
        """Whether it can be asked for what does not exist or cannot be valid."""
        return not self.unsafe or self.payload is not None or bool(PATH_PARAMETER.search(self.path))

    def request(
        self,
        principal: "Principal | None" = None,
        *,
        harmless: bool = False,
        headers: Headers = (),
        note: str = "",
        body: bool = True,
    ) -> Request:
        """A request that a right credential gets through with, as far as the document and the target file tell.

        Its ids are the principal's own (alice's if nobody is named); `harmless` ones are made up, and the body is
        invalid. It carries no credential: `headers` does.
        """
        path, resolved = self._path(principal, harmless)
        typed, content = self._body(principal, harmless) if body else ((), None)
        return Request(
            self.method,
            path + self._query(principal),
            (*typed, *self._headers(principal, headers), *headers),
            content,
            self.id,
            note,
            resolved,
        )

    def known(self, principal: "Principal | None", name: str) -> Any | None:
        """What is known under a name: the principal's ids, its tenant, the target file's parameters."""
        value = self.resources.named(principal, name) if self.resources else None
        return value if value is not None else self.constants.get(name)

    def _path(self, principal: "Principal | None", harmless: bool) -> tuple[str, bool]:
        resolved = True

        def fill(found: re.Match[str]) -> str:
            nonlocal resolved
            value = None if harmless else self._real(principal, found[1])
            resolved = resolved and value is not None
            return quote(value if value is not None else self._made_up(found[1], harmless), safe="")

        return PATH_PARAMETER.sub(fill, self.path), resolved

    def _real(self, principal: "Principal | None", name: str) -> str | None:
        """A value that exists: an id, or one of those that the document enumerates."""
        if self.resources and (value := self.resources.in_path(principal, self.path, name)) is not None:
            return value
        schema = self._schema(name, "path")
        options = [schema.get("const"), *(schema.get("enum") or [])]
        return next((str(option) for option in options if option is not None), None)

    def _made_up(self, name: str, harmless: bool) -> str:
        schema = self._schema(name, "path")
        stated = next((schema[key] for key in ("example", "default") if schema.get(key) is not None), None)
        if stated is not None and not harmless:
            return str(stated)
        if schema.get("type") in ("integer", "number"):
            return str(uuid.uuid4().int % 1_000_000_000 + 1_000_000_000)
        return text(schema, name) if schema.get("pattern") else str(uuid.uuid4())

    def _schema(self, name: str, location: str) -> dict[str, Any]:
        found = (item for item in self.parameters if (item.name, item.location) == (name, location))
        return self.document.resolve(dict(next(found, Parameter(name, location)).schema))

    def _wanted(self, location: str) -> list[Parameter]:
        """The parameters to send: what is required, and what the target file gives a value for."""
        here = [item for item in self.parameters if item.location == location]
        return [item for item in here if item.required or item.name in self.constants]

    def _value(self, principal: "Principal | None", parameter: Parameter) -> Any:
        if (own := self.constants.get(parameter.name)) is not None:
            return own
        generator = Generator(self.document, lambda name: self.known(principal, name))
        return generator.instance(dict(parameter.schema), parameter.name)

    def _query(self, principal: "Principal | None") -> str:
        values = [(item.name, self._value(principal, item)) for item in self._wanted("query")]
        plain = [(name, str(value).lower() if isinstance(value, bool) else value) for name, value in values]
        return ("&" if "?" in self.path else "?") + urlencode(plain, doseq=True) if plain else ""

    def _headers(self, principal: "Principal | None", given: Headers) -> Headers:
        taken = {name.lower() for name, _ in given}
        wanted = [item for item in self._wanted("header") if item.name.lower() not in taken]
        made = [(item.name, str(self._value(principal, item))) for item in wanted]
        cookies = "; ".join(f"{item.name}={self._value(principal, item)}" for item in self._wanted("cookie"))
        return (*made, ("Cookie", cookies)) if cookies else tuple(made)

    def _body(self, principal: "Principal | None", harmless: bool) -> tuple[Headers, bytes | None]:
        if self.payload is None:
            return (), None
        known = lambda name: self.known(principal, name)  # noqa: E731
        media_type, content = self.payload.encoded(self.payload.invalid() if harmless else self.payload.value(known))
        return (("Content-Type", media_type),), content


def load_operations(target: "Target", api: "Api", principals: Mapping[str, "Principal"]) -> list[Operation]:
    """Every operation of the OpenAPI document and of the target file.

    The document is asked for without a credential first, then with alice's token.

    Raises:
        ConfigurationError: the file named cannot be read.
        Inconclusive: the document cannot be had or read, or there is no operation at all.
    """
    from chimera_compliance.probes.openapi.inventory import Inventory, read_document

    resources = Resources(target, api, principals)
    operations = Inventory(target, read_document(target, api, principals), resources).operations()
    resources.know(operations)
    return operations
