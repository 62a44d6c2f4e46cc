"""A world behind a listening address, and a connection to it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tests.unit.loopback.http import Client
from tests.unit.loopback.world import World
from worker.loopback.faults import Faults
from worker.loopback.server import LoopbackServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
def world() -> World:
    """A loopback with one queue, `jobs`."""
    world = World()
    world.queue()
    return world


@pytest.fixture
async def server(world: World) -> AsyncIterator[LoopbackServer]:
    """The world behind an address."""
    faults = Faults(rng=random.Random(3), clock=lambda: world.now)
    async with LoopbackServer(world.sqs, faults=faults) as server:
        yield server


@pytest.fixture
async def client(server: LoopbackServer) -> AsyncIterator[Client]:
    """A connection to it."""
    client = await Client.connect(server)
    yield client
    await client.close()
