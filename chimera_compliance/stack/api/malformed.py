"""What is no HTTP never reaches the application; its refusal carries the same headers and the same error shape."""

import uuid

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from chimera_compliance.stack.api.errors import ApiError, response
from chimera_compliance.stack.variant import Variant


def protocol(variant: Variant) -> type[H11Protocol]:
    """uvicorn's protocol, with the variant's security headers on its own 400."""

    class GuardedProtocol(H11Protocol):
        def send_400_response(self, msg: str) -> None:
            """The reason stays here: it may repeat what was sent."""
            named = str(uuid.uuid4())
            refusal = response({"state": {"request_id": named}}, ApiError(400, "This is not a valid HTTP request"))
            refusal.headers.update({**variant.headers, "X-Request-Id": named, "Connection": "close"})
            for event in (
                h11.Response(status_code=400, headers=refusal.raw_headers, reason=b"Bad Request"),
                h11.Data(data=refusal.body),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event))
            self.transport.close()

    return GuardedProtocol
