"""Rate limits: per tenant for callers who proved who they are, per peer address for everybody else.

Strangers have a small budget for each operation and a large one for everything together.

The address is the connection's own. X-Forwarded-For is whatever the client writes, so it lifts nothing.
"""

import math
import time
from dataclasses import dataclass

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.datastructures import MutableHeaders
from starlette.routing import compile_path

from chimera_compliance.stack.api.errors import ApiError, response
from chimera_compliance.stack.variant import BASE


@dataclass(frozen=True)
class Allowance:
    """What is left of a budget."""

    limit: int
    remaining: int
    reset: float

    @property
    def headers(self) -> dict[str, str]:
        """X-RateLimit-*: Reset is a Unix time in seconds."""
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(math.ceil(self.reset)),
        }

    def exceeded(self) -> ApiError:
        """429 with the seconds after which one request is free again."""
        wait = max(1, math.ceil(self.reset - time.time()))
        return ApiError(429, "Too many requests", headers={"Retry-After": str(wait)})


class Limiter:
    """Moving windows, so that no burst doubles across the edge of one."""

    def __init__(self, settings):
        self._windows = MovingWindowRateLimiter(MemoryStorage())
        budgets = {
            "tenant": (settings.tenant_limit, settings.window),
            "hitl": (settings.hitl_limit, settings.hitl_window),
            "commerce": (settings.commerce_limit, settings.commerce_window),
            "stranger": (settings.stranger_limit, settings.window),
            "address": (settings.address_limit, settings.window),
        }
        self._items = {name: RateLimitItemPerSecond(*budget) for name, budget in budgets.items()}

    def spend(self, kind: str, key: str) -> tuple[bool, Allowance]:
        """Take one from the budget: whether there was one, and what is left."""
        return self._windows.hit(self._items[kind], kind, key), self.left(kind, key)

    def left(self, kind: str, key: str) -> Allowance:
        """The budget without touching it."""
        stats = self._windows.get_window_stats(self._items[kind], kind, key)
        return Allowance(self._items[kind].amount, stats.remaining, stats.reset_time)


class AddressLimit:
    """Counts requests whose caller stayed unknown against their address, and puts the counters on every answer."""

    def __init__(self, app, limiter: Limiter, variant):
        self._app, self._limiter, self._variant = app, limiter, variant
        paths = {name.partition(" ")[2] for name in variant.operations}
        self._templates = [(path, compile_path(BASE + path)[0]) for path in paths]

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        budgets, state = self._budgets(scope), scope["state"]
        before = [self._limiter.left(*budget) for budget in budgets]

        async def counted(message):
            if message["type"] == "http.response.start":
                allowance = state.get("allowance") or self._spend(budgets)
                MutableHeaders(raw=message["headers"]).update(allowance.headers)
            await send(message)

        if spent := next((allowance for allowance in before if allowance.remaining < 1), None):
            return await response(scope, spent.exceeded())(scope, receive, counted)
        await self._app(scope, receive, counted)

    def _budgets(self, scope) -> list[tuple[str, str]]:
        """Kind and key; every spelling of a path and every id in it count together."""
        address, path = self._address(scope), scope["path"]
        operation = next((template for template, pattern in self._templates if pattern.match(path)), None)
        own = [("stranger", f"{address} {operation}")] if operation else []
        return [*own, ("address", address)]

    def _spend(self, budgets: list[tuple[str, str]]) -> Allowance:
        """Take one from each; what is left of the first."""
        allowances = [self._limiter.spend(*budget)[1] for budget in budgets]
        return allowances[0]

    def _address(self, scope) -> str:
        if self._variant.forwarded_address:
            return self._variant.forwarded_address(scope)
        return scope["client"][0]
