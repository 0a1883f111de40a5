"""Rate limits that are kept and told in other ways than the reference's, and are right."""

import math
import time

from chimera_compliance.stack.flaws import variant


def _retold(made, tell):
    """Replaces the X-RateLimit headers by `tell(limit, remaining, seconds)`."""

    def put(scope, status, headers):
        told = [headers.get(f"x-ratelimit-{name}") for name in ("limit", "remaining", "reset")]
        for name in ("limit", "remaining", "reset"):
            del headers[f"x-ratelimit-{name}"]
        if None not in told:
            limit, remaining, reset = map(int, told)
            headers.update(tell(limit, remaining, max(0, math.ceil(reset - time.time()))))

    made.edit_headers.append(put)


@variant(why="Retry-After on refusals, and no other word on limits")
def limits_with_retry_after_alone(made):
    _retold(made, lambda limit, remaining, seconds: {})


@variant(why="RateLimit-Limit, -Remaining and -Reset, as the earlier drafts have them")
def limits_as_in_the_earlier_drafts(made):
    names = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
    _retold(made, lambda *told: dict(zip(names, map(str, told), strict=True)))


@variant(why="RateLimit and RateLimit-Policy, as the later drafts have them")
def limits_as_structured_fields(made):
    def tell(limit, remaining, seconds):
        return {"RateLimit-Policy": f'"class";q={limit}', "RateLimit": f'"class";r={remaining};t={seconds}'}

    _retold(made, tell)


@variant(why="windows that all begin at the same moments: twice the limit passes around the edge of two")
def limits_in_fixed_windows(made):
    def fixed(app):
        from limits.storage import MemoryStorage
        from limits.strategies import FixedWindowRateLimiter

        app.state.limiter._windows = FixedWindowRateLimiter(MemoryStorage())

    made.routes.append(fixed)


@variant(why="a bucket that refills steadily and holds a little more than the limit")
def limits_by_token_bucket(made):
    made.settings.hitl_limit = 80
    made.target.append(lambda document: document["rate_limits"][0].update(limit=80))
    made.routes.append(lambda app: _Buckets(app.state.limiter))


class _Buckets:
    """Stands for the windows of a limiter: the time at which each bucket will be full again (GCRA)."""

    def __init__(self, limiter):
        from chimera_compliance.stack.api.limiter import Allowance

        self._items, self._allowance, self._full = limiter._items, Allowance, {}
        limiter.spend, limiter.left = self.spend, self.left

    def spend(self, kind, key):
        """One token, if there is one."""
        step, most = self._shape(kind)
        full = max(self._full.get((kind, key), 0.0), time.time())
        if admitted := full + step - time.time() <= most * step:
            self._full[kind, key] = full + step
        return admitted, self.left(kind, key)

    def left(self, kind, key):
        """The tokens in the bucket, and when there will be one."""
        step, most = self._shape(kind)
        missing = max(0.0, self._full.get((kind, key), 0.0) - time.time()) / step
        remaining = math.floor(most - missing)
        wait = 0.0 if remaining else (missing - most + 1) * step
        return self._allowance(self._items[kind].amount, remaining, time.time() + wait)

    def _shape(self, kind):
        item = self._items[kind]
        return item.get_expiry() / item.amount, item.amount * 1.02


@variant(why="every user has a limit of its own, as declared")
def limits_per_user(made):
    def counts(request, operation, caller):
        return f"{caller.user_id}"

    _by_key(made, counts)
    declare = lambda document: [limit.setdefault("per", "principal") for limit in document["rate_limits"]]  # noqa: E731
    made.target.append(declare)


@variant(why="every operation has a limit of its own, no higher than its class's")
def limits_per_operation(made):
    _by_key(made, lambda request, operation, caller: f"{caller.tenant_id} {request.scope['route'].path}")


def _by_key(made, key):
    from chimera_compliance.stack.flaws.c10_rate_limits import _admits

    def counts(request, operation, caller):
        admitted, allowance = request.app.state.limiter.spend(operation.limit, key(request, operation, caller))
        request.state.allowance = allowance
        if not admitted:
            raise allowance.exceeded()

    _admits(made, lambda name: True, counts)
