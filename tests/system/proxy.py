"""A network that misbehaves on command: a TCP proxy on 127.0.0.1, in a thread with a loop of its own.

Takes the port of any server and gives a port of its own; what happens to the bytes in between is a `Trouble`, which a
test may change at any moment. Ends with the `with` block, which ends the thread and every connection.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Direction = Literal["up", "down"]
"""From the client to the server, and back."""
PIECE_BYTES: Final = 65_536
PATIENCE_SECONDS: Final = 60.0
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Trouble:
    """What the network does from now on, with old connections and new ones. Nothing, if nothing is said."""

    latency_seconds: float = 0.0
    """Before each piece, in both directions."""
    drip_bytes: int = PIECE_BYTES
    """The largest piece: with latency, a server that answers drop by drop."""
    hold: frozenset[Direction] = frozenset()
    """Directions in which nothing arrives until this is over: both are a black hole, one is a one-way cut."""
    cut_on: bytes = b""
    """When this has been said, the connection is reset and nobody hears it."""
    cut_direction: Direction = "down"
    """Who says it: up is the client, whose request is lost; down the server, whose answer is."""
    cut_share: float = 1.0
    """How often `cut_on` happens when it could."""
    cut_every: int = 1
    """Of the times that it could happen only each so-manieth."""
    truncate_at: int | None = None
    """Bytes of the server's answers on one connection, after which it is reset."""
    refuse: bool = False
    """New connections are reset at once."""


@dataclass(slots=True, eq=False)
class _Link:
    """One client's connection and ours to the server."""

    ends: list[asyncio.StreamWriter] = field(default_factory=list)
    """Written by the proxy, as they are opened."""
    silent: bool = False
    """Nothing passes any more, and nobody is told. Written by the proxy."""

    def reset(self) -> None:
        """End both sides without a farewell."""
        for end in self.ends:
            inner = end.transport.get_extra_info("socket")
            with suppress(OSError):
                inner.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            end.transport.abort()


class Proxy:
    """One port in front of another. Its methods are for the test's thread."""

    def __init__(self, target_port: int, *, seed: int = 0) -> None:
        self._target = target_port
        self._random = Random(seed)
        self._links: set[_Link] = set()
        """Written by `_serve`."""
        self._trouble = Trouble()
        """Written by `behave`."""
        self._changed = asyncio.Event()
        """Set, and replaced by another one, when the trouble changes. Written by `_behave`."""
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self.port = 0
        """Where it listens. Written once, by its thread."""
        self.connections = 0
        """Connections that came. Written by `_serve`."""
        self.cuts = 0
        """Times that `cut_on` happened. Written by `_is_cut`."""
        self._chances = 0
        """Times that `cut_on` could have happened. Written by `_is_cut`, begun anew by `_behave`."""

    def start(self) -> None:
        """Listen."""
        self._thread.start()
        assert self._ready.wait(PATIENCE_SECONDS)

    def stop(self) -> None:
        """End every connection, and the thread."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()

    def behave(self, trouble: Trouble) -> None:
        """From now on; held bytes are passed on if *trouble* does not hold them."""
        self._call(lambda: self._behave(trouble))

    def heal(self) -> None:
        """No trouble from now on."""
        self.behave(Trouble())

    def reset(self) -> None:
        """End the connections that there are, without a farewell."""
        self._call(self._reset)

    def silence(self) -> None:
        """Nothing passes any more on the connections that there are, in either direction; new ones are well."""
        self._call(self._silence)

    def _call(self, function: Callable[[], None]) -> None:
        done = threading.Event()

        def perform() -> None:
            function()
            self._loop.call_soon(done.set)  # behind the closing of what was aborted

        self._loop.call_soon_threadsafe(perform)
        assert done.wait(PATIENCE_SECONDS)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._main())

    async def _main(self) -> None:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        self._reset()

    def _behave(self, trouble: Trouble) -> None:
        self._trouble, self._chances = trouble, 0
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _reset(self) -> None:
        for link in list(self._links):
            link.reset()

    def _silence(self) -> None:
        for link in self._links:
            link.silent = True

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        self.connections += 1
        link = _Link([writer])
        self._links.add(link)
        try:
            if not self._trouble.refuse:
                await self._connect(link, reader, writer)
        except* OSError:
            pass  # either side went away, which is what this program is for
        finally:
            link.reset()
            self._links.discard(link)

    async def _connect(self, link: _Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, server = await asyncio.open_connection("127.0.0.1", self._target)
        link.ends.append(server)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._pump(reader, server, "up", link))
            group.create_task(self._pump(answers, writer, "down", link))
        for end in link.ends:  # an end in order: what is on its way arrives
            end.close()
            await end.wait_closed()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction, link: _Link
    ) -> None:
        """One direction, until its sender has no more to say."""
        said, heard = 0, b""
        while data := await reader.read(PIECE_BYTES):
            await self._until_let_through(direction, link)
            if direction == self._trouble.cut_direction:
                heard = heard[max(0, len(heard) + 1 - len(self._trouble.cut_on)) :] + data
                if self._is_cut(heard):
                    link.reset()
                    return
            if direction == "down":
                said += len(data)
                if self._trouble.truncate_at is not None and said >= self._trouble.truncate_at:
                    await self._pass_on(data[: len(data) - (said - self._trouble.truncate_at)], writer)
                    link.reset()
                    return
            await self._pass_on(data, writer)
        await self._until_let_through(direction, link)
        writer.write_eof()

    def _is_cut(self, heard: bytes) -> bool:
        trouble = self._trouble
        if not trouble.cut_on or trouble.cut_on not in heard:
            return False
        self._chances += 1
        cut = self._chances % trouble.cut_every == 0 and self._random.random() < trouble.cut_share
        self.cuts += cut
        return cut

    async def _until_let_through(self, direction: Direction, link: _Link) -> None:
        while link.silent or direction in self._trouble.hold:
            await self._changed.wait()

    async def _pass_on(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        while data:
            trouble = self._trouble
            if trouble.latency_seconds:
                await asyncio.sleep(trouble.latency_seconds)
            writer.write(data[: trouble.drip_bytes])
            data = data[trouble.drip_bytes :]
            await writer.drain()


@contextmanager
def proxy(target_port: int, *, seed: int = 0) -> Iterator[Proxy]:
    """A proxy in front of *target_port* that ends with the block."""
    made = Proxy(target_port, seed=seed)
    made.start()
    try:
        yield made
    finally:
        made.stop()
