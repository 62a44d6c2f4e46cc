"""A whole pipeline behind a bad wire: nothing is lost, nothing is written twice, and silence is noticed in time."""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pytest

from tests.faults.wire.place import VISIBILITY_SECONDS, Place, until
from tests.system.proxy import Trouble
from worker.codecs.registry import make_codec
from worker.facts import RequestMade
from worker.message import Outgoing
from worker.pipeline.deduplication import make_key
from worker.pipeline.pipeline import Pipeline
from worker.pipeline.poll import PollSettings
from worker.pipeline.settle import SettleSettings
from worker.pipeline.sizing import BatchSettings
from worker.pipeline.spec import Parts, PipelineSpec
from worker.pipeline.stopping import Stop
from worker.sinks.sink import Demand

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from worker.message import Message
    from worker.sqs.queue import Queue

MESSAGES: Final = 200
REPLACED_SECONDS: Final = 20
"""Beyond the wait, on a busy machine: until then a dead long poll has another one in its place."""


@dataclass
class Rows:
    """A sink that keeps what it accepts, so that a row too many is seen."""

    keys: list[str] = field(default_factory=list)
    """Written by write."""
    came: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def demand(self) -> Demand:
        """As the spec says."""
        return Demand()

    async def open(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close."""

    async def write(self, records: Sequence[Message]) -> Sequence[None]:
        """Accept everything."""
        self.keys += [record.body for record in records]
        self.came.set()
        return [None] * len(records)


def spec(lease_seconds: int) -> PipelineSpec:
    """Small, with the poll's wait at the shortest that is still a long poll."""
    return PipelineSpec(
        name="orders",
        lease_seconds=lease_seconds,
        largest_message=1_000,
        poll=PollSettings(limit=10, wait_seconds=1, receivers=2),
        batch=BatchSettings(max_rows=20, max_bytes=100_000, max_wait_seconds=0.01),
        settle=SettleSettings(deletes=2, changes=2, linger_seconds=0.01, retry_base_seconds=1, retry_max_seconds=2),
        writers=2,
        max_messages=100,
        max_bytes=1_000_000,
    )


def pipeline(place: Place, queue: Queue, rows: Rows, *, lease_seconds: int = VISIBILITY_SECONDS) -> Pipeline:
    parts = Parts(
        queue=queue,
        sink=rows,
        codec=make_codec("json"),
        key=make_key(None),
        dead_letters=None,
        random=random.Random(3),
        wall=lambda: 0.0,
        emit=place.facts.append,
    )
    return Pipeline(spec(lease_seconds), parts)


@asynccontextmanager
async def running(pipeline: Pipeline) -> AsyncIterator[None]:
    """As long as the block lasts, and dry at its end."""
    stop = Stop(drain_seconds=30)  # a delete over a silent connection is asked for again after its margin
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(pipeline.run(stop))
        yield
        stop.request("test")


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble(cut_on=b"POST ", cut_direction="up", cut_every=5),
        Trouble(cut_on=b"HTTP/1.1 ", cut_every=5),
    ],
    ids=["request", "answer"],
)
async def test_a_reset_on_every_fifth_request_loses_and_doubles_nothing(place: Place, trouble: Trouble) -> None:
    """Two hundred messages, each written once, whether requests or answers are lost; the queue is empty afterwards."""
    place.sqs.set_queue_attributes("orders", {"VisibilityTimeout": "2"})
    bodies = [f'{{"n":{number}}}' for number in range(MESSAGES)]
    for first in range(0, MESSAGES, 10):
        await place.direct.send([Outgoing(body) for body in bodies[first : first + 10]])
    queue, rows = await place.open(), Rows()
    place.network.behave(trouble)
    await pipeline(place, queue, rows, lease_seconds=2).run(Stop(drain_seconds=5), drain=True)
    assert sorted(rows.keys) == sorted(bodies)
    assert await place.counts() == (0, 0)
    failed = [fact for fact in place.facts if isinstance(fact, RequestMade) and fact.code not in {"ok", "cancelled"}]
    assert len(failed) == place.network.cuts > 5


async def test_a_black_holed_long_poll_is_replaced_and_what_it_swallowed_comes_back(place: Place) -> None:
    """The server hands a message to the dead connection; the poll after the wait and its margin brings it later."""
    queue, rows = await place.open(), Rows()
    loop = asyncio.get_running_loop()
    async with running(pipeline(place, queue, rows)):
        line = place.sqs.queue("orders").polls
        await until(lambda: line)  # the server holds the receive
        place.network.silence()
        began = loop.time()
        await place.fill('{"n":1}')
        assert await place.counts() == (0, 1)  # nobody has it
        asked = place.network.connections
        async with asyncio.timeout(1 + REPLACED_SECONDS):
            await until(lambda: place.network.connections > asked and line)
        assert loop.time() - began < 1 + REPLACED_SECONDS
        place.pass_time(VISIBILITY_SECONDS)
        async with asyncio.timeout(REPLACED_SECONDS):
            await rows.came.wait()
    assert rows.keys == ['{"n":1}']
    assert await place.counts() == (0, 0)
