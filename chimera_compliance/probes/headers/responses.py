"""The answers that security headers are judged on, and names for sets of them.

A proxy or a framework may add headers on some statuses only, so the population holds every kind of answer that could
be brought out; what offends is then named by the widest set it fills: every response, every 404 response, or one.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from chimera_compliance.outcomes import Problem
from chimera_compliance.probes.headers.csp import Policies
from chimera_compliance.probes.headers.csp_sources import Address
from chimera_compliance.probes.headers.values import Hsts, MediaType
from chimera_compliance.probes.http.exchange import Exchange

_NO_CONTENT = {204, 205, 304}


@dataclass(frozen=True)
class Response:
    """One answer and how it came about: ``label`` says what was special about the request."""

    exchange: Exchange
    label: str
    origin: Address
    authenticated: bool = False

    @property
    def subject(self) -> str:
        """``GET /campaigns (no token) → 401``."""
        return f"{self.exchange.subject} ({self.label}) → {self.status}"

    @property
    def status(self) -> int:
        """The status code."""
        return self.exchange.status or 0

    @property
    def method(self) -> str:
        """The method that was sent."""
        return self.exchange.request.method

    @property
    def observation(self) -> str:
        """Where the exchange is kept."""
        return self.exchange.observation

    def all(self, name: str) -> list[str]:
        """Every value of a header field, in order."""
        return self.exchange.header_all(name)

    @property
    def is_secure(self) -> bool:
        """Whether it came over HTTPS."""
        return self.origin.scheme == "https"

    @property
    def is_rendered(self) -> bool:
        """Whether a browser could show it: an answer to OPTIONS or one that by its status has no content is not."""
        return self.method != "OPTIONS" and self.status >= 200 and self.status not in _NO_CONTENT

    @property
    def is_personal(self) -> bool:
        """Whether it answers a tenant's own credential with what a cache could reuse (RFC 9111, 3)."""
        return self.authenticated and self.exchange.ok and self.method in ("GET", "HEAD")

    @cached_property
    def pin(self) -> Hsts | None:
        """What it says of HTTPS."""
        return Hsts.parse(self.all("Strict-Transport-Security"))

    @cached_property
    def media_type(self) -> MediaType | None:
        """The declared type of the content."""
        return MediaType.parse(next(iter(self.all("Content-Type")), ""))

    @property
    def is_document(self) -> bool:
        """Whether scripts can run in what is declared."""
        return self.media_type is not None and self.media_type.is_active

    @cached_property
    def policies(self) -> Policies:
        """The Content-Security-Policy in force."""
        markup = self.exchange.body.decode("utf-8", "replace") if self.is_document else ""
        names = ("Content-Security-Policy", "Content-Security-Policy-Report-Only")
        return Policies.of(self.all(names[0]), self.all(names[1]), markup)


@dataclass(frozen=True)
class Responses:
    """The population; `unseen` says which kinds of answer could not be brought out, and why."""

    items: Sequence[Response]
    unseen: dict[str, str] = field(default_factory=dict)

    def __iter__(self):
        return iter(self.items)

    @property
    def rendered(self) -> list[Response]:
        """Those that a browser could show."""
        return [item for item in self.items if item.is_rendered]

    @property
    def governed(self) -> list[Response]:
        """Those that have a Content-Security-Policy in force."""
        return [item for item in self.rendered if item.policies.enforced]


def problems(
    population: Sequence[Response], faults: Callable[[Response], Iterable[str]], *, shows: str = "", expected: str = ""
) -> list[Problem]:
    """What `faults` says of the population, equal sentences folded into few problems by the sets they fill.

    `shows` names the header field that is quoted as what was seen.
    """
    said: dict[str, list[Response]] = {}
    for item in population:
        for message in dict.fromkeys(faults(item)):
            said.setdefault(message, []).append(item)
    return [
        Problem(name, message, expected, _seen(members, population, shows), members[0].observation)
        for message, offending in said.items()
        for name, members in name_sets(offending, population)
    ]


def _seen(members: list[Response], population: Sequence[Response], header: str) -> str:
    """How many, an example, and what its header says."""
    text = f"{len(members)} of {len(population)} responses, such as {members[0].subject}"
    if not header:
        return text
    values = "; and ".join(value[:300] for value in members[0].all(header)[:3])
    return f"{text} with " + (f"{header}: {values}" if values else f"no {header}")


def name_sets(offending: Iterable[Response], population: Iterable[Response]) -> list[tuple[str, list[Response]]]:
    """Names for the offending responses among a population, the widest that are true, in a stable order."""
    rest, everything, named = list(offending), list(population), []
    for name, members in _sets(everything):
        if len(members) > 1 and all(item in rest for item in members):
            named.append((name, members))
            rest = [item for item in rest if item not in members]
    return named + _singly(rest)


def _sets(population: list[Response]) -> Iterator[tuple[str, list[Response]]]:
    yield "every response", population
    yield "every error response", [item for item in population if item.status >= 400]
    yield "every successful response", [item for item in population if item.exchange.ok]
    for name, key in _KINDS:
        for value in sorted({key(item) for item in population}):
            yield name.format(value), [item for item in population if key(item) == value]


_KINDS: tuple[tuple[str, Callable[[Response], object]], ...] = (
    ("every {} response", lambda item: item.status),
    ("every response from {}", lambda item: item.exchange.subject.partition(" ")[2]),
    ("every response to: {}", lambda item: item.label),
)


def _singly(rest: list[Response], most: int = 5) -> list[tuple[str, list[Response]]]:
    """One by one, or by status where they are many."""
    if len(rest) <= most:
        return [(item.subject, [item]) for item in rest]
    statuses = sorted({item.status for item in rest})
    return [(f"some {status} responses", [item for item in rest if item.status == status]) for status in statuses]
