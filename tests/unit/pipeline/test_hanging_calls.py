"""Calls of your function that outlive their limit: their messages are kept in hand until they end, and cost nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.model.simloop import simulated
from tests.unit.pipeline.bench import Bench
from worker import facts
from worker.errors import BatchFailed, CallHangs
from worker.pipeline.sizing import BatchSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.message import Message


def number(record: Message) -> int:
    """The n of an order."""
    assert isinstance(record.value, dict)
    return int(record.value["n"])


def hangs(
    bad: Callable[[int], bool], *, until: float, began: set[int] | None = None
) -> Callable[[Sequence[Message]], list[None]]:
    """A first call with a bad number hangs until that loop time, as those that *began*; what comes beside hears it."""
    began = began or set()

    def answer(records: Sequence[Message]) -> list[None]:
        loop, held = asyncio.get_running_loop(), {n for n in map(number, records) if n in began}
        if loop.time() < until and (held or any(bad(number(record)) for record in records)):
            mixed, then = 0 < len(held) < len(records), None if held else BatchFailed("timeout")
            began.update([] if held else map(number, records))
            raise CallHangs("hangs", goes_on=lambda: loop.time() < until, then=then, mixed=mixed)
        return [None] * len(records)

    return answer


@simulated
@pytest.mark.parametrize("rows", [1, 20])
@pytest.mark.parametrize("fifo", [False, True])
async def test_a_message_whose_call_hangs_for_minutes_spends_no_receive(*, fifo: bool, rows: int) -> None:
    """The others are done at once; when it has ended it was a timeout, and the message is tried again."""
    bench = Bench(
        fifo=fifo, max_receives=3, batch=BatchSettings(max_rows=rows, max_bytes=100_000, max_wait_seconds=0.1)
    )
    bench.sink.answer = hangs(lambda n: n < 3, until=1_000.0)
    for n in range(3):
        await bench.send([n], group=f"g{n}")
    async with bench.running():
        await asyncio.sleep(100)
        for n in range(3, 23):
            await bench.send([n], group=f"h{n}")
        await asyncio.sleep(800)
        assert sorted(map(number, bench.sink.rows)) == list(range(3, 23))
        assert not bench.told(facts.MessageRetried)
        assert not bench.told(facts.SinkLost)
        await asyncio.sleep(300)
    assert sorted(map(number, bench.sink.rows)) == list(range(23))
    assert max(row.receive_count for row in bench.sink.rows) <= 2
    assert await bench.dead_bodies() == []


@simulated
async def test_a_stop_does_not_wait_for_a_call_that_hangs() -> None:
    """Its message is given back at once."""
    bench = Bench()
    bench.sink.answer = hangs(lambda n: n == 0, until=1e9)
    await bench.send([0])
    async with bench.running(drain_seconds=600):
        await asyncio.sleep(30)
        told = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - told < 30
    assert bench.outcomes() == {"released": 1}
    assert await bench.counts() == (1, 0, 0)


@simulated
async def test_a_message_that_came_again_beside_its_own_call_is_begun_when_that_has_ended() -> None:
    """In a batch with others, which do not wait: what is told to be mixed is taken apart."""
    bench = Bench()
    bench.sink.answer = hangs(lambda _: False, until=100.0, began={0})
    await bench.send(range(10))
    async with bench.running():
        await asyncio.sleep(60)
        assert sorted(map(number, bench.sink.rows)) == list(range(1, 10))
        await asyncio.sleep(100)
    assert sorted(map(number, bench.sink.rows)) == list(range(10))
    assert not bench.told(facts.MessageRetried)
