"""The renewer alone: when it asks, how much side by side, and what it makes of each answer."""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.model.simloop import simulated
from worker import facts
from worker.errors import QueueUnavailable
from worker.loopback.in_memory import MemoryQueue
from worker.loopback.service import LoopbackSqs
from worker.message import Delivery
from worker.pipeline.ledger import Ledger
from worker.pipeline.renew import CALLS, Renewer
from worker.pipeline.room import Room
from worker.sqs.queue import OK, UNKNOWN, EntryFailed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from worker.facts import Fact
    from worker.sqs.queue import EntryResult


class Renewing(MemoryQueue):
    """A queue that answers renewals as it is told, a ledger, and the renewer of both."""

    def __init__(self, *, lease_seconds: int = 30) -> None:
        self._loop = asyncio.get_running_loop()
        sqs = LoopbackSqs(rng=random.Random(1), clock=self._loop.time)
        sqs.create_queue("source", {})
        super().__init__(sqs, "source")
        self.answers: dict[str, EntryResult] = {}
        self.asked: list[tuple[float, str, int]] = []
        self.silent = False
        self.meanwhile: Callable[[], None] = lambda: None
        self.facts: list[Fact] = []
        room = Room(max_messages=1_000, max_bytes=100_000, largest_message=100, frame_bytes=None)
        self.ledger = Ledger(room=room, lease_seconds=lease_seconds, emit=self.facts.append, pipeline="test")

    async def change_visibility(self, deliveries: Sequence[Delivery], seconds: Sequence[int]) -> list[EntryResult]:
        """By id; or never."""
        (second,) = set(seconds)
        self.asked.append((round(self._loop.time(), 6), ",".join(one.message_id for one in deliveries), second))
        self.meanwhile()
        if self.silent:
            await asyncio.Event().wait()
        return [self.answers.get(one.message_id, OK) for one in deliveries]

    def enter(self, *message_ids: str) -> list[Delivery]:
        """So many came at the beginning."""
        deliveries = [
            Delivery(
                message_id=message_id, receipt_handle="h", body="x", sent_at=0, received_at=0, receive_count=1,
                leased_at=0,
            )
            for message_id in message_ids
        ]  # fmt: skip
        self.ledger.enter(deliveries)
        return deliveries

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Until the end of the block."""
        renewer = Renewer(self, ledger=self.ledger, emit=self.facts.append, pipeline="test")
        task = self._loop.create_task(renewer.run())
        yield
        task.cancel()
        await asyncio.wait([task])


@simulated
async def test_a_lease_is_renewed_at_half_its_time_for_its_whole_time() -> None:
    """From the moment in which it was asked; and again at half of that."""
    here = Renewing()
    (delivery,) = here.enter("a")
    async with here.running():
        await asyncio.sleep(31)
    assert here.asked == [(15, "a", 30), (30, "a", 30)]
    assert (delivery.deadline, delivery.renewal) == (60, None)
    assert here.facts == [facts.LeasesRenewed("test", 1)] * 2


@simulated
async def test_short_leases_are_looked_at_more_often() -> None:
    """Ten times each; once a second would be late for the half of three."""
    here = Renewing(lease_seconds=3)
    here.enter("a")
    async with here.running():
        await asyncio.sleep(1.9)
    ((at, _, _),) = here.asked
    assert 1.5 <= at <= 1.8


@simulated
async def test_calls_that_hang_are_bounded_and_are_given_up_with_their_leases() -> None:
    """So many side by side, ten entries each; what is not asked for is not marked as asked for."""
    here = Renewing()
    deliveries = here.enter(*(str(number) for number in range(10 * CALLS + 20)))
    async with here.running():
        await asyncio.sleep(29)
        assert len(here.asked) == CALLS + 2  # answered, and their places are free again
        here.asked.clear()
        here.facts.clear()
        here.silent = True
        await asyncio.sleep(15)
        assert len(here.asked) == CALLS
        names = [task.get_name() for task in asyncio.all_tasks()]
        assert names.count("renew-test-call") == CALLS
        assert sum(one.renewal is not None for one in deliveries) == 10 * CALLS
        await asyncio.sleep(5)
    assert len(here.asked) == CALLS
    assert not any(one.renewal for one in deliveries)
    assert here.facts == [facts.SettleFailed("test", "renew", "LeaseOver", 10, final=False)] * CALLS


@simulated
async def test_a_call_that_fails_is_tried_again_at_the_next_look() -> None:
    """As often as it fails; a place among those side by side is free again each time."""
    here, fails = Renewing(), 2 * CALLS
    here.enter("a")

    def fail() -> None:
        nonlocal fails
        fails -= 1
        if fails >= 0:
            raise QueueUnavailable("change_visibility", "Down")

    here.meanwhile = fail
    async with here.running():
        await asyncio.sleep(28.5)
    assert [at for at, _, _ in here.asked] == list(range(15, 29))
    assert here.facts == [facts.SettleFailed("test", "renew", "Down", 1, final=False)] * 14


@simulated
async def test_only_a_final_no_to_what_is_still_held_loses_a_lease() -> None:
    """What is unknown or may work later is asked again; what was settled meanwhile is nobody's loss."""
    here = Renewing()
    no = EntryFailed("NoSuchHandle", retry=False)
    here.answers = {"void": no, "settled": no, "later": EntryFailed("Throttled", retry=True), "unknown": UNKNOWN}
    deliveries = here.enter("fine", "void", "settled", "later", "unknown")

    def settle() -> None:
        if len(here.asked) == 1:
            here.ledger.begin([deliveries[2]])
            here.ledger.accept([deliveries[2]])
            here.ledger.leave([deliveries[2]], "deleted")

    here.meanwhile = settle
    async with here.running():
        await asyncio.sleep(16.5)
    assert [ids for _, ids, _ in here.asked] == ["fine,void,settled,later,unknown", "later,unknown"]
    assert [one.lost for one in deliveries] == [False, True, False, False, False]
    assert [one.deadline for one in deliveries] == [45, 30, 30, 30, 30]
    assert here.facts == [facts.LeasesRenewed("test", 1), facts.LeasesLost("test", "NoSuchHandle", 1)]


@simulated
async def test_an_answer_about_an_older_handle_says_nothing_of_the_newer_lease() -> None:
    """It came again while the call was under way."""
    here = Renewing()
    renewed, void = here.enter("a", "b")
    here.answers["b"] = EntryFailed("NoSuchHandle", retry=False)

    def come_again() -> None:
        renewed.receipt_handle = void.receipt_handle = "newer"

    here.meanwhile = come_again
    async with here.running():
        await asyncio.sleep(15.5)
    assert (renewed.deadline, void.lost, here.facts) == (30, False, [])
