"""One connection to the broker, made when it is needed: takes requests, gives answers, one after the other.

Whatever breaks an exchange (an error, a timeout, a cancellation) also ends the connection: the answer that may still
come must not be taken for that of the next request.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from kafka_like.wire import read_frame

if TYPE_CHECKING:
    from collections.abc import Callable


class BrokerAway(Exception):
    """The broker cannot be reached, or does not answer as one."""


class Connection:
    """Ends with `close`; a request after that raises `BrokerAway`."""

    def __init__(self, address: str, *, timeout_seconds: float, greet: Callable[[], bytes]) -> None:
        host, _, port = address.rpartition(":")
        self._place = host, int(port)
        self._address = address
        self._seconds = timeout_seconds
        self._greet = greet
        """The first request of a new connection."""
        self._turn = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        """Written by `ask`."""
        self._closed = False
        self.greeting: dict[str, Any] = {}
        """The broker's answer to the latest greeting. Written by `ask`."""

    def open(self) -> None:
        """Allow requests; nothing is sent yet."""
        self._closed = False

    async def ask(self, request: bytes | None = None) -> dict[str, Any]:
        """The answer to *request*, or to the greeting if that is all.

        Raises:
            BrokerAway: there is none; nobody knows whether the request was heard.
        """
        async with self._turn:
            if self._closed:
                raise BrokerAway("the sink is closed")
            try:
                async with asyncio.timeout(self._seconds):
                    return await self._exchange(request)
            except (OSError, EOFError, ValueError) as error:
                self._drop()
                raise BrokerAway(f"{self._address}: {type(error).__name__}: {error}") from error
            except BaseException:
                self._drop()
                raise

    def close(self) -> None:
        """End the connection, with whatever is under way on it."""
        self._closed = True
        self._drop()

    async def _exchange(self, request: bytes | None) -> dict[str, Any]:
        if self._streams is None or request is None:
            self._drop()
            self._streams = await asyncio.open_connection(*self._place)
            self.greeting = await self._said(self._greet())
            if request is None or "error" in self.greeting:
                return self.greeting
        return await self._said(request)

    async def _said(self, request: bytes) -> dict[str, Any]:
        if self._streams is None:
            raise EOFError("closed meanwhile")
        reader, writer = self._streams
        writer.write(request)
        await writer.drain()
        return await read_frame(reader)

    def _drop(self) -> None:
        streams, self._streams = self._streams, None
        if streams is not None:
            streams[1].transport.abort()
