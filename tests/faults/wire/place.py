"""A queue behind a bad wire: our loopback, the misbehaving network in front of it, and a way into SQS through that.

The server's clock can be put forward, so that no case waits for a visibility timeout.
"""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final

from tests.faults.wire.ways import LAPSE
from tests.system.proxy import proxy
from worker.loopback.in_memory import MemoryQueue
from worker.loopback.server import LoopbackServer
from worker.loopback.service import LoopbackSqs
from worker.message import Outgoing
from worker.sqs.queue import OK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.faults.wire.ways import Way
    from tests.system.proxy import Proxy
    from worker.facts import Fact
    from worker.sqs.queue import Queue

NAME: Final = "orders"
VISIBILITY_SECONDS: Final = 30
PATIENCE_SECONDS: Final = LAPSE + 15.0
"""Until which a call without a wait must have ended: its own wall clock, and room for a busy machine."""


class Place:
    """One test's queue. Made by `place`."""

    def __init__(self, way: Way) -> None:
        self._ahead = 0.0  # seconds; written by pass_time
        self.sqs = LoopbackSqs(rng=random.Random(0), clock=lambda: time.time() + self._ahead)
        self.sqs.create_queue(NAME, {"VisibilityTimeout": str(VISIBILITY_SECONDS)})
        self.direct = MemoryQueue(self.sqs, NAME)
        """The same queue without a wire: what the server thinks."""
        self.facts: list[Fact] = []
        """What the opened queues reported. Written by them."""
        self.network: Proxy
        """Written once, by `place`."""
        self._way = way
        self._stack = AsyncExitStack()

    async def open(self, *, visibility_timeout: int | None = None) -> Queue:
        """The queue through the network; closed with the place."""
        url = f"http://127.0.0.1:{self.network.port}"
        queue = await self._way(url, NAME, visibility_timeout, self.facts.append)
        self._stack.push_async_callback(queue.close)
        return queue

    async def fill(self, *bodies: str) -> None:
        """Messages in the queue, not by the wire."""
        for body in bodies:
            assert await self.direct.send([Outgoing(body)]) == [OK]

    async def counts(self) -> tuple[int, int]:
        """Visible and in flight, as the server sees it."""
        found = await self.direct.attributes()
        return found.visible, found.not_visible

    def pass_time(self, seconds: float) -> None:
        """Put the server's clock forward."""
        self._ahead += seconds

    async def hang_up(self) -> None:
        """End every connection, and let the client hear of it."""
        self.network.reset()
        await heard()

    async def close(self) -> None:
        """Close what was opened."""
        await self._stack.aclose()


async def until(condition: Callable[[], object]) -> None:
    """Return when *condition* holds: what happens in a server is not ours to have told by an event."""
    while not condition():  # noqa: ASYNC110 - turns of the loop, no time
        await asyncio.sleep(0)


async def heard() -> None:
    """Turns of the loop enough for sockets that were closed on this machine to be found closed."""
    for _ in range(5):
        await asyncio.sleep(0)


@asynccontextmanager
async def placed(way: Way) -> AsyncIterator[Place]:
    """A place whose server and network end with the block."""
    made = Place(way)
    async with LoopbackServer(made.sqs) as server:
        with proxy(int(server.endpoint_url.rpartition(":")[2]), seed=7) as made.network:
            try:
                yield made
            finally:
                await made.close()
