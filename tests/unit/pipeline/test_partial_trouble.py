"""A sink that is away for some messages and there for others: those that it takes wait for no other."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.model.simloop import simulated
from tests.unit.pipeline.bench import Bench
from worker import facts
from worker.errors import SinkContended, SinkUnavailable
from worker.pipeline.sizing import BatchSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.message import Message

SINGLE = BatchSettings(max_rows=1, max_bytes=100_000, max_wait_seconds=0)


def number(record: Message) -> int:
    """The n of an order."""
    assert isinstance(record.value, dict)
    return int(record.value["n"])


def away_for(bad: Callable[[int], bool], *, until: float = 1e9) -> Callable[[Sequence[Message]], list[None]]:
    """A sink that is away for any batch with a bad number in it, until that loop time."""

    def answer(records: Sequence[Message]) -> list[None]:
        if asyncio.get_running_loop().time() < until and any(bad(number(record)) for record in records):
            raise SinkUnavailable("one tenant's server is down")
        return [None] * len(records)

    return answer


@simulated
@pytest.mark.parametrize("writers", [1, 4])
async def test_one_message_whose_server_is_down_holds_up_nobody(writers: int) -> None:
    """A function of one message: the twenty behind it are done within seconds, each at its first receipt."""
    bench = Bench(batch=SINGLE, writers=writers)
    bench.sink.answer = away_for(lambda n: n == 0)
    await bench.send(range(21))
    async with bench.running(drain_seconds=4):
        await asyncio.sleep(20)
        assert sorted(map(number, bench.sink.rows)) == list(range(1, 21))
    assert {row.receive_count for row in bench.sink.rows} == {1}


@simulated
async def test_twenty_messages_whose_server_is_down_let_those_behind_them_pass() -> None:
    """Also with one handler, which had all of them in its hands first."""
    bench = Bench(batch=SINGLE, writers=1)
    bench.sink.answer = away_for(lambda n: n < 20)
    await bench.send(range(40))
    async with bench.running(drain_seconds=4):
        await asyncio.sleep(120)
        assert sorted(map(number, bench.sink.rows)) == list(range(20, 40))
    assert {row.receive_count for row in bench.sink.rows} == {1}


@simulated
@pytest.mark.parametrize("rows", [1, 20])
async def test_one_of_two_shards_is_away_and_the_other_has_its_messages(rows: int) -> None:
    """When the shard is back its own follow, all at their first receipt: nobody's receive counts are burnt."""
    bench = Bench(batch=BatchSettings(max_rows=rows, max_bytes=100_000, max_wait_seconds=0.1))
    bench.sink.answer = away_for(lambda n: n % 2 == 1, until=120.0)
    await bench.send(range(60))
    async with bench.running():
        await asyncio.sleep(60)
        assert sorted(map(number, bench.sink.rows)) == list(range(0, 60, 2))
        await asyncio.sleep(60 + 61)
        assert len(bench.sink.rows) == 60
    assert {row.receive_count for row in bench.sink.rows} == {1}
    assert bench.told(facts.BatchHeld)


@simulated
async def test_a_record_that_is_blamed_goes_back_when_its_time_is_over() -> None:
    """It is tried later, which costs a receive count of its own, and the redrive policy may end it."""
    bench = Bench(hold_seconds=30.0, max_receives=2)
    bench.sink.answer = away_for(lambda n: n == 3)
    await bench.send(range(10))
    async with bench.running():
        for later in range(10, 40):
            await asyncio.sleep(10)
            await bench.send([later])
        await asyncio.sleep(5)
    assert sorted(map(number, bench.sink.rows)) == [0, 1, 2, *range(4, 40)]
    assert {row.receive_count for row in bench.sink.rows} == {1}
    assert await bench.dead_bodies() == ['{"n":3}']


@simulated
async def test_one_locked_record_of_fifty_is_alone_after_a_few_tries_and_the_others_are_written() -> None:
    """Each try with it in the batch takes as long as the lock timeout; the sink is never called away for it."""
    bench = Bench(batch=BatchSettings(max_rows=50, max_bytes=100_000, max_wait_seconds=1.0))
    unlocked_at = 90.0

    async def write(records: Sequence[Message]) -> list[None]:
        if asyncio.get_running_loop().time() < unlocked_at and any(number(record) == 17 for record in records):
            await asyncio.sleep(2.0)
            raise SinkContended("lock timeout")
        bench.sink.rows += records
        return [None] * len(records)

    bench.sink.write = write  # type: ignore[method-assign] # one that locks
    await bench.send(range(51))
    async with bench.running():
        await asyncio.sleep(30)
        assert sorted(map(number, bench.sink.rows)) == [n for n in range(51) if n != 17]
        await asyncio.sleep(unlocked_at)
        assert len(bench.sink.rows) == 51
    assert not bench.told(facts.SinkLost)
    assert {row.receive_count for row in bench.sink.rows} == {1}


@simulated
async def test_a_group_whose_head_is_held_waits_in_order_and_the_other_groups_go_on() -> None:
    """FIFO: what is behind the head is not tried before it, whether it was in the same batch or not."""
    bench = Bench(fifo=True)
    bench.sink.answer = away_for(lambda n: n == 10, until=60.0)
    for group in range(3):
        await bench.send(range(10 * group, 10 * group + 6), group=f"g{group}")
    async with bench.running():
        await asyncio.sleep(40)
        assert sorted(map(number, bench.sink.rows)) == [*range(6), *range(20, 26)]
        await asyncio.sleep(90)
    assert [n for n in map(number, bench.sink.rows) if 10 <= n < 20] == list(range(10, 16))
    assert {row.receive_count for row in bench.sink.rows} == {1}


@simulated
async def test_a_stop_gives_back_what_is_held() -> None:
    """Another worker may have it at once."""
    bench = Bench()
    bench.sink.answer = away_for(lambda n: n < 5)
    await bench.send(range(20))
    async with bench.running(drain_seconds=8):
        await asyncio.sleep(20)
    assert len(bench.sink.rows) == 15
    assert await bench.counts() == (5, 0, 0)
