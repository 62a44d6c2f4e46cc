"""Whose message is it? Past its deadline a delivery is somebody else's, whatever SQS says to its old handle."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.model.simloop import simulated
from tests.unit.pipeline.bench import Bench
from worker import facts
from worker.loopback.faults import FaultRule
from worker.outcome import Rejected, Retried

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.message import Delivery
    from worker.sqs.queue import EntryResult


def watched(bench: Bench) -> list[tuple[float, float]]:
    """When each change of visibility is asked for from now on, and when its lease ends."""
    asked: list[tuple[float, float]] = []
    change = bench.queue.change_visibility

    async def change_visibility(deliveries: Sequence[Delivery], seconds: Sequence[int]) -> list[EntryResult]:
        now = asyncio.get_running_loop().time()
        asked.extend((now, delivery.deadline) for delivery in deliveries)
        return await change(deliveries, seconds)

    bench.queue.change_visibility = change_visibility  # type: ignore[method-assign] # looked at
    return asked


@simulated
async def test_a_retry_after_the_lease_leaves_the_visibility_alone() -> None:
    """No renewal gets through, the write takes longer than the lease, then it asks for a retry: nobody is disturbed."""
    bench = Bench(writers=1, max_messages=1)
    bench.set_faults(FaultRule("error", operation="ChangeMessageVisibilityBatch", probability=1.0))
    bench.sink.seconds = 40
    bench.sink.answer = lambda records: [Retried("later") for _ in records]
    await bench.send([1])
    async with bench.running():
        await asyncio.sleep(35)
        asked = watched(bench)
        bench.set_faults()
        await asyncio.sleep(6)
        assert not [at for at, deadline in asked if at >= deadline]
    assert bench.outcomes()["expired"] >= 1


@simulated
async def test_giving_back_that_fails_until_the_lease_is_over_is_given_up() -> None:
    """A release is tried again while the lease lives, and not once after that."""
    bench = Bench(writers=1, max_messages=1)
    bench.sink.answer = lambda records: [Retried("later", after=5) for _ in records]
    bench.set_faults(FaultRule("error", operation="ChangeMessageVisibilityBatch", probability=1.0))
    asked = watched(bench)
    await bench.send([1])
    async with bench.running():
        await asyncio.sleep(29.9)
        tried = len(asked)
        await asyncio.sleep(30)
    assert tried > 2
    assert not [at for at, deadline in asked if at >= deadline]


@simulated
@pytest.mark.parametrize("seconds", [16.0, 100.0])
async def test_a_renewal_answered_after_the_deadline_is_not_believed(seconds: float) -> None:
    """SQS performs it and answers when the old lease is over: it says OK to whoever held the message once."""
    bench = Bench(writers=1, max_messages=1)
    bench.set_faults(
        FaultRule("latency", operation="ChangeMessageVisibilityBatch", seconds=seconds, performed=True, probability=1.0)
    )
    bench.sink.seconds = 31
    await bench.send([1])
    async with bench.running() as pipeline:
        await asyncio.sleep(30.5)
        (delivery,) = pipeline.ledger.deliveries()
        assert delivery.deadline < 30.5
        assert not bench.told(facts.LeasesRenewed)


@simulated
async def test_a_rejection_after_the_lease_is_left_to_whoever_has_the_message_by_now() -> None:
    """No renewal gets through, and the sink rejects when the lease is over: no dead letter, and no delete."""
    bench = Bench(writers=1, max_messages=1).with_dead_letters()
    bench.set_faults(FaultRule("error", operation="ChangeMessageVisibilityBatch", probability=1.0))
    bench.sink.seconds = 40
    bench.sink.answer = lambda records: [Rejected("bad") for _ in records]
    await bench.send([1])
    async with bench.running():
        await asyncio.sleep(41)
        assert await bench.dead_bodies() == []
        bench.set_faults()
        bench.sink.seconds = 1
        await asyncio.sleep(60)
    assert await bench.dead_bodies() == ['{"n":1}']
