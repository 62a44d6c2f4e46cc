"""Parts that break their promises, and SQS quicker than its own answers: nothing is lost, stuck or repeated."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.model.simloop import simulated
from tests.unit.pipeline.bench import SPEC, Bench
from worker import facts
from worker.errors import SinkUnavailable
from worker.loopback.faults import FaultRule
from worker.outcome import Retried
from worker.pipeline.sizing import BatchSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.message import Delivery, Message
    from worker.sqs.queue import EntryResult

KIB = 1024


def receipts(bench: Bench) -> list[int]:
    """How often each accepted message had been handed out."""
    return [row.receive_count for row in bench.sink.rows]


def once_more(records: Sequence[Message]) -> list[Retried | None]:
    """Every message is tried again once, at once."""
    return [Retried("once more", 0) if record.receive_count == 1 else None for record in records]


@simulated
async def test_what_sqs_hands_out_again_before_it_answers_the_giving_back_is_handled_anew() -> None:
    """A second goes by between the change and its answer; each message is retried once, none given back twice."""
    bench = Bench()
    bench.set_faults(FaultRule("latency", "ChangeMessageVisibilityBatch", seconds=1.0, performed=True))

    bench.sink.answer = once_more
    await bench.send(range(50))
    pipeline = await bench.drain()
    assert sorted(map(str, bench.sink.ids())) == sorted(map(str, range(50)))
    assert set(receipts(bench)) == {2}
    account = pipeline.ledger.account()
    assert (account["received"], account["deleted"], account["retried"], account["in_flight"]) == (100, 50, 50, 0)
    assert pipeline.room.bytes == pipeline.settler.pending == 0


@simulated
async def test_a_giving_back_whose_answer_is_lost_is_not_repeated_on_a_message_that_is_back() -> None:
    """The old handle would hide or show a message that somebody handles again by now; its next receipt settles it."""
    bench = Bench()
    bench.set_faults(FaultRule("lose_answer", "ChangeMessageVisibilityBatch", until_seconds=60))
    changed: dict[str, float] = {}
    change = bench.queue.change_visibility

    async def watched(deliveries: Sequence[Delivery], seconds: Sequence[int]) -> list[EntryResult]:
        changed.update(dict.fromkeys((d.message_id for d in deliveries), asyncio.get_running_loop().time()))
        return await change(deliveries, seconds)

    bench.queue.change_visibility = watched  # type: ignore[method-assign] # looked at, not changed
    began: dict[str, float] = {}

    def once_more_slowly(records: Sequence[Message]) -> list[Retried | None]:
        began.update({r.id: asyncio.get_running_loop().time() for r in records if r.receive_count > 1})
        return [Retried("once more", 1) if record.receive_count == 1 else None for record in records]

    bench.sink.answer = once_more_slowly
    await bench.send(range(30))
    await bench.drain()
    assert set(receipts(bench)) == {2}
    assert bench.outcomes() == {"expired": 30, "deleted": 30}
    assert all(changed[message] <= began[message] for message in began)


class BrokenCodec:
    """Raises what no codec may, for some bodies; notes how often the loop had turned at each decode."""

    name = "broken"

    def __init__(self) -> None:
        self.turns = 0
        self.seen: list[int] = []

    def decode(self, body: str) -> object:
        """The body, or a bug."""
        self.seen.append(self.turns)
        if '"n":1}' in body:
            raise RecursionError
        return {"n": len(body)}

    async def turn(self) -> None:
        """Count the turns of the loop."""
        while True:
            await asyncio.sleep(0)
            self.turns += 1


@simulated
async def test_a_bug_in_the_codec_is_a_retry_of_the_message_that_shows_it() -> None:
    """Its neighbours are written; the worker lives, and the redrive policy takes the message in the end."""
    bench = Bench(max_receives=3)
    await bench.send(range(5))
    async with bench.running() as pipeline:
        pipeline.handler._decoder._codec = BrokenCodec()
        await asyncio.sleep(300)
    assert len(bench.sink.rows) == 4
    assert await bench.dead_bodies() == ['{"n":1}']
    assert {fact.reason for fact in bench.facts if isinstance(fact, facts.MessageRetried)} == {"RecursionError"}


@simulated
async def test_a_batch_of_large_bodies_is_decoded_in_portions() -> None:
    """The loop turns between them: a batch may hold twenty bodies of the dearest kind."""
    largest = BatchSettings(max_rows=20, max_bytes=4096 * KIB, max_wait_seconds=1.0)
    bench = Bench(batch=largest, largest_message=1024 * KIB, max_bytes=64 * 1024 * KIB, writers=1)
    for _ in range(8):
        await bench.send_body("[" * 200 * KIB)
    pipeline, codec = bench.pipeline(), BrokenCodec()
    pipeline.handler._decoder._codec = codec
    received = await bench.queue.receive(10, 0)
    pipeline.ledger.enter(received)
    async with asyncio.TaskGroup() as tasks:
        turning = tasks.create_task(codec.turn())
        await pipeline.handler._decoder.decode(received, asyncio.get_running_loop().time())
        turning.cancel()
    assert len(codec.seen) == 8
    assert codec.seen[-1] >= 6


@simulated
async def test_a_sink_that_raises_cancelled_error_ends_no_handler() -> None:
    """A library that gives up a call of its own looks like a cancellation; nobody cancelled us, so it is a retry."""
    bench = Bench(writers=1)
    raised = 0

    def give_up(records: Sequence[Message]) -> list[None]:
        nonlocal raised
        if raised < 3:
            raised += 1
            raise asyncio.CancelledError
        return [None] * len(records)

    bench.sink.answer = give_up
    await bench.send(range(10))
    await bench.drain()
    assert sorted(map(str, bench.sink.ids())) == sorted(map(str, range(10)))
    assert raised == 3


@simulated
async def test_a_time_limit_does_not_run_while_the_sink_is_away() -> None:
    """Ten minutes without the sink and a limit of 1 s a write: the leases are kept, no receive count is burnt."""
    bench = Bench(write_limit_seconds=1.0, hold_seconds=3600.0)
    loop = asyncio.get_running_loop()

    def away(records: Sequence[Message]) -> list[None]:
        if loop.time() < 600:
            raise SinkUnavailable("gone")
        return [None] * len(records)

    bench.sink.answer = away
    await bench.send(range(30))
    async with bench.running():
        await asyncio.sleep(640)
    assert len(bench.sink.rows) == 30
    assert set(receipts(bench)) == {1}
    assert bench.outcomes() == {"deleted": 30}  # and none expired because SQS handed it out again


@simulated
async def test_a_long_poll_that_takes_all_its_twenty_seconds_is_answered_while_stopping() -> None:
    """What SQS chooses for it in the last moment is given back and visible, not hidden for a lease."""
    bench = Bench()
    async with asyncio.TaskGroup() as tasks:

        async def late() -> None:
            await asyncio.sleep(19.9)
            await bench.send([1])

        tasks.create_task(late())
        async with bench.running(drain_seconds=25):
            await asyncio.sleep(1)
    assert await bench.counts() == (1, 0, 0)
    assert bench.outcomes() == {"released": 1}


@simulated
async def test_a_pipeline_that_is_not_to_receive_never_does() -> None:
    """Switched off, everything runs but the poller."""
    bench = Bench(receiving=False, poll=replace(SPEC.poll, wait_seconds=1))
    await bench.send(range(3))
    async with bench.running():
        await asyncio.sleep(120)
    assert await bench.counts() == (3, 0, 0)
    assert not bench.told(facts.MessagesReceived)
