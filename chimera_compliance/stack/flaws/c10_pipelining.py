"""C10: limiters that do not count every request of a connection (RFC 9112, 9.3.2), and servers that answer but one."""

from chimera_compliance.stack.flaws import flaw, variant
from chimera_compliance.stack.flaws.c10_rate_limits import _admits


def _counted_once(made, *, in_segment=False, keeps_alive=True):
    """Counts the first request of a connection, or of each segment of it, and lets those behind it ride along."""
    from chimera_compliance.stack.api import guard, malformed

    class Counting(malformed.protocol(made)):
        """uvicorn's protocol, an instance of which is one connection."""

        def __init__(self, *args, **settings):
            super().__init__(*args, **settings)
            self._counted, self._app, self.app = False, self.app, self._mark

        def data_received(self, data):
            self._counted = self._counted and not in_segment
            super().data_received(data)

        async def _mark(self, scope, receive, send):
            scope["state"]["counted"], self._counted = self._counted, True

            async def closing(message):
                last = not self.conn.trailing_data[0]
                if message["type"] == "http.response.start" and last and not keeps_alive:
                    message["headers"].append((b"connection", b"close"))
                await send(message)

            await self._app(scope, receive, closing)

    def counts(request, operation, caller):
        if not request.state.counted:
            return guard.spend(request, operation, caller)
        request.state.allowance = request.app.state.limiter.left(operation.limit, str(caller.tenant_id))

    made.tls["http"] = Counting
    _admits(made, lambda name: True, counts)


@flaw("C10", why="the limiter looks at the first request of each segment that arrives, and at none behind it")
def counted_by_segment(made):
    _counted_once(made, in_segment=True)


@flaw(
    "C10", why="connections are counted: each was thought to carry one request, as it is closed after its last answer"
)
def counted_by_connection(made):
    _counted_once(made, keeps_alive=False)


@variant(why="a connection for every request: it is closed after the answer, whatever was pipelined behind it")
def closes_after_each_answer(made):
    made.edit_headers.append(lambda scope, status, headers: headers.update({"Connection": "close"}))


@variant(why="a connection is closed after a refusal, so that a flood costs a handshake for each request")
def closes_after_each_refusal(made):
    def close(scope, status, headers):
        if status == 429:
            headers["Connection"] = "close"

    made.edit_headers.append(close)
