"""C10: ways in which a limiter limits nothing, the wrong thing, or the wrong people.

Lies and odd refusals are told by one class alone where the suite's other sweeps depend on what a limiter tells them.
"""

import asyncio
import dataclasses
import random
import time

from chimera_compliance.stack.flaws import flaw

_HITL = "/hitl/"


def _on_spend(made, decide):
    """Lets `decide(kind, key, spend)` stand for the limiter's `spend(kind, key)`."""

    def bend(app):
        limiter = app.state.limiter
        spend = limiter.spend
        limiter.spend = lambda kind, key: decide(kind, key, spend)

    made.routes.append(bend)


def _never_refuses(made, kinds=("tenant", "hitl", "commerce"), keys=""):
    def decide(kind, key, spend):
        admitted, allowance = spend(kind, key)
        return admitted or (kind in kinds and key.startswith(keys)), allowance

    _on_spend(made, decide)


def _admits(made, names, counts):
    """The reference's guard with `counts(request, operation, caller)` (which may be async) in place of the limiter."""
    from chimera_compliance.stack.api import guard

    async def admit(request, operation, variant):
        claimed = guard.identify(request, variant)
        if (pending := counts(request, operation, claimed)) is not None:
            await pending
        agent = (request.headers.get("user-agent") or "")[:500] or None
        caller = dataclasses.replace(claimed, ip_address=request.client.host, user_agent=agent)
        if not await asyncio.to_thread(request.app.state.database.knows, caller):
            raise guard._unauthorized('error="invalid_token"')
        guard.require_role(caller, operation)
        return caller

    for name, operation in made.operations.items():
        if not operation.public and names(name):
            operation.admit = admit


def _counted_by(made, mark, names=lambda name: True):
    """The counter's key is the tenant and, wrongly, `mark(request, caller)`."""

    def counts(request, operation, caller):
        key = f"{caller.tenant_id} {mark(request, caller)}"
        admitted, allowance = request.app.state.limiter.spend(operation.limit, key)
        request.state.allowance = allowance
        if not admitted:
            raise allowance.exceeded()

    _admits(made, names, counts)


def _left_out(made, name):
    def counts(request, operation, caller):
        request.state.allowance = request.app.state.limiter.left(operation.limit, str(caller.tenant_id))

    _admits(made, lambda candidate: candidate == name, counts)


def _refused_with(made, status):
    from chimera_compliance.stack.api import guard
    from chimera_compliance.stack.api.errors import ApiError

    _smaller(made)

    def counts(request, operation, caller):
        try:
            guard.spend(request, operation, caller)
        except ApiError as error:
            raise ApiError(status, "Not now", headers=error.headers) from None

    _admits(made, lambda name: _HITL in name, counts)


def _smaller(made, limit=80):
    """A class small enough to be exhausted quickly and too large to be exhausted by the way; declared as it is."""
    made.settings.hitl_limit = limit
    made.target.append(lambda document: document["rate_limits"][0].update(limit=limit))


def _tells(made, edit, where=""):
    """Edits the headers of every answer that has limit headers."""

    def put(scope, status, headers):
        if where in scope["path"] and "x-ratelimit-limit" in headers:
            edit(status, headers)

    made.edit_headers.append(put)


@flaw("C10", why="the limiter counts, and what it says is never looked at")
def never_refuses(made):
    _never_refuses(made)


@flaw("C10", why="one class of operations was left without its limit")
def one_class_left_out(made):
    _smaller(made)
    _never_refuses(made, kinds=("hitl",))


@flaw("C10", why="one tenant is exempt, since a test during development")
def one_tenant_exempt(made):
    _never_refuses(made, keys="b0000000")


@flaw("C10", why="one operation is not limited")
def one_read_left_out(made):
    _left_out(made, "GET /tasks")


@flaw("C10", why="the one operation that moves money is not limited")
def one_write_left_out(made):
    _left_out(made, "POST /commerce/transactions")


@flaw("C10", why="a nought too many in the limit")
def ten_times_the_limit(made):
    made.settings.tenant_limit *= 10


@flaw("C10", why="twice the declared limit")
def twice_the_limit(made):
    made.settings.commerce_limit *= 2


@flaw("C10", why="the counter is read, and written later: parallel requests all see it before it is full")
def counter_races(made):
    def counts(request, operation, caller):
        return _read_then_write(request, operation, str(caller.tenant_id))

    _admits(made, lambda name: "/commerce/" in name, counts)


async def _read_then_write(request, operation, key):
    limiter = request.app.state.limiter
    request.state.allowance = before = limiter.left(operation.limit, key)
    if before.remaining < 1:
        raise before.exceeded()
    await asyncio.sleep(0.15)
    limiter.spend(operation.limit, key)


@flaw("C10", why="401 in place of 429: clients throw their tokens away")
def refused_with_401(made):
    _refused_with(made, 401)


@flaw("C10", why="503 in place of 429: clients and load balancers try again at once")
def refused_with_503(made):
    _refused_with(made, 503)


