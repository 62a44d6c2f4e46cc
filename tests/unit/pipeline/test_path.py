"""The path as a whole: what is sent arrives once, and the queue is empty afterwards."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.model.simloop import simulated
from tests.unit.pipeline.bench import SPEC, Bench
from worker import facts
from worker.loopback.faults import FaultRule
from worker.outcome import Rejected, Retried

if TYPE_CHECKING:
    from worker.message import Message


@simulated
async def test_every_message_becomes_one_row_and_leaves_the_queue() -> None:
    """The plain case: received = deleted = rows, and the account adds up."""
    bench = Bench()
    await bench.send(range(95))
    pipeline = await bench.drain()
    assert sorted(map(str, bench.sink.ids())) == sorted(map(str, range(95)))
    assert await bench.counts() == (0, 0, 0)
    assert pipeline.ledger.account()["received"] == pipeline.ledger.account()["deleted"] == 95


@simulated
async def test_deletes_are_gathered_in_tens_over_all_handlers() -> None:
    """A hundred messages cost about ten receives and ten deletes, not a hundred."""
    bench = Bench()
    await bench.send(range(100))
    async with bench.running():
        await asyncio.sleep(5)
    settled = [fact.count for fact in bench.told(facts.DeliveriesSettled) if isinstance(fact, facts.DeliveriesSettled)]
    assert sum(settled) == 100
    assert len(settled) <= 12


@simulated
async def test_a_retried_message_comes_back_after_its_pause_and_is_then_done() -> None:
    """`Retry(after=7)` hides the message for seven seconds, then it is handled again with a higher count."""
    bench = Bench()
    seen: list[tuple[float, int]] = []

    def answer(records: list[Message]) -> list[Retried | None]:
        seen.extend((asyncio.get_running_loop().time(), record.receive_count) for record in records)
        return [Retried("later", after=7) if record.receive_count == 1 else None for record in records]

    bench.sink.answer = answer  # type: ignore[assignment] # narrower than Sequence
    await bench.send([1])
    await bench.drain()
    assert [count for _, count in seen] == [1, 2]
    assert 7 <= seen[1][0] - seen[0][0] < 9
    assert bench.outcomes() == {"retried": 1, "deleted": 1}


@simulated
async def test_a_rejected_message_is_in_the_dead_letter_queue_before_it_leaves_the_source() -> None:
    """With a dead-letter queue named, a record that the sink rejects goes there with its reason, exactly once."""
    bench = Bench().with_dead_letters()
    bench.sink.answer = lambda records: [Rejected("bad", "too old") if '"n":3' in r.body else None for r in records]
    await bench.send(range(6))
    await bench.drain()
    assert bench.sink.ids() == [0, 1, 2, 4, 5]
    assert await bench.dead_bodies() == ['{"n":3}']
    assert bench.outcomes() == {"deleted": 5, "rejected": 1}


@simulated
async def test_a_dead_letter_queue_that_refuses_keeps_the_message_in_the_source() -> None:
    """Nothing is deleted that nobody else holds; once the dead-letter queue is well the message goes there."""
    bench = Bench().with_dead_letters()
    assert bench.dead_letters is not None
    bench.dead_letters._queue = _Refusing(bench)  # type: ignore[assignment] # the dead-letter queue alone is ill
    await bench.send_body("not json")
    async with bench.running():
        await asyncio.sleep(1)
        assert bench.outcomes() == {"retried": 1}
        bench.dead_letters._queue = bench.dead
        await asyncio.sleep(120)
    assert await bench.dead_bodies() == ["not json"]
    assert await bench.counts() == (0, 0, 0)


class _Refusing:
    """A queue that accepts nothing."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    async def send(self, messages: list[object]) -> list[object]:
        bench = self._bench
        bench.set_faults(FaultRule("error", operation="SendMessageBatch"))
        answers = await bench.queue.send(messages)  # type: ignore[arg-type] # passed through
        bench.set_faults()
        return list(answers)


@simulated
async def test_without_a_dead_letter_queue_a_bad_message_is_left_to_the_redrive_policy() -> None:
    """It is counted as rejected each time, and SQS moves it after its receives are used up."""
    bench = Bench(max_receives=3)
    await bench.send_body("not json")
    await bench.send([1])
    await bench.drain()
    assert bench.sink.ids() == [1]
    assert await bench.dead_bodies() == ["not json"]
    assert bench.outcomes() == {"deleted": 1, "rejected": 3}


@simulated
async def test_the_same_message_twice_in_one_receive_is_written_once() -> None:
    """Both receipts are accounted for: one is handled, the older handle is void."""
    bench = Bench()
    bench.set_faults(FaultRule("duplicate", operation="ReceiveMessage", count=1))
    await bench.send(range(5))
    pipeline = await bench.drain()
    assert sorted(map(str, bench.sink.ids())) == ["0", "1", "2", "3", "4"]
    account = pipeline.ledger.account()
    assert account["received"] == account["deleted"] + account["expired"]


