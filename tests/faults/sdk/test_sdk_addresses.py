"""A queue's host with a dead address before the living one: it is opened and used all the same, by both transports."""

from __future__ import annotations

import asyncio
import random
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509

from tests.faults.wire.ways import WAYS
from tests.unit.sqs.native.test_dial import DEAD, GOOD, mute, swallowing
from tests.unit.sqs.native.test_tls import authority, server_side
from worker.loopback.server import LoopbackServer
from worker.loopback.service import LoopbackSqs
from worker.sqs.open import open_native_queue
from worker.sqs.spec import QueueSpec

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.wire.ways import Way
    from worker.facts import Fact


@pytest.fixture(params=sorted(WAYS))
def way(request: pytest.FixtureRequest) -> Way:
    return WAYS[request.param]


async def resolved(_host: str, port: int, **_: object) -> list[tuple[Any, ...]]:
    """A blackhole first, IPv6 without a server, and then the address that answers."""
    six = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0))
    return [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (DEAD, port)),
        six,
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (GOOD, port)),
    ]


async def test_a_dead_address_keeps_no_way_from_the_queue(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    """The start, which the SDK makes, and every call afterwards, over new connections too."""
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolved)
    sqs = LoopbackSqs(rng=random.Random(0), clock=time.time)
    sqs.create_queue("orders", {})
    facts: list[Fact] = []
    async with LoopbackServer(sqs) as server:
        port = int(server.endpoint_url.rpartition(":")[2])
        with swallowing(port):
            queue = await way(f"http://queues:{port}", "orders", None, facts.append)
            await asyncio.gather(*(queue.attributes() for _ in range(8)), queue.receive(10, 0))
            await queue.close()


async def test_an_address_that_begins_no_tls_keeps_nobody_from_the_queue(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It accepts and says nothing: the SDK, which opens the queue, goes on when its time is over."""
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolved)
    ours = authority(tmp_path)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(ours.bundle))
    sqs = LoopbackSqs(rng=random.Random(0), clock=time.time)
    sqs.create_queue("orders", {})
    facts: list[Fact] = []
    tls = server_side(tmp_path, ours, x509.DNSName("queues"))
    async with LoopbackServer(sqs, tls=tls) as server:
        port = int(server.endpoint_url.rpartition(":")[2])
        with mute(port):
            url = f"https://queues:{port}"
            spec = QueueSpec(f"{url}/000000000000/orders", "orders", "us-east-1", url, 2, 8, None)
            queue = await open_native_queue(spec, facts.append, required=True)
            await asyncio.gather(*(queue.attributes() for _ in range(8)), queue.receive(10, 0))
            await queue.close()
