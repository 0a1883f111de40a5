"""ASGI layers that know nothing of the API: who asks (an id for each request) and how much they send."""

import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException

from chimera_compliance.stack.api.errors import ApiError, response


class RequestIdentity:
    """Names each request; the client's own id is not taken, since it would end up in our logs."""

    def __init__(self, app):
        self._app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        state = scope.setdefault("state", {})
        state["request_id"] = str(uuid.uuid4())

        async def named(message):
            if message["type"] == "http.response.start":
                MutableHeaders(raw=message["headers"])["X-Request-Id"] = state["request_id"]
            await send(message)

        await self._app(scope, receive, named)


class BodyLimit:
    """Refuses a body that is announced or turns out to be larger than allowed, and one that is compressed."""

    def __init__(self, app, most: int):
        self._app, self._most = app, most

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        announced = headers.get("content-length", "0")
        if announced.isdigit() and int(announced) > self._most:
            return await response(scope, ApiError(413, "The body is too large"))(scope, receive, send)
        if headers.get("content-encoding", "identity").lower() != "identity":
            return await response(scope, ApiError(415, "Send the body uncompressed"))(scope, receive, send)
        await self._app(scope, self._counted(receive), send)

    def _counted(self, receive):
        received = 0

        async def counted():
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._most:
                raise HTTPException(413)  # The framework hands on its own exceptions and hides others.
            return message

        return counted