@simulated
async def test_a_message_whose_delete_failed_for_good_is_deleted_at_its_redelivery_and_not_written_again() -> None:
    """What the sink holds already is recognised by its id when SQS hands it out again."""
    bench = Bench()
    bench.set_faults(
        FaultRule("partial", operation="DeleteMessageBatch", count=1, code="ReceiptHandleIsInvalid", sender_fault=True)
    )
    await bench.send([1])
    await bench.drain()
    assert bench.sink.ids() == [1]
    assert len(bench.told(facts.RedeliveriesRecognised)) == 1
    assert bench.outcomes() == {"expired": 1, "deleted": 1}


@simulated
async def test_half_failed_and_unanswered_deletes_are_asked_again_and_nothing_is_written_twice() -> None:
    """Failed and missing entries, lost answers, whole failures: all are tried again while the lease lives."""
    bench = Bench()
    bench.set_faults(
        FaultRule("partial", operation="DeleteMessageBatch", count=3, share=0.5),
        FaultRule("omit", operation="DeleteMessageBatch", count=3, share=0.5),
        FaultRule("lose_answer", operation="DeleteMessageBatch", count=3),
        FaultRule("error", operation="DeleteMessageBatch", count=3, code="RequestThrottled"),
    )
    await bench.send(range(60))
    await bench.drain()
    assert len(bench.sink.ids()) == len(set(bench.sink.ids())) == 60
    assert await bench.counts() == (0, 0, 0)
    assert all(fired == 3 for fired in bench.faults.fired)


@simulated
async def test_receives_that_fail_are_repeated_with_growing_pauses_and_recovery_is_told() -> None:
    """An outage of SQS is waited out: no hot loop, one fact at the end that says how long it was."""
    bench = Bench()
    bench.set_faults(FaultRule("error", operation="ReceiveMessage", until_seconds=60))
    await bench.send(range(10))
    async with bench.running():
        await asyncio.sleep(120)
    failed = bench.told(facts.ReceiveFailed)
    assert 4 <= len(failed) <= 40
    assert len(bench.told(facts.ReceiveRecovered)) == 1
    assert len(bench.sink.ids()) == 10


@simulated
async def test_a_moment_in_which_all_receivers_fail_costs_a_moment() -> None:
    """Sixteen that fail side by side have failed once, and the one that stays is not the one with the longest pause."""
    bench = Bench(poll=replace(SPEC.poll, receivers=16), max_messages=1000)
    bench.set_faults(
        FaultRule("latency", operation="ReceiveMessage", seconds=1, until_seconds=60),
        FaultRule("error", operation="ReceiveMessage", after_seconds=15, until_seconds=16.5),
    )
    await bench.send(range(3000))
    async with bench.running():
        await asyncio.sleep(16.5)
        written = len(bench.sink.rows)
        await asyncio.sleep(5)
        assert len(bench.sink.rows) > written + 100
    assert len(bench.told(facts.ReceiveFailed)) >= 8


@simulated
async def test_a_receive_that_never_answers_is_given_up_and_replaced() -> None:
    """A dead long poll costs the wait and a margin, not minutes."""
    bench = Bench()
    bench.set_faults(FaultRule("silence", operation="ReceiveMessage", count=1))
    await bench.send([1])
    async with bench.running():
        await asyncio.sleep(20 + 10)
        assert bench.sink.ids() == [1]
    assert [getattr(fact, "code", "") for fact in bench.told(facts.ReceiveFailed)] == ["Timeout"]


@simulated
async def test_a_permanent_error_is_tried_rarely() -> None:
    """Access denied in mid-run: a try each ten seconds until somebody gives the right back."""
    bench = Bench()
    bench.set_faults(FaultRule("error", operation="ReceiveMessage", code="AccessDenied"))
    async with bench.running():
        await asyncio.sleep(300)
        assert 25 <= len(bench.told(facts.ReceiveFailed)) <= 35


@simulated
async def test_an_idle_queue_costs_three_receives_a_minute() -> None:
    """The number of receivers falls to one, and each polls for twenty seconds."""
    bench = Bench()
    await bench.send(range(300))
    async with bench.running():
        await asyncio.sleep(120)
        bench.facts.clear()
        await asyncio.sleep(600)
        assert 29 <= len(bench.told(facts.MessagesReceived)) <= 31


@simulated
async def test_a_server_that_ignores_the_wait_is_asked_twice_a_second_at_the_most() -> None:
    """Instant empty answers do not become a hot loop."""
    bench = Bench()
    bench.queue.receive = _empty  # type: ignore[method-assign,assignment] # an SQS that does not wait
    async with bench.running():
        await asyncio.sleep(60)
        assert len(bench.told(facts.MessagesReceived)) <= 125


async def _empty(limit: int, wait: float, *, attempt_id: str | None = None, admission: object = None) -> list[object]:
    del limit, wait, attempt_id, admission
    return []


@simulated
async def test_what_is_set_aside_is_no_longer_counted_as_handled() -> None:
    """While the sink has the good one of a batch, the undecodable one is the settler's, or gone: never both."""
    bench = Bench().with_dead_letters()
    bench.sink.seconds = 10
    await bench.send([1])
    await bench.send_body("bad")
    async with bench.running() as pipeline:
        await asyncio.sleep(5)
        assert (pipeline.under_way.handling, pipeline.settler.pending, len(pipeline.ledger)) == (1, 0, 1)
