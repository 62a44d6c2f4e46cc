"""The loopback over https: answers, refusals and URLs, and nothing for who does not trust it."""

from __future__ import annotations

import random
import ssl
from typing import TYPE_CHECKING

import pytest

from bench.certificate import certificate
from tests.unit.loopback.http import Client
from tests.unit.loopback.world import World
from worker.errors import SettingsError
from worker.loopback.faults import Faults
from worker.loopback.serve import tls_context
from worker.loopback.server import LoopbackServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[LoopbackServer]:
    """A queue behind an address with a certificate of its own."""
    world = World()
    world.queue()
    faults = Faults(rng=random.Random(3), clock=lambda: world.now)
    async with LoopbackServer(world.sqs, faults=faults, tls=tls_context(*certificate(tmp_path))) as server:
        yield server


async def connected(server: LoopbackServer, trusted: Path | None) -> Client:
    """A connection that trusts only that certificate; None: the world's."""
    return await Client.connect(server, tls=ssl.create_default_context(cafile=trusted))


async def test_it_answers_over_tls_with_urls_of_its_own_kind(server: LoopbackServer, tmp_path: Path) -> None:
    """The endpoint and the queue's URL are https."""
    client = await connected(server, tmp_path / "loopback.pem")
    answer = await client.call("GetQueueUrl", {"QueueName": "jobs"})
    assert server.endpoint_url.startswith("https://")
    assert answer.json == {"QueueUrl": f"{server.endpoint_url}/000000000000/jobs"}
    await client.close()


async def test_what_is_not_http_is_refused_and_hung_up(server: LoopbackServer, tmp_path: Path) -> None:
    """TLS cannot be half closed, so the connection is closed after the reason was said."""
    client = await connected(server, tmp_path / "loopback.pem")
    await client.send(b"NONSENSE\r\n\r\n")
    assert (await client.answer()).status == 400
    assert await client.reader.read() == b""
    await client.close()


async def test_who_does_not_trust_the_certificate_is_not_served(server: LoopbackServer) -> None:
    """The handshake fails at the client."""
    with pytest.raises(ssl.SSLCertVerificationError):
        await connected(server, None)


def test_a_certificate_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """A file that is missing is a problem of the settings."""
    with pytest.raises(SettingsError) as caught:
        tls_context(tmp_path / "no.pem", tmp_path / "no.key")
    assert "no.pem" in caught.value.problems[0]
