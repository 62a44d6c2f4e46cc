"""How soon the depth is known, which autoscalers go by, and how many requests that costs while nothing happens."""

from __future__ import annotations

import asyncio

import pytest

from tests.model.simloop import simulated
from tests.unit.pipeline.bench import Bench
from worker import facts
from worker.pipeline.sizing import BatchSettings


def looks(bench: Bench) -> int:
    """How often the counts of the queue were read."""
    return len(bench.told(facts.QueueMeasured))


@simulated
@pytest.mark.parametrize("quiet", [3600, 3613, 3626, 3639, 3652])
async def test_a_backlog_after_a_quiet_hour_is_measured_soon(quiet: float) -> None:
    """Within 20 s of its first message, whenever that comes, although an idle queue is looked at once a minute."""
    bench = Bench()
    async with bench.running():
        await asyncio.sleep(quiet)
        idle = looks(bench)
        bench.sink.seconds = 1.0
        for n in range(200):
            await bench.send([n])
        await asyncio.sleep(20)
        assert 45 <= idle <= 75
        assert looks(bench) > idle


@simulated
@pytest.mark.parametrize("fifo", [False, True])
async def test_what_waits_for_its_batch_is_written_when_the_queue_has_nothing_more(*, fifo: bool) -> None:
    """Not after the minute for which a batch may wait to be full; in one write all the same."""
    patient = BatchSettings(max_rows=500, max_bytes=1 << 20, max_wait_seconds=60, keeps_wait=True)
    bench = Bench(batch=patient, fifo=fifo)
    for n in range(7):
        await bench.send([n], group=f"g{n}" if fifo else None)
    pipeline = await bench.drain()
    assert asyncio.get_running_loop().time() < 60  # two long polls of 20 s that bring nothing, and a little
    assert pipeline.ledger.account()["deleted"] == 7
    assert bench.sink.writes == [7]
