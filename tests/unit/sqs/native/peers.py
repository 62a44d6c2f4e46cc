"""A server on 127.0.0.1 that plays bytes, however odd, one turn for each request it reads; and answers to play.

Takes turns and gives what it was asked; it knows no HTTP beyond the end of a request. It ends with its context.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

REQUEST: Final = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\n\r\n{}"
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_RESET: Final = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Turn:
    """What is written for one request, piece by piece, and what follows."""

    pieces: tuple[bytes, ...] = ()
    then: Literal["next", "close", "reset", "hold"] = "next"


def says(body: bytes = b"{}", *, head: str = "", status: int = 200) -> bytes:
    """A good answer with *body*."""
    return f"HTTP/1.1 {status} Said\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def chunked(*chunks: bytes, trailer: bytes = b"") -> bytes:
    """A good answer in chunks."""
    written = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return b"HTTP/1.1 200 Said\r\nTransfer-Encoding: chunked\r\n\r\n" + written + b"0\r\n" + trailer + b"\r\n"


GOOD: Final = Turn((says(),))


class Peer:
    """The server. Every attribute but the first is written by its connections."""

    def __init__(self) -> None:
        self.port = 0
        """Written once, when it listens."""
        self.turns: list[Turn] = []
        """What is still to be played; a good answer afterwards. Written by the test too."""
        self.connections = 0
        self.requests = 0
        self.asked = asyncio.Event()
        """Set by each request."""
        self.sent = 0
        """Bytes that the socket took."""
        self._writers: list[asyncio.StreamWriter] = []

    async def hang_up(self) -> None:
        """Close every connection, and wait until that was said."""
        for writer in self._writers:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def say(self, data: bytes) -> None:
        """Write on every connection, unasked."""
        for writer in self._writers:
            writer.write(data)
            await writer.drain()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        self.connections += 1
        self._writers.append(writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self._request(reader):
                turn = self.turns.pop(0) if self.turns else GOOD
                if not await self._played(turn, reader, writer):
                    break
        writer.close()

    async def _request(self, reader: asyncio.StreamReader) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        assert length is not None
        await reader.readexactly(int(length[1]))
        self.requests += 1
        self.asked.set()
        return True

    async def _played(self, turn: Turn, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        for piece in turn.pieces:
            writer.write(piece)
            await writer.drain()
            self.sent += len(piece)
            await asyncio.sleep(0)
        if turn.then == "hold":
            await reader.read()  # until the client gives up
        if turn.then == "reset":
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()
        return turn.then == "next"


@asynccontextmanager
async def listening(tls: ssl.SSLContext | None = None) -> AsyncIterator[Peer]:
    """A peer that runs."""
    peer = Peer()
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0, ssl=tls)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        server.close()
        await peer.hang_up()
        await server.wait_closed()
