"""The loopback as a program: queues from words, an address, an end."""

from __future__ import annotations

import asyncio

import pytest

from tests.unit.loopback.world import World
from worker.errors import SettingsError
from worker.loopback.serve import make_queues, serve


async def test_it_serves_on_a_free_port_until_it_is_stopped() -> None:
    """The URL is told once it listens, and nobody answers there afterwards."""
    stop, urls = asyncio.Event(), []

    def started(url: str) -> None:
        urls.append(url)
        stop.set()

    await serve(host="127.0.0.1", port=0, queues=["jobs"], started=started, stop=stop)
    port = int(urls[0].rsplit(":", 1)[1])
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


def test_queues_are_made_from_words() -> None:
    """Plain, FIFO, and with a dead-letter queue that is made on the way, in any order."""
    world = World()
    make_queues(world.sqs, ["jobs:dlq=dead,max=3,visibility=45", "dead:retention=600", "a.fifo:dlq=b.fifo"])
    assert world.sqs.list_queues()[0] == ["a.fifo", "b.fifo", "dead", "jobs"]
    jobs = world.sqs.queue("jobs").settings
    assert jobs.redrive is not None
    assert (jobs.visibility_timeout, jobs.redrive.max_receive_count) == (45, 3)
    assert world.sqs.queue("dead").settings.retention_seconds == 600
    assert world.sqs.queue("a.fifo").settings.content_deduplication


def test_all_wrong_words_are_told_at_once() -> None:
    """Each with the queue that it belongs to."""
    with pytest.raises(SettingsError) as caught:
        make_queues(World().sqs, ["a b", "jobs:dlq", "jobs:colour=red", "jobs:visibility=x", "fine"])
    assert len(caught.value.problems) == 4
