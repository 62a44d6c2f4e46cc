"""The loopback as two places of the contract suite: behind its server, and in memory without a wire."""

from __future__ import annotations

import random
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from worker.loopback.in_memory import MemoryQueue
from worker.loopback.server import LoopbackServer
from worker.loopback.service import LoopbackSqs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from worker.sqs.queue import Queue


class MemoryPlace:
    """The loopback's semantics, called directly."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._sqs = LoopbackSqs(rng=random.Random(0))
        self._stack = stack

    async def create(self, name: str, attributes: Mapping[str, str]) -> None:
        """See `Place`."""
        self._sqs.create_queue(name, attributes)

    async def open(self, name: str) -> Queue:
        """See `Place`."""
        queue = MemoryQueue(self._sqs, name)
        self._stack.push_async_callback(queue.close)
        await queue.attributes()
        return queue

    async def purge(self, name: str) -> None:
        """See `Place`."""
        self._sqs.purge_queue(name)

    async def drop(self, name: str) -> None:
        """See `Place`."""
        self._sqs.delete_queue(name)


@asynccontextmanager
async def memory() -> AsyncIterator[MemoryPlace]:
    """A place of its own for each test."""
    async with AsyncExitStack() as stack:
        yield MemoryPlace(stack)


@asynccontextmanager
async def loopback_url() -> AsyncIterator[str]:
    """A loopback server of its own for each test."""
    async with LoopbackServer(LoopbackSqs(rng=random.Random(0))) as server:
        yield server.endpoint_url
