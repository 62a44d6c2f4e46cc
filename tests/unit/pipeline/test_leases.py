"""Leases: kept alive while somebody works, given up when nobody may, never undone by a renewal."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.model.simloop import simulated
from tests.unit.pipeline.bench import Bench
from worker import facts
from worker.loopback.faults import FaultRule
from worker.message import State
from worker.outcome import Rejected, Retried
from worker.sqs.queue import EntryFailed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Sequence

    from worker.loopback.in_memory import MemoryQueue
    from worker.message import Delivery, Message
    from worker.pipeline.ledger import Ledger
    from worker.pipeline.renew import Renewer
    from worker.sqs.queue import EntryResult

    ChangeVisibility = Callable[[Sequence[Delivery], Sequence[int]], Coroutine[Any, Any, list[EntryResult]]]


@simulated
async def test_a_write_of_ten_minutes_keeps_its_leases() -> None:
    """Twenty leases long, nobody else gets the messages, and their one write counts."""
    bench = Bench()
    bench.sink.seconds = 600
    await bench.send(range(20))
    async with bench.running():
        await asyncio.sleep(620)
    assert len(bench.sink.ids()) == len(set(bench.sink.ids())) == 20
    assert {row.receive_count for row in bench.sink.rows} == {1}


@simulated
async def test_renewals_that_fail_now_and_then_lose_no_lease() -> None:
    """Every fifth renewal fails as a whole, some in part; there are several tries before a lease ends."""
    bench = Bench()
    bench.set_faults(
        FaultRule("error", operation="ChangeMessageVisibilityBatch", probability=0.2),
        FaultRule("partial", operation="ChangeMessageVisibilityBatch", probability=0.2, share=0.3),
    )
    bench.sink.seconds = 300
    await bench.send(range(20))
    async with bench.running():
        await asyncio.sleep(320)
    assert {row.receive_count for row in bench.sink.rows} == {1}
    assert not bench.told(facts.LeasesLost)


@simulated
async def test_a_lease_that_sqs_calls_void_is_given_up_and_the_message_is_not_lost() -> None:
    """The handle is forgotten, what was written is remembered, and the redelivery leaves one row."""
    bench = Bench()
    bench.set_faults(
        FaultRule(
            "partial",
            operation="ChangeMessageVisibilityBatch",
            count=1,
            code="ReceiptHandleIsInvalid",
            sender_fault=True,
        )
    )
    bench.sink.seconds = 40
    await bench.send([1])
    await bench.drain()
    assert bench.sink.ids() == [1]
    assert len(bench.told(facts.LeasesLost)) == 1
    assert await bench.counts() == (0, 0, 0)


@simulated
async def test_a_renewal_under_way_does_not_undo_the_pause_of_a_retry() -> None:
    """The renewal takes two seconds to be answered; the retry asked for meanwhile has the last word."""
    bench = Bench()
    bench.set_faults(FaultRule("latency", operation="ChangeMessageVisibilityBatch", seconds=2, count=1))
    bench.sink.seconds = 16
    seen: list[float] = []

    def answer(records: Sequence[Message]) -> list[Retried | None]:
        seen.append(asyncio.get_running_loop().time())
        return [Retried("later", after=100) if record.receive_count == 1 else None for record in records]

    bench.sink.answer = answer
    await bench.send([1])
    async with bench.running():
        await asyncio.sleep(200)
    assert len(seen) == 2
    assert 100 <= seen[1] - seen[0] - 16 < 110


@simulated
async def test_past_its_time_limit_a_stuck_handler_loses_the_message() -> None:
    """A lease is renewed only inside the time limit, so that a hanging handler cannot keep a message for ever."""
    bench = Bench(write_limit_seconds=60.0)
    bench.sink.seconds = 1_000_000
    await bench.send([1])
    async with bench.running(drain_seconds=1):
        await asyncio.sleep(60 + 30 + 5)
        renewed = len(bench.told(facts.LeasesRenewed))
        assert len(bench.told(facts.DuplicatesReceived)) == 1
        await asyncio.sleep(200)
        assert len(bench.told(facts.LeasesRenewed)) == renewed
        assert len(bench.told(facts.DuplicatesReceived)) >= 5


@simulated
async def test_what_waited_too_long_for_a_handler_is_not_begun() -> None:
    """A delivery whose lease is over before its turn is let go, not handled on a void handle."""
    bench = Bench(writers=1)
    bench.set_faults(
        FaultRule("error", operation="ChangeMessageVisibilityBatch", until_seconds=45),
        FaultRule("error", operation="ReceiveMessage", after_seconds=5, until_seconds=45),
    )
    bench.sink.seconds = 50
    await bench.send(range(30))
    async with bench.running():
        await asyncio.sleep(400)
    assert len(set(bench.sink.ids())) == 30
    assert any(getattr(fact, "code", "") == "LeaseOver" for fact in bench.told(facts.LeasesLost))


@simulated
async def test_a_second_attempt_has_the_whole_of_its_time_limit() -> None:
    """What was held back behind a rejected message is renewed for as long as its own attempt may last."""
    bench = Bench(fifo=True, write_limit_seconds=60.0).with_dead_letters()
    bench.sink.seconds = 55

    def answer(records: Sequence[Message]) -> list[Rejected | Retried | None]:
        return [None] if len(records) == 1 else [Rejected("bad"), Retried("later")]

    bench.sink.answer = answer
    await bench.send([1, 2])
    async with bench.running():
        await asyncio.sleep(200)
    assert bench.sink.writes == [2, 1]
    assert [row.receive_count for row in bench.sink.rows] == [1]
    assert not bench.told(facts.LeasesLost)


@simulated
async def test_the_answer_to_a_renewal_by_an_old_handle_says_nothing_of_the_newer_lease() -> None:
    """The message came again while its renewal was under way: the old handle is void, and the new one is good."""
    bench = Bench()
    bench.sink.seconds = 60
    await bench.send([1])
    pipeline = bench.pipeline()
    [first] = await bench.queue.receive(10, 0)
    pipeline.ledger.enter([first])
    handle = first.receipt_handle

    async def void(deliveries: Sequence[Delivery], seconds: Sequence[int]) -> list[EntryResult]:
        del deliveries, seconds
        pipeline.ledger.enter([replace(first, receipt_handle="newer", leased_at=16.0, state=State.RECEIVED)])
        return [EntryFailed("ReceiptHandleIsInvalid", retry=False)]

    bench.queue.change_visibility = void  # type: ignore[method-assign] # an answer that comes late
    await asyncio.sleep(16)
    await pipeline.renewer._renew_alone([first])
    assert (first.receipt_handle, first.lost, handle == "newer") == ("newer", False, False)


@simulated
async def test_eighty_entries_that_always_fail_do_not_keep_those_behind_them_from_being_renewed() -> None:
    """The front of the ledger fills every call there is, lease after lease; the younger ones lose nothing by it."""
    bench = Bench(max_messages=200)
    bench.sink.seconds = 100
    bench.queue.change_visibility = first_eighty_fail(bench.queue)  # type: ignore[method-assign, assignment] # a queue in trouble
    pipeline = bench.pipeline()
    async with running_renewer(pipeline.renewer):
        await bench.send(range(80))
        stuck = await receive_all(bench, pipeline.ledger)
        await asyncio.sleep(1)
        await bench.send(range(80, 160))
        well = await receive_all(bench, pipeline.ledger)
        await asyncio.sleep(25)
        now = asyncio.get_running_loop().time()
        assert len(stuck) == len(well) == 80
        assert all(delivery.deadline > now + 15 for delivery in well)
        assert {delivery.deadline for delivery in stuck} == {30.0}


@simulated
async def test_a_call_that_hangs_holds_up_no_other_renewal() -> None:
    """One call of eight is not answered for a minute; all others are renewed at half of their leases all the same."""
    bench = Bench(max_messages=200)
    bench.set_faults(FaultRule("latency", operation="ChangeMessageVisibilityBatch", seconds=60, count=1))
    pipeline = bench.pipeline()
    async with running_renewer(pipeline.renewer):
        await bench.send(range(100))
        held = await receive_all(bench, pipeline.ledger)
        await asyncio.sleep(50)
        now = asyncio.get_running_loop().time()
        assert [delivery.deadline > now for delivery in held].count(False) == 10


@simulated
async def test_renewing_looks_at_what_is_in_flight_once_a_tick_and_not_once_a_call() -> None:
    """Ten thousand come due in one moment: the ledger is asked once, and each lease is renewed in one entry."""
    bench = Bench(max_messages=10_000, max_bytes=100_000_000)
    pipeline = bench.pipeline()
    ledger, looks, entries = pipeline.ledger, list[float](), list[int]()
    ask, change = ledger.due, bench.queue.change_visibility

    def counted(now: float) -> list[Delivery]:
        looks.append(now)
        return ask(now)

    async def counting(deliveries: Sequence[Delivery], seconds: Sequence[int]) -> list[EntryResult]:
        entries.append(len(deliveries))
        return await change(deliveries, seconds)

    ledger.due, bench.queue.change_visibility = counted, counting  # type: ignore[method-assign] # counted
    await bench.send(range(10_000))
    await receive_all(bench, ledger)
    async with running_renewer(pipeline.renewer):
        await asyncio.sleep(20.5)
    assert len(looks) == 20
    assert entries == [10] * 1_000


def first_eighty_fail(queue: MemoryQueue) -> ChangeVisibility:
    """Changes nothing for the messages numbered below eighty."""
    change = queue.change_visibility

    async def changed(deliveries: Sequence[Delivery], seconds: Sequence[int]) -> list[EntryResult]:
        answers = await change(deliveries, seconds)
        bad = [json.loads(delivery.body)["n"] < 80 for delivery in deliveries]
        return [
            EntryFailed("InternalError", retry=True) if b else answer for b, answer in zip(bad, answers, strict=True)
        ]

    return changed


async def receive_all(bench: Bench, ledger: Ledger) -> list[Delivery]:
    """Everything visible, entered."""
    held: list[Delivery] = []
    while came := await bench.queue.receive(10, 0):
        held += came
        ledger.enter(came)
    return held


@asynccontextmanager
async def running_renewer(renewer: Renewer) -> AsyncIterator[None]:
    """Alone, without the other stages."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(renewer.run())
        try:
            yield
        finally:
            task.cancel()


@simulated
async def test_what_is_written_is_kept_until_it_is_deleted() -> None:
    """The time limit is that of the write: the lease of what waits for its delete is renewed beyond it."""
    bench = Bench(write_limit_seconds=20.0)
    bench.set_faults(FaultRule("error", operation="DeleteMessageBatch", until_seconds=120))
    bench.sink.seconds = 10
    await bench.send([1])
    async with bench.running():
        await asyncio.sleep(150)
    assert bench.sink.ids() == [1]
    assert bench.told(facts.LeasesLost) == []
    assert bench.told(facts.DuplicatesReceived) == []
    assert len([fact for fact in bench.facts if isinstance(fact, facts.MessagesReceived) and fact.count]) == 1
    assert await bench.counts() == (0, 0, 0)
