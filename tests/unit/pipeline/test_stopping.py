"""Stopping is running dry: nothing begins, nothing is forgotten, and what is left is visible when it ends."""

from __future__ import annotations

import asyncio

import pytest

from tests.model.simloop import simulated
from tests.unit.pipeline.bench import Bench
from worker import facts
from worker.loopback.faults import FaultRule
from worker.pipeline.stopping import Stop


@simulated
async def test_what_nobody_has_begun_is_visible_again_at_once() -> None:
    """Handlers finish what they hold; the buffer is given back, not handled."""
    bench = Bench(writers=1)
    bench.sink.seconds = 3
    await bench.send(range(100))
    async with bench.running():
        await asyncio.sleep(1)
    assert len(bench.sink.ids()) == 20
    assert await bench.counts() == (80, 0, 0)


@simulated
async def test_a_receive_under_way_is_answered_and_what_it_brings_is_given_back() -> None:
    """A message that SQS hands out after the stop is neither handled nor hidden."""
    bench = Bench()
    stop = Stop(drain_seconds=25)
    pipeline = bench.pipeline()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(pipeline.run(stop))
        await asyncio.sleep(5)
        stop.request("test")
        await asyncio.sleep(5)
        await bench.send([1])
    assert bench.sink.ids() == []
    assert await bench.counts() == (1, 0, 0)
    assert pipeline.ledger.account()["released"] == 1


@simulated
async def test_what_comes_while_stopping_spends_one_try_however_many_receives_are_open() -> None:
    """Each open receive would be handed what was just given back, and each receipt counts towards the dead letters."""
    bench = Bench()
    stop = Stop(drain_seconds=25)
    pipeline = bench.pipeline()
    await bench.send(range(100))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(pipeline.run(stop))
        await asyncio.sleep(2)
        open_receives = pipeline.poller.receivers
        stop.request("test")
        await asyncio.sleep(1)
        await bench.send([100])
    assert open_receives > 1
    assert len(bench.sink.ids()) == 100
    assert [one.receive_count for one in await bench.queue.receive(10, 0)] == [2]


@simulated
async def test_what_nobody_has_begun_is_not_given_back_to_a_receive_of_our_own() -> None:
    """It stays with us until the receives under way are answered; its lease is renewed as long."""
    bench = Bench(writers=1)
    stop = Stop(drain_seconds=25)
    pipeline = bench.pipeline()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(pipeline.run(stop))
        await bench.send([1])
        await asyncio.sleep(2)
        bench.sink.seconds = 15
        await bench.send(range(2, 30))
        await asyncio.sleep(2)
        assert pipeline.poller.receivers > 0
        assert len(pipeline.buffer) == 8
        stop.request("test")
    assert len(bench.sink.ids()) == 21
    assert {one.receive_count for one in await bench.queue.receive(10, 0)} == {2}


@simulated
async def test_no_receive_begins_after_the_stop() -> None:
    """The requests of SQS after it are only those that settle."""
    bench = Bench()
    await bench.send(range(50))
    async with bench.running():
        await asyncio.sleep(0.5)
        stopped_at = len(bench.told(facts.MessagesReceived))
    under_way = 4
    assert len(bench.told(facts.MessagesReceived)) <= stopped_at + under_way


@simulated
async def test_a_handler_that_does_not_end_is_cancelled_at_three_quarters_and_its_batch_given_back() -> None:
    """The deadline holds, and nothing stays invisible."""
    bench = Bench()
    bench.sink.seconds = 10_000
    await bench.send(range(30))
    began = asyncio.get_running_loop().time()
    async with bench.running(drain_seconds=20):
        await asyncio.sleep(1)
    assert asyncio.get_running_loop().time() - began <= 1 + 20
    assert await bench.counts() == (30, 0, 0)


@simulated
async def test_a_second_request_gives_back_and_leaves_at_once() -> None:
    """Forced, nobody waits for handlers; what is in hand is visible again."""
    bench = Bench()
    bench.sink.seconds = 10_000
    await bench.send(range(30))
    stop = Stop(drain_seconds=1000)
    pipeline = bench.pipeline()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(pipeline.run(stop))
        await asyncio.sleep(1)
        stop.request("test")
        await asyncio.sleep(1)
        stop.force()
    assert asyncio.get_running_loop().time() < 5
    assert await bench.counts() == (30, 0, 0)


@simulated
async def test_deletes_that_fail_while_stopping_are_still_tried_and_leases_still_kept() -> None:
    """Renewing goes last: a delete that takes longer than the lease still ends well."""
    bench = Bench()
    bench.set_faults(FaultRule("error", operation="DeleteMessageBatch", until_seconds=50))
    await bench.send(range(20))
    async with bench.running(drain_seconds=100):
        await asyncio.sleep(1)
    assert await bench.counts() == (0, 0, 0)
    assert bench.outcomes() == {"deleted": 20}


@simulated
async def test_when_sqs_is_away_the_deadline_still_holds_and_the_account_says_what_is_left() -> None:
    """Nothing can be given back to an SQS that does not answer: it is said, and the leases run out."""
    bench = Bench()
    bench.sink.seconds = 3
    await bench.send(range(20))
    stop = Stop(drain_seconds=10)
    pipeline = bench.pipeline()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(pipeline.run(stop))
        await asyncio.sleep(1)
        bench.set_faults(FaultRule("error"))
        stop.request("test")
    assert asyncio.get_running_loop().time() <= 12
    account = pipeline.ledger.account()
    assert account["in_flight"] == account["received"] == 20


@simulated
async def test_a_stage_that_dies_takes_the_pipeline_down() -> None:
    """A defect is an error with a name, never a worker that runs on without one of its stages."""
    bench = Bench()
    pipeline = bench.pipeline()

    async def die() -> None:
        await asyncio.sleep(3)
        raise ZeroDivisionError

    pipeline.renewer.run = die  # type: ignore[method-assign] # the defect
    with pytest.raises(ExceptionGroup) as died:
        await pipeline.run(Stop(drain_seconds=5))
    assert died.value.subgroup(ZeroDivisionError) is not None


@simulated
async def test_draining_waits_for_retries_and_for_messages_in_other_hands() -> None:
    """The queue is empty only when no message is left in any state."""
    bench = Bench()
    await bench.send([1])
    other = await bench.queue.receive(1, 0)
    await bench.send([2])
    async with asyncio.TaskGroup() as tasks:
        draining = tasks.create_task(bench.drain())
        await asyncio.sleep(20)
        assert not draining.done()
        await bench.queue.delete(other)
    assert bench.sink.ids() == [2]
