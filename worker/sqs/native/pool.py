"""Connections to one server, kept open between requests: the last one used is the next one taken.

`Pool.exchange` takes a request and gives its answer over a connection that was kept, or over a new one; never more at
a time than its limit. A connection that the server closed while nobody used it is no error: it is noticed, and a
request that met the end of a kept connection is made once more on a new one, if it may be. When a caller gives up
waiting, what was kept to the same address meanwhile unused is not trusted either. Ends with `close`.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from math import inf
from typing import TYPE_CHECKING, Final

from worker.sqs.native.answer import WireTrouble
from worker.sqs.native.connection import CLOSED, Unanswered
from worker.sqs.native.dial import CONNECT_SECONDS, Dialer

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.sqs.endpoint import Endpoint
    from worker.sqs.native.answer import HttpAnswer
    from worker.sqs.native.connection import Connection
    from worker.sqs.queue import Admission

IDLE_SECONDS: Final = 30.0
"""Unused for so long, a connection is closed, though nothing more is asked: on the way it may be forgotten already, and
what a burst opened is given back within a minute of it.
"""
LOOK_SECONDS: Final = 1.0
"""Those that are due within it are closed together."""
AGE_SECONDS: Final = 300.0
"""A connection older than this is not used again: names change their addresses, and servers come and go behind them."""

AT_ONCE_SECONDS: Final = 0.5
"""A kept connection that was closed before a request came ends sooner than this, a round trip after it. One that ends
later took the request: to make it again is for the caller, who knows how much time is left."""


AGAIN_SECONDS: Final = AT_ONCE_SECONDS + CONNECT_SECONDS
"""A request made once more is sent within it."""
SURE_SECONDS: Final = 3.0
"""A connection that was silent for longer may have been closed by now, and a request that must not be made twice would
be lost with it: servers that keep idle connections for less than that are not known (Node's is 5 s)."""

TOO_LATE: Final = "TooLate"
"""The code of a request that was not sent, because it would have come too late."""


def tls_context(ca_bundle: str) -> ssl.SSLContext:
    """Certificates and host names are verified, against the file *ca_bundle*; nothing older than TLS 1.2.

    A distribution's own settings of OpenSSL may leave the oldest version open (Debian 12 does), or ask for more.
    """
    context = ssl.create_default_context(cafile=ca_bundle)
    context.minimum_version = max(context.minimum_version, ssl.TLSVersion.TLSv1_2)
    context.set_alpn_protocols(["http/1.1"])
    return context


class Pool:
    """At most *limit* connections to *endpoint*, each used by one request at a time."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        limit: int,
        tls: ssl.SSLContext | None,
        connect_seconds: float = CONNECT_SECONDS,
        idle_seconds: float = IDLE_SECONDS,
        age_seconds: float = AGE_SECONDS,
        sure_seconds: float = SURE_SECONDS,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._dialer = Dialer(endpoint, tls=tls, connect_seconds=connect_seconds)
        self._idle_seconds = idle_seconds
        self._age_seconds = age_seconds
        self._sure_seconds = sure_seconds
        self._free = limit
        """How many requests more may be under way. Written by `exchange` and `_done`."""
        self._waiting: deque[asyncio.Future[None]] = deque()
        """Who waits to be one of them, the longest first. Written by `_turn` and `_done`."""
        self._idle: deque[Connection] = deque()
        """The longest unused first. Written by `_kept`, `_keep`, `_doubt` and `_look`."""
        self._looking: asyncio.TimerHandle | None = None
        """While some are idle: when to look for those that were so for too long. Written by `_keep` and `_look`."""
        self._open: set[Connection] = set()
        """Every connection that is not gone. Written by `_connected`, and when one is gone."""
        self._closed = False
        """Written by `close`."""

    @property
    def connections(self) -> int:
        """Open now."""
        return len(self._open)

    async def exchange(
        self,
        request: bytes,
        admission: Admission | None = None,
        *,
        repeated: Callable[[WireTrouble], None] | None,
        until: float = inf,
    ) -> HttpAnswer:
        """The answer to *request*; with *admission* a large one waits for room first.

        *repeated* is told of a kept connection that ended instead of answering, before the request is made once more;
        None: it must not be, because a request that was performed and not answered would be performed twice; it gets a
        connection that has just been in use, or a new one. *until* is the loop time after which it is not sent any
        more: it may have waited here, or this process stood still.

        Raises:
            WireTrouble: no connection, or none that gave a whole answer, or it is too late to ask.
        """
        now = self._loop.time
        if self._free:
            self._free -= 1
        else:
            await self._turn()
        try:
            began = now()
            _require_time(began, until)
            if (connection := self._kept(began, inf if repeated else self._sure_seconds)) is not None:
                try:
                    return await self._asked(connection, request, admission)
                except Unanswered as trouble:
                    if repeated is None or self._closed or now() - began > AT_ONCE_SECONDS:
                        raise
                    repeated(trouble)
            connection = await self._connected()
            if now() >= until:
                self._keep(connection, now())
            _require_time(now(), until)
            return await self._asked(connection, request, admission)
        finally:
            self._done()

    async def close(self) -> None:
        """Close every connection; requests under way fail, and later ones."""
        self._closed = True
        if self._looking is not None:
            self._looking.cancel()
        for connection in tuple(self._open):
            connection.abort()
            await connection.gone

    async def _turn(self) -> None:
        """Wait for another request's end. As a semaphore, but free where nobody has to wait, which is nearly always."""
        turn: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self._done()  # it was our turn in that very moment
            raise

    def _done(self) -> None:
        """The next one's turn."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def _kept(self, now: float, silent_seconds: float) -> Connection | None:
        """The connection used last, if it may still be used and was silent for no longer than *silent_seconds*."""
        while self._idle and now - self._idle[-1].answered_at <= silent_seconds:
            connection = self._idle.pop()
            if connection.usable and now <= connection.good_until:
                return connection
            connection.abort()
        return None

    def _keep(self, connection: Connection, now: float) -> None:
        """For the next request, if the server lets us, and for as long as it may be unused."""
        if not connection.usable:
            return
        connection.answered_at = now
        connection.good_until = min(now + self._idle_seconds, connection.made_at + self._age_seconds)
        self._idle.append(connection)
        if self._looking is None and not self._closed:
            self._looking = self._loop.call_at(connection.good_until, self._look)

    def _look(self) -> None:
        """Close what nobody has needed for long; nothing has to be asked for that."""
        until = self._loop.time() + min(LOOK_SECONDS, self._idle_seconds)
        over = [one for one in self._idle if not one.usable or one.good_until <= until]
        self._idle = deque(one for one in self._idle if one not in over)
        for connection in over:
            connection.abort()
        due = min((one.good_until for one in self._idle), default=None)
        self._looking = None if due is None else self._loop.call_at(due, self._look)

    async def _asked(self, connection: Connection, request: bytes, admission: Admission | None) -> HttpAnswer:
        began = self._loop.time()
        try:
            answer = await connection.ask(request, admission)
        except asyncio.CancelledError:  # by a time limit, nearly always
            self._doubt(connection.peer, began)
            raise
        self._keep(connection, answer.arrived_at)
        return answer

    def _doubt(self, peer: str, since: float) -> None:
        """A request to *peer* stayed unanswered: so would the next, on all that was silent *since* it began."""
        self._dialer.doubt(peer)
        for idle in tuple(self._idle):
            if idle.peer == peer and idle.answered_at < since:
                self._idle.remove(idle)
                idle.abort()

    async def _connected(self) -> Connection:
        connection = await self._dialer.dial()
        if self._closed:
            connection.abort()
            raise WireTrouble(CLOSED, "the queue was closed")
        self._open.add(connection)
        connection.gone.add_done_callback(lambda _: self._open.discard(connection))
        return connection


def _require_time(now: float, until: float) -> None:
    if now >= until:
        raise WireTrouble(TOO_LATE, "its lease ended before it could be sent")
