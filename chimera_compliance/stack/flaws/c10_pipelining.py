"""C10: limiters that do not count every request of a connection (RFC 9112, 9.3.2), and servers that answer but one.

Where connections are closed it is for one class alone, and a small one: each of its requests costs a handshake.
"""

from chimera_compliance.stack.flaws import flaw, variant
from chimera_compliance.stack.flaws.c10_rate_limits import _HITL, _admits, _smaller


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
            limited = _HITL in scope["path"]
            scope["state"]["counted"], self._counted = self._counted, self._counted or limited

            async def closing(message):
                ends = limited and not keeps_alive and not self.conn.trailing_data[0]
                if message["type"] == "http.response.start" and ends:
                    message["headers"].append((b"connection", b"close"))
                await send(message)

            await self._app(scope, receive, closing)

    def counts(request, operation, caller):
        if not request.state.counted:
            return guard.spend(request, operation, caller)
        request.state.allowance = request.app.state.limiter.left(operation.limit, str(caller.tenant_id))

    _smaller(made)
    made.tls["http"] = Counting
    _admits(made, lambda name: _HITL in name, counts)


def _closes(made, statuses=range(100, 600)):
    def close(scope, status, headers):
        if _HITL in scope["path"] and status in statuses:
            headers["Connection"] = "close"

    _smaller(made)
    made.edit_headers.append(close)


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
    _closes(made)


@variant(why="a connection is closed after a refusal, so that a flood costs a handshake for each request")
def closes_after_each_refusal(made):
    _closes(made, statuses=(429,))
