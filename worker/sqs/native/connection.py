"""One connection to SQS: one request at a time, one answer to each, nothing ever left over for the next.

Takes a whole request and gives its `HttpAnswer`; a server that says more than it was asked, ends early, or a caller who
is cancelled, closes the connection, because whatever still comes belongs to nobody. A large answer is left in the
socket until there is room for it. It ends when either side closes it.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Final, cast

from worker.sqs.native.answer import ANSWER_BYTES, AnswerReader, WireTrouble

if TYPE_CHECKING:
    from worker.sqs.native.answer import HttpAnswer
    from worker.sqs.queue import Admission

CLOSED: Final = "ConnectionClosedError"
"""The code for a connection that ended before its answer did; the SDK's way uses the same."""


class Unanswered(WireTrouble):
    """The connection ended before the first byte of an answer."""


class Connection(asyncio.Protocol):
    """A protocol for the loop, and `ask` for its one user. What is written by the loop's callbacks says so."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, peer: str = "") -> None:
        self._loop = loop
        self.peer = peer
        """The address at the other end."""
        self._reader = AnswerReader(loop.time)
        self._transport: asyncio.Transport | None = None
        """Written once, by connection_made."""
        self._waiter: asyncio.Future[None] | None = None
        """The question under way waits for this. Written by `ask`."""
        self._admission: Admission | None = None
        """Whom to ask before more is taken in than it grants, which may become less meanwhile. Written by `ask`."""
        self._allowed = 0
        """Bytes of this body that were asked for. Written by `ask`."""
        self.made_at = loop.time()
        self.good_until = self.made_at
        """Loop time up to which it may be kept unused. Written by its pool."""
        self.answered_at = self.made_at
        """Loop time of the last sign of life. Written by its pool."""
        self.usable = False
        """May be asked. Written by the loop's callbacks and by `abort`."""
        self.gone: asyncio.Future[None] = loop.create_future()
        """Done when nothing is left of the connection. Written by connection_lost."""

    async def ask(self, request: bytes, admission: Admission | None = None) -> HttpAnswer:
        """The answer to *request*; with *admission* a large one waits for room first.

        Raises:
            Unanswered: the connection ended before any byte came back.
            WireTrouble: it ended later, or what came is no answer of SQS.
        """
        transport = self._transport
        assert transport is not None  # noqa: S101 - a pool gives out what is connected
        self._reader.begin()
        self._admission, self._allowed = admission, 0
        waiter = self._waiter = self._loop.create_future()
        try:
            transport.write(request)
            await waiter
            if admission is not None and self._is_too_large():
                await self._admitted(admission, transport)
        except RuntimeError as error:  # a transport that is closing, as uvloop says it
            self.abort()
            raise Unanswered(CLOSED, str(error)) from error
        except BaseException:
            self.abort()
            raise
        finally:
            self._waiter = None
        if not self._reader.reusable:
            self.abort()
        return self._reader.answer()

    def abort(self) -> None:
        """Close at once."""
        self.usable = False
        if self._transport is not None:
            self._transport.abort()

    async def _admitted(self, admission: Admission, transport: asyncio.Transport) -> None:
        """Ask for room for as long as more comes than was asked for; a chunked answer does not say how much that is.

        An admission may grant less than it was asked for, because no more will ever be held: then that has to do.
        """
        reader = self._reader
        while self._is_too_large():
            self._allowed = reader.size if reader.measured else min(2 * reader.size, ANSWER_BYTES)
            await admission.admit(self._allowed)
            if not reader.complete:
                if self.gone.done():
                    raise WireTrouble(CLOSED, "the connection was closed while its answer waited for room")
                self._waiter = self._loop.create_future()
                transport.resume_reading()
                await self._waiter

    def _is_too_large(self) -> bool:
        """Whether more of the body is here, or promised, than may be taken in."""
        admission = self._admission
        return admission is not None and self._reader.size > max(self._allowed, admission.granted)

    # ── called by the loop ──────────────────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected; for TLS, with the server's certificate accepted."""
        # a cast, because uvloop's transports are not subclasses of asyncio's
        self._transport = cast("asyncio.Transport", transport)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self.usable = True

    def data_received(self, data: bytes) -> None:
        """A piece of the answer, or of something that nobody asked for."""
        reader, waiter = self._reader, self._waiter
        if waiter is None or reader.complete:
            reader.reusable = False
            if waiter is None:
                self.abort()
            return
        try:
            complete = reader.feed(data)
        except WireTrouble as trouble:
            self._fail(trouble)
            return
        if complete:
            self._wake()
        elif self._transport is not None and reader.headed and self._is_too_large():
            self._transport.pause_reading()
            self._wake()

    def eof_received(self) -> None:
        """The server says no more: the end of an answer without a length, the middle of any other."""
        self.usable = False
        if self._waiter is not None and self._reader.ended():
            self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing comes any more; while idle that is no trouble."""
        self.usable = False
        if self._waiter is not None and not self._reader.complete:
            kind = WireTrouble if self._reader.taken else Unanswered
            self._fail(kind(CLOSED, str(exc) if exc else "the connection was closed before the answer was whole"))
        self._reader.release()
        self.gone.set_result(None)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, trouble: WireTrouble) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(trouble)
        else:
            self.abort()  # it waits for room: the end of the connection tells it
