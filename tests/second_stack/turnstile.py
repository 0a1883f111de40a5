"""Counts who comes in: members by their organisation, everybody else by address and operation, in fixed windows."""

import time
from dataclasses import dataclass
from threading import Lock

from flask import Response, abort, g

WINDOW = 8
PER_ORGANISATION = 300
PER_STRANGER = 200
SIGN_INS = 60  # each costs a digest that is meant to be slow


@dataclass(frozen=True)
class Count:
    """How often somebody came in the window that ends at `end`, in UNIX time."""

    limit: int
    made: int
    end: float

    def told(self) -> dict[str, str]:
        """As the drafts of RateLimit have it."""
        left = max(0, self.limit - self.made)
        return {"RateLimit-Policy": f'"desk";q={self.limit};w={WINDOW}', "RateLimit": f'"desk";r={left};t={self.wait}'}

    @property
    def wait(self) -> int:
        """Whole seconds until the window is over."""
        return max(1, int(self.end - time.time()) + 1)


class Turnstile:
    """Everybody's counts; those of windows that are over are forgotten."""

    def __init__(self) -> None:
        self._counts: dict[tuple, int] = {}
        self._window, self._lock = 0, Lock()

    def member(self, organisation: str) -> None:
        """Let a member in, or answer 429."""
        self._pass(("organisation", organisation), PER_ORGANISATION)

    def stranger(self, address: str, operation: str) -> None:
        """Let somebody in who is not known, or answer 429."""
        self._pass(("stranger", address, operation), SIGN_INS if operation == "sign_in" else PER_STRANGER)

    def _pass(self, who: tuple, limit: int) -> None:
        with self._lock:
            window = int(time.time()) // WINDOW
            if window != self._window:
                self._counts, self._window = {}, window
            made = self._counts[who] = self._counts.get(who, 0) + 1
        g.count = Count(limit, made, (window + 1) * WINDOW)
        if made > limit:
            abort(429, "Too often.")


def tell(response: Response) -> Response:
    """The counts, on every answer to somebody who was counted."""
    if (count := g.get("count")) is not None:
        response.headers.update(count.told())
        if response.status_code == 429:
            response.headers["Retry-After"] = str(count.wait)
    return response
