"""The depth of the dead-letter queue: told where it may be looked at, and no trouble where it may not."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from worker.errors import QueueRefused, QueueUnavailable
from worker.facts import DeadLettersMeasured, DeadLettersUnseen
from worker.pipeline.dead_letter_depth import FIRST_SECONDS, LOOK_SECONDS, REFUSED_SECONDS, DeadLetterDepth

if TYPE_CHECKING:
    from worker.facts import Fact


class Counts:
    """What is read of the attributes."""

    visible, not_visible, delayed = 3, 1, 0


class Queue:
    """Answers as it is told to."""

    name = "orders-dead"

    def __init__(self, *trouble: Exception | None) -> None:
        self.trouble = list(trouble)
        self.closed = 0
        self.asked = asyncio.Event()

    async def attributes(self) -> Counts:
        """The counts, or the next trouble."""
        self.asked.set()
        if self.trouble and (error := self.trouble.pop(0)):
            raise error
        return Counts()

    async def close(self) -> None:
        """Note it."""
        self.closed += 1


def depth(queue: Any, told: list[Fact]) -> DeadLetterDepth:
    """One that opens *queue*."""

    async def opens() -> Any:
        return queue

    return DeadLetterDepth(opens, address="orders-dead", random=Random(1), emit=told.append, pipeline="orders")


async def test_the_depth_is_told_and_the_queue_stays_open() -> None:
    """Each look is one fact; the next is a minute later."""
    told: list[Fact] = []
    queue = Queue()
    one = depth(queue, told)
    assert await one._look() == LOOK_SECONDS
    assert told == [DeadLettersMeasured("orders", "orders-dead", 3, 1, 0)]
    assert queue.closed == 0


async def test_a_queue_that_may_not_be_looked_at_is_told_of_once() -> None:
    """It is asked again seldom; when it is allowed and refused again, that is news."""
    refused = QueueRefused("attributes", "AccessDenied", "no")
    told: list[Fact] = []
    one = depth(Queue(refused, refused, None, refused), told)
    assert [await one._look() for _ in range(4)] == [REFUSED_SECONDS, REFUSED_SECONDS, LOOK_SECONDS, REFUSED_SECONDS]
    assert [type(fact) for fact in told] == [DeadLettersUnseen, DeadLettersMeasured, DeadLettersUnseen]


async def test_passing_trouble_is_no_news() -> None:
    """The next look may have more luck."""
    told: list[Fact] = []
    one = depth(Queue(QueueUnavailable("attributes", "Timeout")), told)
    assert await one._look() == LOOK_SECONDS
    assert told == []


async def test_its_queue_is_closed_when_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends by cancellation only, and leaves no connection."""
    monkeypatch.setattr("worker.pipeline.dead_letter_depth.FIRST_SECONDS", FIRST_SECONDS / 1000)
    told: list[Fact] = []
    queue = Queue()
    task = asyncio.ensure_future(depth(queue, told).run())
    async with asyncio.timeout(60):
        await queue.asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert queue.closed == 1