@flaw("C10", why="a refusal without a word on when to come back")
def no_word_on_when(made):
    _smaller(made)

    def strip(scope, status, headers):
        if _HITL in scope["path"]:
            for name in ("retry-after", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"):
                del headers[name]

    made.edit_headers.append(strip)


@flaw("C10", why="the remaining requests are a constant")
def remaining_never_falls(made):
    _tells(made, lambda status, headers: headers.update({"X-RateLimit-Remaining": headers["x-ratelimit-limit"]}))


@flaw("C10", why="nothing ever remains, as the headers have it")
def remaining_is_always_zero(made):
    _tells(made, lambda status, headers: headers.update({"X-RateLimit-Remaining": "0"}))


@flaw("C10", why="the limit in the headers is another than the one enforced")
def limit_header_lies(made):
    _tells(made, lambda status, headers: headers.update({"X-RateLimit-Limit": "1000"}))


@flaw("C10", why="the reset lies in the past")
def reset_in_the_past(made):
    _tells(made, lambda status, headers: headers.update({"X-RateLimit-Reset": str(int(time.time()) - 60)}))


@flaw("C10", why="the reset lies a day ahead")
def reset_tomorrow(made):
    _smaller(made)
    tomorrow = lambda status, headers: headers.update({"X-RateLimit-Reset": str(int(time.time()) + 86_400)})  # noqa: E731
    _tells(made, tomorrow, where=_HITL)


@flaw("C10", why="Retry-After names a second, and the window is far longer")
def retry_after_too_early(made):
    _smaller(made)
    made.settings.hitl_window = 20

    def edit(status, headers):
        del headers["x-ratelimit-reset"]
        if status == 429:
            headers["Retry-After"] = "1"

    _tells(made, edit, where=_HITL)


@flaw("C10", why="the counter outlives its window")
def window_does_not_end(made):
    _smaller(made)
    made.settings.hitl_window = 30


@flaw("C10", why="one counter for all tenants: whoever is first locks the others out")
def shared_by_all_tenants(made):
    _on_spend(
        made, lambda kind, key, spend: spend(kind, "everybody" if kind in ("tenant", "commerce", "hitl") else key)
    )


@flaw("C10", why="strangers are counted by the address that they name themselves")
def forwarded_for_lifts_strangers(made):
    def address(scope):
        named = dict(scope["headers"]).get(b"x-forwarded-for", b"").decode("latin-1")
        return named or scope["client"][0]

    made.forwarded_address = address


def _by_header(made, name):
    _counted_by(made, lambda request, caller: request.headers.get(name, ""))


@flaw("C10", why="X-Forwarded-For is part of the counter's key")
def counted_by_forwarded_for(made):
    _by_header(made, "x-forwarded-for")


@flaw("C10", why="X-Real-IP is part of the counter's key")
def counted_by_real_ip(made):
    _by_header(made, "x-real-ip")


@flaw("C10", why="Forwarded is part of the counter's key")
def counted_by_forwarded(made):
    _by_header(made, "forwarded")


@flaw("C10", why="X-Client-IP is part of the counter's key")
def counted_by_client_ip(made):
    _by_header(made, "x-client-ip")


@flaw("C10", why="clients are told apart by their User-Agent")
def counted_by_user_agent(made):
    _by_header(made, "user-agent")


@flaw("C10", why="the path is counted as it is spelled, not as it is routed")
def spelling_counted_apart(made):
    _counted_by(made, lambda request, caller: request.scope["raw_path"])


@flaw("C10", why="a trailing slash is routed alike and counted apart")
def trailing_slash_counted_apart(made):
    def strip(app):
        async def stripped(scope, receive, send):
            path = scope.get("path", "")
            if scope["type"] == "http" and path.endswith("/campaigns/"):
                scope = {**scope, "path": path.rstrip("/")}
            await app(scope, receive, send)

        return stripped

    made.wraps.append(strip)
    _counted_by(made, lambda request, caller: request.scope["raw_path"].endswith(b"/"))


@flaw("C10", why="the query is part of the counter's key")
def query_counted_apart(made):
    _counted_by(made, lambda request, caller: request.url.query)


@flaw("C10", why="HEAD is served like GET and counted apart")
def method_counted_apart(made):
    read = made.operations["GET /campaigns"]
    made.operations["HEAD /campaigns"] = dataclasses.replace(read, documented=False)
    _counted_by(made, lambda request, caller: request.method)


@flaw("C10", why="every token has a counter of its own, and tokens cost nothing")
def new_token_counted_apart(made):
    _counted_by(made, lambda request, caller: request.headers["authorization"])


@flaw("C10", why="every role of a tenant has a counter of its own")
def role_counted_apart(made):
    _counted_by(made, lambda request, caller: caller.role)


@flaw("C10", why="requests without a token are not limited")
def strangers_unlimited(made):
    made.forwarded_address = lambda scope: _nobody_twice(scope, b"authorization" not in dict(scope["headers"]))


@flaw("C10", why="the one public operation is not limited")
def public_operation_unlimited(made):
    made.forwarded_address = lambda scope: _nobody_twice(scope, scope["path"].endswith("/health"))


@flaw("C10", why="tokens can be guessed as fast as they can be sent")
def bad_tokens_unlimited(made):
    made.forwarded_address = lambda scope: _nobody_twice(scope, b"authorization" in dict(scope["headers"]))


def _nobody_twice(scope, forgotten):
    return f"{random.random()}" if forgotten else scope["client"][0]
