"""Connections that the other side ends while nobody uses them, and servers that go away and come back."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest

from tests.faults.wire.place import PATIENCE_SECONDS, heard, until
from worker.errors import QueueUnavailable
from worker.loopback.server import LoopbackServer
from worker.loopback.service import LoopbackSqs
from worker.message import Outgoing
from worker.sqs.queue import OK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.faults.wire.ways import Way
    from worker.sqs.queue import Queue


@pytest.fixture
def sqs() -> LoopbackSqs:
    made = LoopbackSqs(rng=random.Random(0))
    made.create_queue("orders", {})
    return made


@pytest.fixture
async def server(sqs: LoopbackSqs) -> AsyncIterator[LoopbackServer]:
    """Ended by the tests themselves where that is the point; ending it again does nothing."""
    async with LoopbackServer(sqs) as made:
        yield made


@pytest.fixture
async def queue(server: LoopbackServer, way: Way) -> AsyncIterator[Queue]:
    opened = await way(server.endpoint_url, "orders", None, lambda _: None)
    yield opened
    await opened.close()


async def test_idle_connections_that_the_server_closes_are_no_error(server: LoopbackServer, queue: Queue) -> None:
    """As SQS does after some minutes: both sides' next calls go over new connections, and nobody is told anything."""
    assert await queue.send([Outgoing("one")]) == [OK]
    assert await queue.receive(1, 0)
    for _ in range(3):
        assert server.connections
        for connection in tuple(server.connections):
            connection.close()
        await heard()
        assert await queue.send([Outgoing("more")]) == [OK]
        assert [delivery.body for delivery in await queue.receive(1, 0)] == ["more"]


async def test_a_server_that_restarts_on_the_same_port_is_found_again(
    sqs: LoopbackSqs, server: LoopbackServer, queue: Queue
) -> None:
    """Its end interrupts a long poll at once, calls fail as unavailable meanwhile, and then all is as before."""
    assert await queue.receive(1, 0) == []
    port = int(server.endpoint_url.rpartition(":")[2])
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as tasks:
        polled = tasks.create_task(_failure(queue, wait=20))
        await until(lambda: sqs.queue("orders").polls)  # the server holds the receive
        began = loop.time()
        await server.__aexit__()
    assert polled.result()
    assert loop.time() - began < PATIENCE_SECONDS
    assert await _failure(queue, wait=0)
    async with LoopbackServer(sqs, port=port):
        assert await queue.send([Outgoing("one")]) == [OK]
        assert [delivery.body for delivery in await queue.receive(1, 0)] == ["one"]


async def _failure(queue: Queue, *, wait: float) -> bool:
    """Whether a receive ended as unavailable, with a code."""
    try:
        await queue.receive(1, wait)
    except QueueUnavailable as error:
        return bool(error.code)
    return False
