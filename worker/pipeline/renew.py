"""Renew: keeps every lease in flight alive, from receive to settle.

Reads the ledger from the front (leases that end first), renews those past half of their time ten to a call, and marks
those that SQS calls void. It takes and gives no delivery. It is stopped last, after the settler has drained.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from worker.errors import QueueError
from worker.sqs.limits import BATCH_ENTRIES
from worker.sqs.queue import OK, UNKNOWN
from worker.telemetry import events

if TYPE_CHECKING:
    from worker.inflight import Ledger
    from worker.message import Delivery
    from worker.sqs.queue import Answer, Queue
    from worker.telemetry.events import Emit

TICK_SECONDS: Final = 1.0
"""How often the front of the ledger is looked at, at the most; a shorter lease is looked at more often."""
TICKS_PER_LEASE: Final = 10
CALLS: Final = 8
"""Renewals side by side: 2,000 messages in flight are renewed in 25 round trips."""


class Renewer:
    """One per pipeline; ends by cancellation, at any of its awaits, with nothing to undo."""

    def __init__(self, queue: Queue, *, ledger: Ledger, emit: Emit, pipeline: str) -> None:
        self._queue = queue
        self._ledger = ledger
        self._emit = emit
        self._pipeline = pipeline
        self._tick = min(TICK_SECONDS, ledger.lease_seconds / TICKS_PER_LEASE)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(self._tick)
            await self._renew_due()

    async def _renew_due(self) -> None:
        """Everything due, several calls side by side; what could not be renewed waits for the next tick."""
        now = asyncio.get_running_loop().time
        while due := self._ledger.due(now(), BATCH_ENTRIES * CALLS):
            tens = [due[at : at + BATCH_ENTRIES] for at in range(0, len(due), BATCH_ENTRIES)]
            async with asyncio.TaskGroup() as calls:
                renewals = [calls.create_task(self._renew_alone(ten)) for ten in tens]
            if not any(renewal.result() for renewal in renewals):
                return

    async def _renew_alone(self, due: list[Delivery]) -> bool:
        """The settler gives none of *due* back before the renewal is answered: the two must not overtake each other."""
        # Some may have been given back since they were due, or this process stood still meanwhile.
        now = asyncio.get_running_loop().time()
        due = [delivery for delivery in due if delivery.renewable and self._ledger.changeable(delivery, now)]
        if not due:
            return True
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        for delivery in due:
            delivery.renewal = answered
        try:
            return await self._renew(due)
        finally:
            answered.set_result(None)
            for delivery in due:
                delivery.renewal = None

    async def _renew(self, due: list[Delivery]) -> bool:
        """Whether any of *due* was decided, so that the front of the ledger has moved."""
        seconds = int(self._ledger.lease_seconds)
        now = asyncio.get_running_loop().time()
        handles = [delivery.receipt_handle for delivery in due]
        try:
            async with asyncio.timeout_at(min(delivery.deadline for delivery in due)):
                answers = await self._queue.change_visibility(due, [seconds] * len(due))
        except (QueueError, TimeoutError) as error:
            code = error.code if isinstance(error, QueueError) else "LeaseOver"
            self._emit(events.SettleFailed(self._pipeline, "renew", code, len(due), final=False))
            return False
        # What came again meanwhile has a newer handle and a newer lease, of which the answer says nothing.
        answered = [(d, a) for d, a, h in zip(due, answers, handles, strict=True) if d.receipt_handle == h]
        # Nor is one believed that comes after the end: SQS obeys an older handle too, and somebody else may have it.
        answered_at = asyncio.get_running_loop().time()
        renewed = [delivery for delivery, answer in answered if answer is OK and answered_at < delivery.deadline]
        for delivery in renewed:
            self._ledger.renewed(delivery, now + seconds)
        if renewed:
            self._emit(events.LeasesRenewed(self._pipeline, len(renewed)))
        lost = [self._lose(delivery, answer) for delivery, answer in answered]
        return bool(renewed) or any(lost) or len(answered) < len(due)

    def _lose(self, delivery: Delivery, answer: Answer) -> bool:
        """Whether SQS called the handle void."""
        if answer is OK or answer is UNKNOWN or answer.retry or not self._ledger.holds(delivery):
            return False
        delivery.lost = True
        self._emit(events.LeasesLost(self._pipeline, answer.code, 1))
        return True
