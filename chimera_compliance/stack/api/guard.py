"""Before anything of a request is read, its caller is proved, counted, known and entitled.

The framework parses the body before it runs dependencies, so an anonymous caller would be told about its
JSON first. The guard is therefore part of the route and not a dependency.
"""

import dataclasses
import json

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from chimera_compliance.stack.api import tokens
from chimera_compliance.stack.api.errors import ApiError
from chimera_compliance.stack.variant import BASE, Caller, Operation, Refused, Variant

_CHALLENGE = 'Bearer realm="chimera"'


class GuardedRoute(APIRoute):
    """An operation of the variant's table, behind its guard."""

    def get_route_handler(self):
        handle = super().get_route_handler()
        name = f"{next(iter(self.methods))} {self.path.removeprefix(BASE)}"

        async def guarded(request: Request):
            variant = request.app.state.variant
            if (operation := variant.operations.get(name)) is not None and not operation.public:
                request.state.caller = await (operation.admit or admit)(request, operation, variant)
                _require_json(request)
            return await handle(StrictRequest(request.scope, request.receive))

        return guarded


class StrictRequest(Request):
    """JSON as RFC 8259 has it: no NaN, no member twice."""

    async def json(self):
        """Raises `JSONDecodeError`, which the framework knows how to tell."""
        text = await self.body()
        try:
            return json.loads(text, parse_constant=_refuse, object_pairs_hook=_unique)
        except (ValueError, RecursionError) as error:
            raise json.JSONDecodeError("not JSON", "", 0) from error


async def admit(request: Request, operation: Operation, variant: Variant) -> Caller:
    """The caller, or the error that refuses it: 401 unproved, 429 too often, 403 wrong role."""
    claimed = identify(request, variant)
    spend(request, operation, claimed)
    caller = dataclasses.replace(
        claimed, ip_address=request.client.host, user_agent=(request.headers.get("user-agent") or "")[:500] or None
    )
    if not await run_in_threadpool(request.app.state.database.knows, caller):
        raise _unauthorized('error="invalid_token"')
    require_role(caller, operation)
    return caller


def identify(request: Request, variant: Variant) -> Caller:
    """Who the request's token says it is."""
    given = request.headers.getlist("authorization")
    if not given:
        raise _unauthorized()
    scheme, _, raw = given[0].partition(" ")
    try:
        if len(given) > 1 or scheme.lower() != "bearer" or not raw.isascii():
            raise Refused("not one bearer token")
        return tokens.verify(raw, request.app.state.signing_key(), variant)
    except Refused:
        raise _unauthorized('error="invalid_token"') from None


def spend(request: Request, operation: Operation, caller: Caller) -> None:
    """Take the request from the tenant's budget."""
    admitted, allowance = request.app.state.limiter.spend(operation.limit, str(caller.tenant_id))
    request.state.allowance = allowance
    if not admitted:
        raise allowance.exceeded()


def require_role(caller: Caller, operation: Operation) -> None:
    """Only the roles that CHIMERA.md names."""
    if caller.role not in operation.roles:
        challenge = {"WWW-Authenticate": f'{_CHALLENGE}, error="insufficient_scope"'}
        raise ApiError(403, "Your role does not allow this", headers=challenge)


def _unauthorized(reason: str = "") -> ApiError:
    """RFC 6750 §3: no error code where no credential came."""
    challenge = f"{_CHALLENGE}, {reason}" if reason else _CHALLENGE
    return ApiError(401, "A valid access token is required", headers={"WWW-Authenticate": challenge})


def _require_json(request: Request) -> None:
    if request.method not in ("POST", "PATCH", "PUT"):
        return
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise HTTPException(415)


def _refuse(constant: str):
    raise ValueError(constant)


def _unique(pairs):
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("duplicate member")
    return dict(pairs)
