"""A request and what came back: the facts every check on the API is judged from."""

import json
from dataclasses import dataclass
from typing import Any

from yarl import URL

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Request:
    """One HTTP request.

    ``path`` is sent byte for byte (``..``, ``%2e``, ``//`` and ``;x`` survive) below the target's base URL, or is
    an absolute URL. ``headers`` may hold a name twice. ``note`` says what is special, in a few words: "no token".
    ``resolved`` is false where an id in the path is made up: a 404 then says nothing about the credential.
    ``patience`` is the seconds after which the client hangs up on purpose; None leaves it to the scope's timeout.
    ``pipeline``: neighbours with the same name here are written at once, on one connection that is theirs alone.
    """

    method: str
    path: str
    headers: Headers = ()
    body: bytes | None = None
    operation: str = ""
    note: str = ""
    resolved: bool = True
    patience: float | None = None
    pipeline: str = ""

    @property
    def subject(self) -> str:
        """The operation it was made for, such as ``POST /campaigns``, or its own method and path."""
        return self.operation or f"{self.method} {self.path}"


@dataclass(frozen=True)
class Outgoing:
    """A request made ready: its URL, encoded as it will be sent, and all its headers."""

    request: Request
    url: URL
    headers: Headers


@dataclass(frozen=True)
class Exchange:
    """A request with its answer, or with the reason why there is none. Never raises.

    ``body`` is decompressed and holds 1 MiB at most (``truncated`` says that there was more). ``error`` may stand
    beside a status: the answer began and did not end in time.
    """

    request: Request
    status: int | None = None
    reason: str = ""
    headers: Headers = ()
    body: bytes = b""
    truncated: bool = False
    error: str = ""
    seconds: float = 0.0
    observation: str = ""

    @property
    def subject(self) -> str:
        """The operation: ``POST /campaigns``."""
        return self.request.subject

    @property
    def actual(self) -> str:
        """What was seen: ``201 Created``, or why nothing was."""
        if self.status is None:
            return self.error
        return f"{self.status} {self.reason}".strip() + (f", {self.error}" if self.error else "")

    @property
    def answered(self) -> bool:
        """Whether a status line came back."""
        return self.status is not None

    @property
    def ok(self) -> bool:
        """Whether the request succeeded: 2xx."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def refused(self) -> bool:
        """Whether the credential was refused: 401 or 403 (RFC 9110, 15.5.2 and 15.5.4)."""
        return self.status in (401, 403)

    def header(self, name: str) -> str | None:
        """The first value of a header, whatever its case."""
        return next(iter(self.header_all(name)), None)

    def header_all(self, name: str) -> list[str]:
        """Every value of a header, in order."""
        wanted = name.lower()
        return [value for key, value in self.headers if key.lower() == wanted]

    def json(self) -> Any | None:
        """The body as JSON; None where it is not JSON, or nested too deeply to read."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None
