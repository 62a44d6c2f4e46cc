"""An answer that finds no room waits for as long as its leases live, and the log says that SQS had answered."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.model.simloop import simulated
from tests.unit.pipeline.bench import SPEC, Bench
from worker import facts
from worker.loopback.in_memory import MemoryQueue
from worker.pipeline.stopping import Stop

if TYPE_CHECKING:
    from worker.message import Delivery
    from worker.sqs.queue import Admission


class Measured(MemoryQueue):
    """Measures its answers before they are taken in: of each it is as many bytes as a test says."""

    size = 0
    silent = False

    @property
    def frame_bytes(self) -> int:  # type: ignore[override] # the queue in memory measures nothing
        """Nothing around a message."""
        return 0

    async def receive(
        self, limit: int, wait: float, *, attempt_id: str | None = None, admission: Admission | None = None
    ) -> list[Delivery]:
        """As the queue in memory, in two steps."""
        if self.silent:
            await asyncio.Event().wait()
        assert admission is not None
        await admission.admit(self.size)
        return await super().receive(limit, wait, attempt_id=attempt_id)


async def failure(*, silent: bool, seconds: float) -> facts.ReceiveFailed:
    """The first failed receive, when what is in hand fills the room."""
    bench = Bench(max_bytes=2_000)
    queue = Measured(bench.sqs, bench.source, visibility_timeout=SPEC.lease_seconds)
    bench.queue, queue.size, queue.silent = queue, 1_500, silent
    pipeline = bench.pipeline()
    pipeline.room.hold(1, 1_000)
    stop = Stop(drain_seconds=5)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(pipeline.run(stop))
        await asyncio.sleep(seconds)
        pipeline.room.leave(1, 1_000)
        stop.request("test")
    [first, *_] = bench.told(facts.ReceiveFailed)
    assert isinstance(first, facts.ReceiveFailed)
    return first


@simulated
async def test_an_answer_without_room_is_given_up_with_its_leases_and_sqs_is_not_blamed() -> None:
    """Thirty seconds are its leases; the line names the setting."""
    told = await failure(silent=False, seconds=SPEC.lease_seconds + 1)
    assert told.detail.startswith("SQS answered, but messages in hand left no room in IN_FLIGHT_MAX_BYTES")


@simulated
async def test_no_answer_at_all_is_said_to_be_none() -> None:
    """Twenty seconds of the long poll and five more."""
    told = await failure(silent=True, seconds=26)
    assert told.detail == "no answer; the connection is given up"
