"""A message of a FIFO group that fails: it is tried again in hand, and nobody behind it pays for that."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.model.simloop import simulated
from tests.unit.pipeline.bench import Bench
from tests.unit.pipeline.test_lanes import by_group
from worker import facts
from worker.loopback.faults import FaultRule
from worker.outcome import Rejected, Retried
from worker.pipeline.sizing import BatchSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.message import Message

    Said = Retried | Rejected | None
    Answer = Callable[[Sequence[Message]], Sequence[Said]]


def in_order(records: Sequence[Message], answer: Callable[[Message], Said]) -> list[Said]:
    """As a sink answers that keeps the order of groups: nothing behind a failure is taken."""
    stopped: set[str | None] = set()
    answers: list[Said] = []
    for record in records:
        said = Retried("behind") if record.group_id in stopped else answer(record)
        if said is not None:
            stopped.add(record.group_id)
        answers.append(said)
    return answers


def failing(number: int, tries: list[int], *, until: int = 1_000, after: float | None = None) -> Answer:
    """Fails at that number, each try of which is written down with its receive count, until the count is *until*."""

    def answer(record: Message) -> Retried | None:
        if f'"n":{number}}}' not in record.body:
            return None
        tries.append(record.receive_count)
        return Retried("ValueError", after) if record.receive_count < until else None

    return lambda records: in_order(records, answer)


@simulated
@pytest.mark.parametrize("own_letters", [True, False])
async def test_one_that_always_fails_dies_alone(own_letters: bool) -> None:  # noqa: FBT001 - a row of the table
    """Six of a group, the first always fails, three receives allowed: it has three tries, five are done in order.

    Without a dead-letter queue of the worker's own, SQS has to count: the first alone is given back for that.
    """
    bench = Bench(fifo=True, max_receives=3)
    if own_letters:
        bench.with_dead_letters()
    tries: list[int] = []
    bench.sink.answer = failing(0, tries)
    await bench.send(range(6), group="a")
    await bench.drain()
    assert by_group(bench) == {"a": [1, 2, 3, 4, 5]}
    assert await bench.dead_bodies() == ['{"n":0}']
    assert tries == [1, 2, 3]
    assert {row.receive_count for row in bench.sink.rows} == {1}


@simulated
async def test_twenty_heads_that_fail_twice_have_their_three_tries() -> None:
    """Three receives allowed: everything is done in order, and nothing was received twice."""
    bench = Bench(fifo=True, max_receives=3, max_messages=500)
    bench.sink.answer = failing(0, [], until=3)
    for group in range(20):
        await bench.send(range(4), group=f"g{group}")
    pipeline = await bench.drain()
    assert by_group(bench) == {f"g{group}": [0, 1, 2, 3] for group in range(20)}
    assert pipeline.ledger.received == 80
    assert await bench.dead_bodies() == []


@simulated
@pytest.mark.parametrize(("fifo", "least", "most"), [(True, 15, 22), (False, 8, 12)])
async def test_a_positive_pause_is_never_none(fifo: bool, least: int, most: int) -> None:  # noqa: FBT001 - a row of the table
    """`Retry(after=0.5)`: about twenty tries in ten seconds in hand, about ten where SQS counts whole seconds."""
    bench = Bench(fifo=fifo)
    tries: list[int] = []
    bench.sink.answer = failing(0, tries, after=0.5)
    await bench.send([0])
    async with bench.running():
        await asyncio.sleep(10)
    assert least <= len(tries) <= most


@simulated
async def test_a_long_pause_holds_its_own_group_alone() -> None:
    """An hour's pause: other groups are done, the group is kept for the whole hour and goes on in order after it."""
    bench = Bench(fifo=True, max_receives=10)
    tries: list[int] = []
    bench.sink.answer = failing(0, tries, until=2, after=3_600)
    await bench.send(range(3), group="a")
    await bench.send(range(5, 8), group="b")
    async with bench.running() as pipeline:
        await asyncio.sleep(60)
        assert by_group(bench) == {"b": [5, 6, 7]}
        assert (len(pipeline.buffer), pipeline.buffer.resting) == (3, 3)  # nobody is late with them
        await asyncio.sleep(3_600)
        assert (len(pipeline.buffer), pipeline.buffer.resting) == (0, 0)
        assert by_group(bench)["a"] == [0, 1, 2]
        assert pipeline.ledger.received == 6


