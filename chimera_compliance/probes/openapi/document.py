"""Fetches and reads an OpenAPI document (2.0, 3.0 or 3.1), which the target wrote: it may be anything.

References are followed inside the document only, a few levels deep, and never twice on one way down.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import requests
import yaml

from chimera_compliance.errors import ConfigurationError
from chimera_compliance.outcomes import Inconclusive
from chimera_compliance.probes.http.exchange import Headers
from chimera_compliance.probes.http.explain import explain_requests
from chimera_compliance.probes.http.trust import absolute, in_scope, session, standing_headers
from chimera_compliance.probes.principals.login import bounded
from chimera_compliance.target import Target

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_LARGEST = 30 * (1 << 20)
_LARGEST_YAML = 4 * (1 << 20)
_MOST_REDIRECTS = 5
_MOST_HOPS = 32

Authorize = Callable[[], Headers]


def fetch(target: Target, location: str, run_id: str, authorize: Authorize | None = None) -> bytes:
    """The document at a URL, a path below the base URL, or in a file; with a credential if none is refused.

    Raises:
        ConfigurationError: the file cannot be read.
        Inconclusive: the server gives no document, or one larger than 30 MB.
    """
    if is_file(target, location):
        return _read(target.file(location))
    status, body = _get(target, location, run_id)
    if status in (401, 403) and authorize is not None:
        status, body = _get(target, location, run_id, authorize())
    if status == 404 and location.startswith("/"):  # many frameworks serve it beside the API, not below
        status, body = _get(target, urljoin(absolute(target, location), location), run_id)
    if status != 200:
        raise Inconclusive(f"the OpenAPI document: GET {location} answered {status}")
    return body


def is_file(target: Target, location: str) -> bool:
    """Whether a location names a file: what is neither a URL nor an existing file is a path of the API."""
    if location.startswith(("http://", "https://")):
        return False
    return target.file(location).is_file() or not location.startswith("/")


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST:
            raise Inconclusive(f"the OpenAPI document {path.name} is larger than 30 MB")
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"api.openapi: cannot read {path}: {error.strerror}") from None


def _get(target: Target, location: str, run_id: str, credential: Headers = ()) -> tuple[int, bytes]:
    """Follows redirects on the same host only, as a credential may be carried."""
    url, seconds = absolute(target, location), target.scope.timeout_seconds
    home = urlsplit(target.api.base_url if target.api else url).hostname
    try:
        with session(target, run_id) as client:
            for _ in range(_MOST_REDIRECTS):
                carried = dict(credential) if urlsplit(url).hostname == home else {}
                headers = {"Accept": "application/json", **standing_headers(target, url), **carried}
                with client.get(
                    in_scope(target, url), headers=headers, timeout=seconds, allow_redirects=False, stream=True
                ) as response:
                    if not response.is_redirect:
                        return response.status_code, bounded(response, _LARGEST, 6 * seconds)
                    url = urljoin(url, response.headers["Location"])
    except (requests.RequestException, OSError, ValueError) as error:
        raise Inconclusive(f"the OpenAPI document: GET {location}: {explain_requests(error, seconds)}") from None
    raise Inconclusive(f"the OpenAPI document: GET {location} redirects without end")


def parse(text: bytes) -> "Document":
    """Read JSON or YAML.

    Raises:
        Inconclusive: it is neither, is nested too deeply, or is no OpenAPI document with an operation in it.
    """
    start = text.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if not start:
        raise Inconclusive("the OpenAPI document is empty")
    if start == b"<":
        raise Inconclusive("the OpenAPI document is HTML or XML, not JSON or YAML: is api.openapi its address?")
    try:
        raw = json.loads(text) if start in b"{[" else _yaml(text)
    except (ValueError, yaml.YAMLError):
        raise Inconclusive("the OpenAPI document is neither JSON nor YAML") from None
    except (RecursionError, MemoryError):
        raise Inconclusive("the OpenAPI document is nested too deeply to be read") from None
    if not isinstance(raw, dict) or not isinstance(raw.get("paths"), dict):
        raise Inconclusive("the OpenAPI document has no `paths`: it is not an OpenAPI document")
    return Document(raw)


def _yaml(text: bytes) -> Any:
    if len(text) > _LARGEST_YAML:
        raise Inconclusive("the OpenAPI document is YAML of more than 4 MB: offer it as JSON")
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # nosec B506  # both are safe


@dataclass(frozen=True)
class Document:
    """A parsed document."""

    raw: Mapping[str, Any]

    def resolve(self, node: Any) -> dict[str, Any]:
        """The object that a node is or refers to; empty for a reference to nowhere, abroad or in a circle."""
        for _ in range(_MOST_HOPS):
            if not isinstance(node, dict):
                return {}
            reference = node.get("$ref")
            if not isinstance(reference, str):
                return node
            node = self._at(reference)
        return {}

    def _at(self, reference: str) -> Any:
        if not reference.startswith("#/"):
            return None
        node: Any = self.raw
        for step in reference[2:].split("/"):
            key = unquote(step).replace("~1", "/").replace("~0", "~")
            if isinstance(node, list) and key.isdecimal():
                node = node[int(key)] if int(key) < len(node) else None
            else:
                node = node.get(key) if isinstance(node, dict) else None
        return node

    def operations(self) -> Iterator[tuple[str, str, dict[str, Any], dict[str, Any]]]:
        """(method, path as written, path item, operation) of each operation."""
        for path, item in self.raw["paths"].items():
            resolved = self.resolve(item)
            for method in METHODS:
                if isinstance(resolved.get(method), dict) and str(path).startswith("/"):
                    yield method.upper(), str(path), resolved, resolved[method]

    def prefix(self, *owners: Mapping[str, Any]) -> str:
        """The path that the first server puts before every path: of the operation, its path item or the document."""
        if isinstance(base := self.raw.get("basePath"), str):
            return f"/{base.strip('/')}" if base.strip("/") else ""
        for owner in (*owners, self.raw):
            servers = owner.get("servers")
            if isinstance(servers, list) and servers and isinstance(servers[0], dict):
                return _server_path(servers[0])
        return ""


def _server_path(server: dict[str, Any]) -> str:
    url = str(server.get("url", ""))
    variables = server.get("variables")
    for name, variable in (variables if isinstance(variables, dict) else {}).items():
        if isinstance(variable, dict):
            url = url.replace(f"{{{name}}}", str(variable.get("default", "")))
    try:
        path = urlsplit(url).path.removeprefix("./").strip("/")
    except ValueError:
        return ""
    return f"/{path}" if path not in ("", ".") else ""


class Locator:
    """Says where a documented path lies as seen from the target's base URL.

    Documents and base URLs overlap in every way: ``/api/v1`` may be in both, in the document's servers or paths
    only, or in the base URL only.
    """

    def __init__(self, base_url: str, full_paths: list[str]) -> None:
        parts = urlsplit(base_url)
        self._origin, self._base = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
        self._overlaps = any(self._below(path) for path in full_paths)

    def _below(self, path: str) -> bool:
        return path == self._base or path.startswith(self._base + "/")

    def place(self, prefix: str, path: str) -> str:
        """The path below the base URL, or the whole URL of a path that lies beside it."""
        full = prefix + path
        if self._below(full):
            return full[len(self._base) :] or "/"
        return self._origin + full if self._overlaps else path
