"""FIFO: groups side by side, strict order inside a group, the rest held back behind a failure."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.model.simloop import simulated
from tests.unit.pipeline.bench import Bench
from worker.errors import SinkRefused
from worker.outcome import Rejected, Retried
from worker.pipeline.lanes import Lanes
from worker.pipeline.sizing import BatchSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.message import Message


def by_group(bench: Bench) -> dict[str | None, list[object]]:
    """What the sink accepted, group by group, in order."""
    groups: dict[str | None, list[object]] = {}
    for row in bench.sink.rows:
        if isinstance(row.value, dict):
            groups.setdefault(row.group_id, []).append(row.value["n"])
    return groups


@simulated
async def test_every_group_arrives_in_the_order_in_which_it_was_sent() -> None:
    """Ten groups of thirty, several handlers: each group is one unbroken sequence."""
    bench = Bench(fifo=True, writers=4)
    for number in range(30):
        for group in range(10):
            await bench.send([number], group=f"g{group}")
    await bench.drain()
    assert by_group(bench) == {f"g{group}": list(range(30)) for group in range(10)}


@simulated
async def test_groups_run_side_by_side_and_a_slow_one_stops_no_other() -> None:
    """While one group waits in a write of a minute, the others are done."""
    bench = Bench(fifo=True, writers=4, batch=BatchSettings(max_rows=1, max_bytes=1_000, max_wait_seconds=0))

    async def write(records: Sequence[Message]) -> list[None]:
        await asyncio.sleep(60 if records[0].group_id == "slow" else 0.01)
        bench.sink.rows += records
        return [None] * len(records)

    bench.sink.write = write  # type: ignore[method-assign] # slow for one group
    await bench.send(range(3), group="slow")
    for group in ("a", "b", "c"):
        await bench.send(range(5), group=group)
    async with bench.running():
        await asyncio.sleep(30)
        assert by_group(bench) == {"a": [0, 1, 2, 3, 4], "b": [0, 1, 2, 3, 4], "c": [0, 1, 2, 3, 4]}
        await asyncio.sleep(200)
    assert by_group(bench)["slow"] == [0, 1, 2]


@simulated
async def test_behind_a_retried_message_nothing_of_its_group_happens_until_it_is_done() -> None:
    """The second of five fails twice; the third is not written before it, and other groups go on."""
    bench = Bench(fifo=True)

    def fail(records: Sequence[Message]) -> list[None]:
        if any('"n":1}' in r.body and r.group_id == "a" and r.receive_count < 3 for r in records):
            raise ZeroDivisionError
        return [None] * len(records)

    bench.sink.answer = fail
    await bench.send(range(5), group="a")
    await bench.send(range(5), group="b")
    await bench.drain()
    assert by_group(bench) == {"a": [0, 1, 2, 3, 4], "b": [0, 1, 2, 3, 4]}


@simulated
async def test_a_refused_record_stops_only_its_own_group_and_the_rest_follows_after_the_dead_letter() -> None:
    """Halving finds the record; what stands behind it in its group is written only when it is dead-lettered."""
    bench = Bench(fifo=True).with_dead_letters()

    def refuse(records: Sequence[Message]) -> list[None]:
        if any('"n":1}' in r.body and r.group_id == "a" for r in records):
            raise SinkRefused("too long")
        return [None] * len(records)

    bench.sink.answer = refuse
    await bench.send(range(5), group="a")
    await bench.send(range(5), group="b")
    await bench.drain()
    assert by_group(bench) == {"a": [0, 2, 3, 4], "b": [0, 1, 2, 3, 4]}
    assert await bench.dead_bodies() == ['{"n":1}']
    assert {row.receive_count for row in bench.sink.rows} == {1}


@simulated
async def test_an_undecodable_message_holds_its_group_until_it_is_in_the_dead_letter_queue() -> None:
    """No receive count of the good ones behind it is burnt."""
    bench = Bench(fifo=True).with_dead_letters()
    await bench.send([0], group="a")
    for body in ("bad 1", "bad 2"):
        await bench.send_body(body, group="a")
    await bench.send([1, 2], group="a")
    await bench.drain()
    assert by_group(bench) == {"a": [0, 1, 2]}
    assert sorted(await bench.dead_bodies()) == ["bad 1", "bad 2"]
    assert {row.receive_count for row in bench.sink.rows} == {1}


@simulated
async def test_without_a_dead_letter_queue_a_bad_message_is_moved_alone() -> None:
    """It alone is given back until SQS has counted often enough; what stands behind it stays in hand and is spared."""
    bench = Bench(fifo=True, max_receives=2)
    await bench.send([0], group="a")
    await bench.send_body("bad", group="a")
    await bench.send([1], group="a")
    await bench.send([7], group="b")
    await bench.drain()
    assert by_group(bench) == {"a": [0, 1], "b": [7]}
    assert await bench.dead_bodies() == ["bad"]
    assert {row.receive_count for row in bench.sink.rows} == {1}


@simulated
async def test_a_sink_that_answers_for_each_record_retries_in_order() -> None:
    """Behind a retried record the other refusals of its group are held back, and come again after it."""
    bench = Bench(fifo=True)

    def answer(records: Sequence[Message]) -> list[Retried | None]:
        failing = [r for r in records if '"n":1}' in r.body and r.receive_count == 1]
        at = records.index(failing[0]) if failing else len(records)
        return [None] * at + [Retried("later", after=5)] * (len(records) - at)

    bench.sink.answer = answer
    await bench.send(range(6), group="a")
    await bench.drain()
    assert by_group(bench) == {"a": list(range(6))}


@simulated
async def test_stopping_gives_a_group_back_so_that_its_earliest_comes_first() -> None:
    """Whoever receives next gets the group from where it was left."""
    bench = Bench(fifo=True, writers=1)
    bench.sink.seconds = 5
    await bench.send(range(60), group="a")
    async with bench.running():
        await asyncio.sleep(1)
    done = by_group(bench)["a"]
    assert done == list(range(len(done)))
    assert await bench.counts() == (60 - len(done), 0, 0)
    bench.sink.seconds = 0
    await bench.drain()
    assert by_group(bench)["a"] == list(range(60))


@simulated
async def test_a_lane_without_messages_is_forgotten() -> None:
    """A thousand groups that are done leave nothing behind."""
    bench = Bench(fifo=True)
    for number in range(200):
        await bench.send([number], group=f"g{number}")
    pipeline = await bench.drain()
    assert isinstance(pipeline.buffer, Lanes)
    assert len(pipeline.buffer._groups) == 0
    assert len(bench.sink.rows) == 200


@simulated
async def test_a_rejection_by_the_sink_in_its_answers_lets_the_group_go_on_after_it() -> None:
    """Rejected records of one group are dead-lettered one by one, the good ones between them written in order."""
    bench = Bench(fifo=True).with_dead_letters()

    def odd(records: Sequence[Message]) -> list[Rejected | None]:
        return [Rejected("odd") if '"n":3' in r.body or '"n":5' in r.body else None for r in records]

    bench.sink.answer = odd
    await bench.send(range(8), group="a")
    await bench.drain()
    assert by_group(bench) == {"a": [0, 1, 2, 4, 6, 7]}
    assert sorted(await bench.dead_bodies()) == ['{"n":3}', '{"n":5}']