@simulated
async def test_at_a_stop_what_waits_for_its_next_try_is_given_back_at_once() -> None:
    """Nothing of the group is hidden when the worker has gone."""
    bench = Bench(fifo=True)
    bench.sink.answer = failing(0, [], after=3_600)
    await bench.send(range(3), group="a")
    async with bench.running():
        await asyncio.sleep(5)
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < 22
    assert await bench.counts() == (3, 0, 0)


@simulated
async def test_groups_that_wait_leave_half_of_the_room() -> None:
    """Thirty groups with an hour's pause and room for twenty messages: a good group gets through all the same."""
    bench = Bench(fifo=True, max_messages=20, batch=BatchSettings(max_rows=1, max_bytes=1_000, max_wait_seconds=0))

    bench.sink.answer = lambda records: in_order(
        records, lambda r: Retried("away", 3_600) if r.group_id != "good" else None
    )
    for group in range(30):
        await bench.send([group], group=f"g{group}")
    await bench.send(range(100, 130), group="good")
    async with bench.running() as pipeline:
        await asyncio.sleep(60)
        assert by_group(bench) == {"good": list(range(100, 130))}
        assert pipeline.buffer.resting <= 10


@simulated
async def test_a_dead_letter_that_is_refused_for_good_is_left_to_the_redrive_policy() -> None:
    """The worker may not send: SQS moves the failing message after its receives, and the group goes on."""
    bench = Bench(fifo=True, max_receives=2).with_dead_letters()
    bench.set_faults()
    bench.dead._faults = bench.faults
    bench.set_faults(FaultRule("error", operation="SendMessageBatch", probability=1.0, code="AccessDenied", status=403))
    bench.sink.answer = failing(0, [])
    await bench.send(range(4), group="a")
    await bench.drain()
    assert by_group(bench) == {"a": [1, 2, 3]}
    assert {row.receive_count for row in bench.sink.rows} == {1}
    assert bench.told(facts.DeadLetterRefused)
    assert await bench.dead_bodies() == ['{"n":0}']


@simulated
async def test_a_dead_letter_queue_that_is_away_costs_no_receives() -> None:
    """For a minute no dead letter is taken: the group waits in hand, and nothing is received twice."""
    bench = Bench(fifo=True, max_receives=3).with_dead_letters()
    bench.dead._faults = bench.faults
    bench.set_faults(FaultRule("error", operation="SendMessageBatch", probability=1.0, code="ServiceUnavailable"))
    bench.sink.answer = lambda records: in_order(records, lambda r: Rejected("bad") if '"n":0}' in r.body else None)
    await bench.send(range(4), group="a")
    async with bench.running() as pipeline:
        await asyncio.sleep(60)
        assert by_group(bench) == {}
        bench.set_faults()
        await asyncio.sleep(60)
        assert by_group(bench) == {"a": [1, 2, 3]}
        assert pipeline.ledger.received == 4


@simulated
async def test_behind_what_was_written_and_may_be_with_another_worker_nothing_is_begun() -> None:
    """No delete and no renewal gets through: once the lease of the first is over, the later ones are given up."""
    bench = Bench(fifo=True, writers=4, batch=BatchSettings(max_rows=1, max_bytes=1_000, max_wait_seconds=0))
    bench.set_faults(
        FaultRule("error", operation="ChangeMessageVisibilityBatch", probability=1.0),
        FaultRule("error", operation="DeleteMessageBatch", probability=1.0),
    )
    bench.sink.seconds = 12
    begun: list[tuple[float, object]] = []

    def answer(records: Sequence[Message]) -> list[None]:
        begun.extend((asyncio.get_running_loop().time(), record.body) for record in records)
        return [None] * len(records)

    bench.sink.answer = answer
    await bench.send(range(5), group="a")
    async with bench.running():
        await asyncio.sleep(55)
        first = [body for at, body in begun if at < 49]
        assert first == ['{"n":0}', '{"n":1}', '{"n":2}']
        bench.set_faults()
        bench.sink.seconds = 0.1
        await asyncio.sleep(120)
    assert by_group(bench) == {"a": [0, 1, 2, 3, 4]}
