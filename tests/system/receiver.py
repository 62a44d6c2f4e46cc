"""A service that takes POSTs, and misbehaves on command: a server on 127.0.0.1, in a thread with a loop of its own.

Takes requests of HTTP/1.1, keeps what it accepted, and answers as its `answer` says, which a test may change at any
moment. It reads requests byte by byte itself, so that it can answer in halves or not at all. Ends with the `with`
block, which ends the thread and every connection.
"""

from __future__ import annotations

import asyncio
import gzip
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import orjson
import zstandard

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Mapping

PATIENCE_SECONDS: Final = 60.0
LARGEST_BYTES: Final = 3_000_000
"""Of a body that is taken."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request."""

    method: str
    path: str
    headers: Mapping[str, str]
    """By their names in small letters."""
    body: bytes
    """As it was sent."""
    connection: int
    """The number of its connection, from 0."""

    @property
    def content(self) -> bytes:
        """The body as it was before it was compressed."""
        match self.headers.get("content-encoding"):
            case "gzip":
                return gzip.decompress(self.body)
            case "zstd":
                return zstandard.ZstdDecompressor().decompress(self.body)
            case _:
                return self.body

    @property
    def keys(self) -> list[str]:
        """Of the messages in it."""
        if self.headers.get("content-type") == "application/x-ndjson":
            return [orjson.loads(line)["message_id"] for line in self.content.splitlines()]
        said = orjson.loads(self.content)
        return [one["message_id"] for one in (said if isinstance(said, list) else [said])]


@dataclass(frozen=True, slots=True)
class Told:
    """One answer."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    after_seconds: float = 0.0
    raw: bytes | None = None
    """Sent instead of all that, as it is; then the connection is closed."""
    before: bytes = b""
    """Sent in front of it, as it is."""


class Receiver:
    """One service. Its attributes are for the test's thread, `answer` is called in its own."""

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        self._tls = tls
        self.answer: Callable[[Asked], Told] = self.take
        """Written by tests."""
        self.asked: list[Asked] = []
        """Every request that came whole. Written by `_serve`."""
        self.keys: list[str] = []
        """Of all messages that were accepted, in order. Written by `take`."""
        self.locked: set[str] = set()
        """Keys that somebody else holds. Written by tests."""
        self.longest_bytes: int | None = None
        """A body that is longer is answered 413 before it is read. Written by tests."""
        self.connections = 0
        """So far. Written by `_serve`."""
        self.port = 0
        """Written once, by its thread."""
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="receiver", daemon=True)

    @property
    def url(self) -> str:
        """Where it takes POSTs."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}/orders"

    def take(self, asked: Asked) -> Told:
        """Accept all, as a service without faults does; it refuses what is too large or locked."""
        if asked.method != "POST":
            return Told(403 if asked.path == "/forbidden" else 204)
        if len(asked.body) > LARGEST_BYTES:
            return Told(413)
        if self.locked.intersection(asked.keys):
            return Told(423)
        self.keys += asked.keys
        return Told()

    def start(self) -> None:
        """Listen."""
        self._thread.start()
        assert self._ready.wait(PATIENCE_SECONDS)

    def stop(self) -> None:
        """End every connection, and the thread."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()

    def hang_up(self) -> None:
        """Close the connections that there are."""
        done = threading.Event()

        def close() -> None:
            for writer in self._writers:
                writer.close()
            self._loop.call_soon(done.set)

        self._loop.call_soon_threadsafe(close)
        assert done.wait(PATIENCE_SECONDS)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._main())

    async def _main(self) -> None:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls, limit=2**20)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        number, self.connections = self.connections, self.connections + 1
        self._writers.add(writer)
        with suppress(OSError, asyncio.IncompleteReadError):
            while (asked := await self._read(reader, writer, number)) and await self._answered(asked, writer):
                pass
        writer.transport.abort() if writer.is_closing() else writer.close()
        self._writers.discard(writer)

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> Asked | None:
        """The next request; None: it was answered already, and its client has gone."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ")
        lines = (line.partition(":") for line in head[1:] if line)
        headers = {name.lower(): value.strip() for name, _, value in lines}
        length = int(headers.get("content-length", "0"))
        if self.longest_bytes is not None and length > self.longest_bytes:
            writer.write(_written(Told(413, headers={"Connection": "close"})))
            while await reader.read(LARGEST_BYTES):
                pass
            return None
        return Asked(method, path, headers, await reader.readexactly(length), number)

    async def _answered(self, asked: Asked, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection is kept."""
        self.asked.append(asked)
        told = self.answer(asked)
        await asyncio.sleep(told.after_seconds)
        writer.write(told.before + (_written(told) if told.raw is None else told.raw))
        await writer.drain()
        return told.raw is None


def _written(told: Told) -> bytes:
    head = [f"HTTP/1.1 {told.status} Said", f"Content-Length: {len(told.body)}"]
    if told.status == 204:
        head.pop()
    head += [f"{name}: {value}" for name, value in told.headers.items()]
    return "\r\n".join([*head, "", ""]).encode() + told.body


@contextmanager
def receiver(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A service that ends with the block."""
    made = Receiver(tls)
    made.start()
    try:
        yield made
    finally:
        made.stop()
