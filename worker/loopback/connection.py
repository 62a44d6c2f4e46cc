"""One HTTP/1.1 connection: bytes in, requests out, answers back in the same order with one write each.

Takes what the transport reads, gives complete requests to the site one at a time (a pipelined one waits for the answer
before it), and ends when either side closes; a receive that waits is then cancelled.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections import deque
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Protocol, cast

import httptools

from worker.loopback.spoiling import Reply
from worker.loopback.wire import Exchange, HttpRequest

if TYPE_CHECKING:
    from collections.abc import Callable

_BODY_BYTES: Final = 16 * 1024 * 1024
"""More than 1 MiB of messages can take as JSON with every character escaped and attributes in base64."""
_HEAD_BYTES: Final = 64 * 1024
_BACKLOG: Final = 64
"""Pipelined requests kept before reading pauses."""
_STATUS_LINES: Final = {one.value: f"HTTP/1.1 {one.value} {one.phrase}\r\n" for one in HTTPStatus}
_HEADERS: Final = {
    b"x-amz-target": "target",
    b"host": "host",
    b"content-type": "content_type",
    b"authorization": "authorization",
    b"x-amzn-trace-id": "trace",
}


class Site(Protocol):
    """What answers requests."""

    connections: set[ServerConnection]

    def respond(self, request: HttpRequest, done: Callable[[Reply], None]) -> Exchange:
        """Give *done* one reply, now or later."""
        ...

    def date(self) -> str:
        """The Date header's value."""
        ...


class ServerConnection(asyncio.Protocol):
    """One client. Every attribute is written by the transport's callbacks and the site's answers only."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._backlog: deque[HttpRequest] = deque()
        self._exchange: Exchange | None = None
        self._busy = False
        """A request is unanswered, so the next one waits."""
        self._keep_alive = True
        """What that request wants of the connection once it is answered."""
        self._pumping = False
        self._writable = True
        self._refused = False
        """Whatever else comes is not read."""
        self._paused = False
        """Reading is paused, because enough requests wait."""
        self._served = self._seen = 0
        """Answers given, and how many there were at the last look."""
        self._fresh()

    def _fresh(self) -> None:
        self._path = b""
        self._fields: dict[str, str] = {}
        self._body: list[bytes] = []
        self._head_bytes = 0
        self._body_bytes = 0

    # ── the transport ───────────────────────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody is here."""
        # a cast, because uvloop's transports are not subclasses of asyncio's
        self._transport = cast("asyncio.Transport", transport)
        self._site.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - a reset client is a gone client
        """Nobody is; what waits for them must not be handed out to them."""
        self._site.connections.discard(self)
        self._transport = None
        self._backlog.clear()
        if self._exchange is not None:
            self._exchange.cancel()

    def data_received(self, data: bytes) -> None:
        """Parse; every complete request comes back through the callbacks below."""
        if self._refused:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(400, "no upgrades here")
        except httptools.HttpParserError as error:
            self._refuse(400, f"not HTTP: {error}")
        self._pump()

    def pause_writing(self) -> None:
        """The client does not read: no more answers until it does."""
        self._writable = False

    def resume_writing(self) -> None:
        """It reads again."""
        self._writable = True
        self._pump()

    def look(self) -> None:
        """Hang up if nothing was asked since the last look; a long poll is asked for as long as it lasts."""
        if self._transport is not None and not self._busy and self._served == self._seen:
            self._transport.close()
        self._seen = self._served

    def close(self) -> None:
        """The server ends."""
        if self._transport is not None:
            self._transport.abort()

    # ── the parser ──────────────────────────────────────────────────────────────────────────────────────────────────

    def on_url(self, url: bytes) -> None:
        """Part of the request line."""
        self._path += url
        self._count_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; most are of no interest."""
        self._count_head(len(name) + len(value))
        known = _HEADERS.get(key := name.lower())
        if known is not None:
            self._fields[known] = value.decode("latin-1")
        elif key == b"expect" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Part of the body, chunked or not."""
        self._body_bytes += len(body)
        if self._body_bytes > _BODY_BYTES:
            self._refuse(413, "the body is too long")
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """A whole request."""
        request = HttpRequest(
            self._parser.get_method().decode("latin-1"),
            self._path.decode("latin-1"),
            b"".join(self._body),
            keep_alive=self._parser.should_keep_alive(),
            **self._fields,
        )
        self._fresh()
        self._backlog.append(request)
        if len(self._backlog) > _BACKLOG and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def _count_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > _HEAD_BYTES:
            self._refuse(431, "the head is too long")

    # ── answering ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _pump(self) -> None:
        """Answer what has arrived, in order; a loop, so that a long pipeline does not become a deep stack."""
        if self._pumping:
            return
        self._pumping = True
        try:
            while self._backlog and not self._busy and self._writable:
                request = self._backlog.popleft()
                self._busy, self._keep_alive = True, request.keep_alive
                self._exchange = self._site.respond(request, self._answer)
        finally:
            self._pumping = False
        if self._paused and len(self._backlog) <= _BACKLOG and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()

    def _answer(self, reply: Reply) -> None:
        transport, keep_alive = self._transport, self._keep_alive
        if transport is None or self._refused or reply.ending == "silence":
            return
        self._served += 1
        data = self._encoded(reply, keep_alive=keep_alive)
        transport.write(data if reply.cut is None else data[: reply.cut])
        if reply.ending == "reset":
            self._reset()
        elif reply.ending == "close" or not keep_alive:
            transport.close()
        else:
            self._busy = False
            self._pump()

    def _encoded(self, reply: Reply, *, keep_alive: bool) -> bytes:
        head = _STATUS_LINES.get(reply.status) or f"HTTP/1.1 {reply.status} Unknown\r\n"
        if reply.request_id is not None:
            head += f"x-amzn-RequestId: {reply.request_id}\r\n"
        if reply.query_error is not None:
            head += f"x-amzn-query-error: {reply.query_error}\r\n"
        if not keep_alive:
            head += "Connection: close\r\n"
        end = f"Content-Type: {reply.content_type}\r\nContent-Length: {len(reply.body)}\r\n\r\n"
        return f"{head}Date: {self._site.date()}\r\n{end}".encode("latin-1") + reply.body

    def _refuse(self, status: int, why: str) -> None:
        """Not a request we can read: say so, and hang up.

        Only our half is closed and the rest is read into nothing: closing over unread bytes would send a reset, which
        can destroy the answer on its way.
        """
        transport = self._transport
        if transport is None or transport.is_closing() or self._refused:
            return
        self._refused = True
        self._backlog.clear()
        transport.write(self._encoded(Reply(status, why.encode(), content_type="text/plain"), keep_alive=False))
        if transport.can_write_eof():
            transport.write_eof()
        else:  # TLS has no half-closed connections
            transport.close()

    def _reset(self) -> None:
        """Leave with RST instead of FIN: a lingering time of zero makes the kernel do it."""
        if self._transport is not None:
            sock = self._transport.get_extra_info("socket")
            with contextlib.suppress(OSError, AttributeError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()
