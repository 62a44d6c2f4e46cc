"""What waits here could be begun by another worker: nothing is received to wait behind long work."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.model.simloop import simulated
from tests.unit.pipeline.bench import Bench
from worker import facts
from worker.pipeline.sizing import BatchSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.message import Message


@simulated
@pytest.mark.parametrize(("rows", "writers"), [(1, 1), (1, 4), (20, 1), (20, 3)])
async def test_nothing_is_received_to_wait_behind_long_work(rows: int, writers: int) -> None:
    """Jobs of twenty seconds: what is in flight has been begun, from the second round on whatever a batch holds."""
    bench = Bench(writers=writers, batch=BatchSettings(max_rows=rows, max_bytes=100_000, max_wait_seconds=0.1))
    bench.sink.seconds = 20.0
    await bench.send(range(195))
    async with bench.running(drain_seconds=5) as pipeline:
        await asyncio.sleep(1.0)
        if rows == 1:
            assert (len(pipeline.buffer), len(pipeline.ledger)) == (0, writers)
        await asyncio.sleep(20.0 if rows == 1 else 40.0)
        for _ in range(3):
            assert len(pipeline.buffer) == 0
            assert len(pipeline.ledger) >= writers
            await asyncio.sleep(7.0)


@simulated
async def test_quick_batches_of_a_slow_trickle_fill_the_window_that_was_set() -> None:
    """A message each 0.2 s and a window of four seconds: twenty rows a batch, not one."""
    bench = Bench(batch=BatchSettings(max_rows=500, max_bytes=100_000, max_wait_seconds=4.0, keeps_wait=True))
    async with bench.running():
        for number in range(100):
            await bench.send([number])
            await asyncio.sleep(0.2)
        await asyncio.sleep(5)
    assert sum(bench.sink.writes) == 100
    assert len(bench.sink.writes) <= 6


@simulated
async def test_what_waits_behind_a_call_that_is_longer_than_all_before_it_goes_back() -> None:
    """Quick calls let some be received ahead; behind the long one they are another worker's after a few seconds."""
    single = BatchSettings(max_rows=1, max_bytes=100_000, max_wait_seconds=0)
    bench = Bench(writers=1, batch=single, own_code=True)

    async def write(records: Sequence[Message]) -> list[None]:
        await asyncio.sleep(60.0 if '"n":20}' in records[0].body else 0.01)
        bench.sink.rows += records
        return [None] * len(records)

    bench.sink.write = write  # type: ignore[method-assign] # a function whose calls differ
    await bench.send(range(40))
    async with bench.running() as pipeline:
        await asyncio.sleep(4)
        assert len(pipeline.buffer) > 0
        await asyncio.sleep(4)
        assert (len(pipeline.buffer), len(pipeline.ledger)) == (0, 1)
        await asyncio.sleep(80)
    assert sorted(bench.sink.ids(), key=str) == sorted(range(40), key=str)
    assert max(row.receive_count for row in bench.sink.rows) == 2
    assert [getattr(fact, "count", 0) for fact in bench.told(facts.WaitingGivenBack)] != []
