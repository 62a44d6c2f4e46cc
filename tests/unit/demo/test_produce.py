"""The producer of the demonstration: everything is sent once, and no faster than it was told."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.model.simloop import simulated
from worker.demo.produce import produce
from worker.sqs.queue import OK, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.message import Outgoing
    from worker.sqs.queue import EntryResult, Queue


class Taking:
    """A queue that takes everything at once, but does not say so for the first batch."""

    def __init__(self) -> None:
        self.taken: list[tuple[float, int]] = []

    async def send(self, messages: Sequence[Outgoing]) -> list[EntryResult]:
        """One answer for each."""
        first = not self.taken
        self.taken.append((asyncio.get_running_loop().time(), len(messages)))
        return [UNKNOWN if first else OK for _ in messages]


async def sending(messages: int, *, per_second: float) -> tuple[Taking, list[int]]:
    """What the queue took, and what was told."""
    queue, told = Taking(), list[int]()
    asked: Queue = queue  # type: ignore[assignment] # the only verb that a producer needs
    await produce(asked, messages, seed=0, sent=told.append, per_second=per_second)
    return queue, told


@simulated
async def test_a_producer_keeps_to_its_rate() -> None:
    """A hundred messages at ten a second: the last ten go nine seconds after the first, and each batch is told once."""
    queue, told = await sending(100, per_second=10)
    assert sum(told) == 100
    times = [when for when, _ in queue.taken]
    assert times[0] == 0.0
    assert times[-1] == 9.0


@simulated
async def test_a_producer_without_a_rate_waits_only_to_send_again() -> None:
    """What was not accepted for certain is sent again after its pause; all else goes at once."""
    queue, told = await sending(100, per_second=0)
    assert sum(told) == 100
    assert len(queue.taken) == 11
    assert [when for when, _ in queue.taken[:10]] == [0.0] * 10
