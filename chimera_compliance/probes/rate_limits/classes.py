"""Whose requests are counted together: the declared classes of operations, and the request that stands for one."""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from chimera_compliance.probes.http.exchange import Exchange, Request
from chimera_compliance.probes.principals.tokens import claims_of
from chimera_compliance.probes.rate_limits.bursts import Burst
from chimera_compliance.probes.rate_limits.headers import told
from chimera_compliance.target import RateLimit, Target

if TYPE_CHECKING:
    from chimera_compliance.probes.openapi.operations import Operation
    from chimera_compliance.probes.principals.principal import Principal

ASSUMED = RateLimit(paths=["/*"], limit=100, window_seconds=60, per="principal")
_STRANGERS_PATIENCE = 3
_SOON = 2.0


@dataclass(frozen=True)
class Class:
    """Operations under one limit. Undeclared limits are assumed, to have something to look for."""

    limit: RateLimit
    operations: "tuple[Operation, ...]"
    declared: bool = True

    @property
    def name(self) -> str:
        """Its patterns: ``/commerce/*``."""
        return " ".join(self.limit.paths)

    @property
    def rate(self) -> str:
        """``10 in 3 s``."""
        return f"{self.limit.limit} in {self.limit.window_seconds:g} s" + ("" if self.declared else ", as assumed")


def classes(target: Target, operations: "Iterable[Operation]") -> list[Class]:
    """The classes that limit callers who are known, the longest windows first, to recover while others are looked at.

    Limits per address count only where nothing else is declared.
    """
    known = [limit for limit in target.rate_limits if limit.per != "address"]
    return _grouped(operations, known or target.rate_limits, ASSUMED)


def strangers_limit(target: Target, operation: "Operation") -> tuple[RateLimit, bool]:
    """The limit on callers who are not known, and whether it is declared; else three times the largest limit."""
    if found := most_specific(operation, [limit for limit in target.rate_limits if limit.per == "address"]):
        return found, True
    largest = max(target.rate_limits, key=lambda item: item.limit, default=ASSUMED)
    update = {"limit": largest.limit * _STRANGERS_PATIENCE, "per": "address", "paths": ["/*"]}
    return largest.model_copy(update=update), False


def most_specific(operation: "Operation", limits: Iterable[RateLimit]) -> RateLimit | None:
    """Of the limits whose patterns match, the one whose pattern says most; of several such, the lowest."""
    limits = list(limits)
    matching = [
        (-len(pattern.partition("*")[0]), limit.limit / limit.window_seconds, place)
        for place, limit in enumerate(limits)
        for pattern in limit.paths
        if fnmatchcase(operation.path, pattern)
    ]
    return limits[min(matching)[2]] if matching else None


def _grouped(operations: "Iterable[Operation]", limits: list[RateLimit], default: RateLimit) -> list[Class]:
    groups: dict[int, list] = {}
    for operation in operations:
        found = most_specific(operation, limits)
        groups.setdefault(limits.index(found) if found else -1, []).append(operation)
    found = [
        Class(limits[place] if place >= 0 else default, tuple(members), place >= 0) for place, members in groups.items()
    ]
    return sorted(found, key=lambda item: -item.limit.window_seconds)


class Bearer:
    """One principal's token for an operation, kept: a limiter may count by token, and must then be seen to."""

    def __init__(self, principal: "Principal", operation: "Operation") -> None:
        self.principal, self.role = principal, _role(principal, operation)
        self._kept = ""

    @property
    def token(self) -> str:
        """The same token as before, as long as it is good.

        Raises:
            ConfigurationError: the target file's settings cannot be used.
            Inconclusive: the stack gave none.
        """
        if not self._kept or _ends(self._kept) < time.time() + _SOON:
            own = self.role == self.principal.role
            self._kept = self.principal.token if own else self.principal.token_as(self.role) or self.principal.token
        return self._kept


def _ends(token: str) -> float:
    end = claims_of(token).get("exp")
    return end if isinstance(end, int | float) else math.inf


def _role(principal: "Principal", operation: "Operation") -> str | None:
    """A role that the operation admits and the principal has a token for; else its own."""
    if operation.roles is None or principal.role in operation.roles:
        return principal.role
    return next((role for role in sorted(operation.roles) if principal.token_as(role)), principal.role)


@dataclass
class Quota:
    """What one caller may use of a class: burst, pressed on while exhausted, and watched recovering.

    `make` builds the request that stands for the class; `control` is how it is answered when nothing is exhausted.
    Who `guesses` is a stranger with a bad credential.
    """

    subject: str
    limits: Class
    make: Callable[[], Request]
    operation: "Operation"
    bearer: Bearer | None = None
    guesses: bool = False
    control: Exchange | None = None
    untested: str = ""
    burst: Burst | None = None
    confirmed: Burst | None = None
    last_refusal: Exchange | None = None
    refused_at: float = 0.0
    promised: float = math.inf
    broken_promise: Exchange | None = None
    operations: list = field(default_factory=list)
    bypasses: list = field(default_factory=list)
    neighbour: "Neighbour | None" = None
    recovery: "Recovery | None" = None

    @property
    def principal(self) -> "Principal | None":
        """Whose quota it is; nobody's if callers are not known."""
        return self.bearer and self.bearer.principal

    @property
    def exhausted(self) -> bool:
        """Whether its limit was reached."""
        return self.burst is not None and self.burst.refused

    @property
    def limit(self) -> RateLimit:
        """The limit that it is held to."""
        return self.limits.limit

    @property
    def reason(self) -> str:
        """Why it is not known whether there is a limit; empty where it is."""
        return self.untested or (self.burst.untested if self.burst else "it was not asked")

    def note(self, exchanges: list[Exchange], began: float) -> None:
        """Remember the last refusal, for recovery is counted from there; and the first after a reset that was named.

        `began` is when the first of them was sent. Named seconds are rounded, so one more is granted.
        """
        refused = [exchange for exchange in exchanges if not self.burst.served(exchange)]
        if len(refused) < len(exchanges):
            self.promised = math.inf
        elif began > self.promised + 1 and self.broken_promise is None:
            self.broken_promise = refused[-1]
        if refused:
            self.last_refusal, self.refused_at = refused[-1], time.monotonic()
            reset = told(self.last_refusal).reset
            self.promised = min(self.promised, math.inf if reset is None else self.refused_at + reset)


@dataclass(frozen=True)
class Neighbour:
    """How another tenant fared while this one was exhausted."""

    quota: Quota
    exchanges: tuple[Exchange, ...]
    locked_out: bool
    confirmed: bool = False


@dataclass(frozen=True)
class Recovery:
    """How the quota fared after the window; `named` is when the server said that it would recover, in seconds."""

    quota: Quota
    exchange: Exchange
    named: float | None
    seconds: float
    in_time: bool
    recovered: bool
