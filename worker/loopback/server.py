"""The loopback's HTTP server: listens, hands each request to the wire or the control address, and closes everything.

Takes a `LoopbackSqs` (and faults), gives an endpoint URL for any AWS client; `async with` ends it together with every
connection. Signatures are not checked and unsigned requests are served: it trusts whoever reaches its address.
"""

from __future__ import annotations

import asyncio
import random
from email.utils import formatdate
from typing import TYPE_CHECKING, Final, Self

from worker.loopback.connection import ServerConnection
from worker.loopback.control import PATH, Control
from worker.loopback.errors import SqsFault
from worker.loopback.faults import Faults
from worker.loopback.spoiling import Reply
from worker.loopback.wire import Exchange, HttpRequest, Wire

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from worker.loopback.service import LoopbackSqs


IDLE_SECONDS: Final = 30.0
"""From one look at idle connections to the next: one that is unused for so long is closed, at the latest after twice as
long. Amazon does not say when it hangs up; clients have to expect it.
"""


class LoopbackServer:
    """One listening address. Usable as an async context manager inside any loop with sockets."""

    def __init__(
        self,
        sqs: LoopbackSqs,
        *,
        faults: Faults | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        rng = random.Random(0)  # noqa: S311 - only for plans without rules, which never ask it
        self.sqs = sqs
        self.faults = Faults(rng=rng, clock=sqs.clock) if faults is None else faults
        self.connections: set[ServerConnection] = set()
        """Written by the connections themselves."""
        self._scheme = "http" if tls is None else "https"
        self._tls = tls
        self._wire = Wire(sqs, self.faults, rng, scheme=self._scheme)
        self.control = Control(sqs, self.faults, self._wire.account)
        self._host = host
        self._port = port
        self._server: asyncio.Server | None = None
        self._date = (0, "")
        self._idle_seconds = idle_seconds
        self._looking: asyncio.TimerHandle | None = None
        """The next look at idle connections. Written by `_look` and by who begins and ends it."""

    @property
    def endpoint_url(self) -> str:
        """Where clients are sent; an address for all interfaces is named by one that can be dialled."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self._host, self._host)  # noqa: S104 - read, not bound
        return f"{self._scheme}://{host}:{self._port}"

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: ServerConnection(self), self._host, self._port, ssl=self._tls)
        self._port = self._server.sockets[0].getsockname()[1]
        self._looking = loop.call_later(self._idle_seconds, self._look)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._looking is not None:
            self._looking.cancel()
        if self._server is not None:
            self._server.close()
            for connection in tuple(self.connections):
                connection.close()
            await self._server.wait_closed()

    def _look(self) -> None:
        """Close what was idle from one look to the next."""
        for connection in tuple(self.connections):
            connection.look()
        self._looking = asyncio.get_running_loop().call_later(self._idle_seconds, self._look)

    def respond(self, request: HttpRequest, done: Callable[[Reply], None]) -> Exchange:
        """Give *done* the one reply to *request*."""
        if request.target and request.method == "POST":
            if not request.host:
                return _said(done, self._wire.refusal(SqsFault("InvalidAddress", "A Host header is needed.")))
            return self._wire.handle(request, done)
        if request.path.startswith(PATH):
            return _said(done, self.control.handle(request))
        return _said(done, _not_json(request))

    def date(self) -> str:
        """The Date header's value, written once a second."""
        second = int(self.sqs.clock())
        if self._date[0] != second:
            self._date = (second, formatdate(second, usegmt=True))
        return self._date[1]


def _said(done: Callable[[Reply], None], reply: Reply) -> Exchange:
    done(reply)
    return Exchange()


def _not_json(request: HttpRequest) -> Reply:
    """Old SDKs speak the query protocol and read XML; everybody else gets the reason in plain JSON."""
    why = "This address speaks the AWS JSON protocol only: POST with the header X-Amz-Target: AmazonSQS.OPERATION."
    if request.method == "POST" and request.content_type.startswith("application/x-www-form-urlencoded"):
        error = f"<Error><Type>Sender</Type><Code>UnsupportedProtocol</Code><Message>{why}</Message></Error>"
        body = f"<ErrorResponse>{error}<RequestId>-</RequestId></ErrorResponse>"
        return Reply(400, body.encode(), content_type="text/xml")
    status = 400 if request.method == "POST" else 404
    return Reply(status, b'{"message":"' + why.encode() + b'"}', content_type="application/json")
