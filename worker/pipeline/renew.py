"""Renew: keeps every lease in flight alive, from receive to settle.

Once a tick it asks the ledger for the leases that are due, and renews them in that order, ten to a call and several
calls side by side. What fails is due again at the next one, behind what has waited longer: no entry that fails, and no
call that hangs, keeps those behind it from their turn. It marks those that SQS calls void; it takes and gives no
delivery. It is stopped last, after the settler has drained.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

from worker import facts
from worker.errors import QueueError
from worker.pipeline.stage import Stages
from worker.sqs.queue import OK, EntryFailed
from worker.sqs.quotas import BATCH_ENTRIES

if TYPE_CHECKING:
    from worker.facts import Emit
    from worker.message import Delivery
    from worker.pipeline.ledger import Ledger
    from worker.sqs.queue import EntryResult, Queue

TICK_SECONDS: Final = 1.0
"""How often the ledger is asked, at the most; where leases are shorter, more often."""
TICKS_PER_LEASE: Final = 10
PAUSE_TICKS: Final = 0.5
"""After a failure: it is due again at the next tick, and everything that came due before is before it."""
CALLS: Final = 8
"""Renewals side by side: 2,000 messages in flight are renewed in 25 round trips. `worker check` measures one, and says
whether the leases of all that may be in flight can be renewed in time."""


class Renewer:
    """One per pipeline; ends by cancellation, at any of its awaits, with nothing to undo."""

    def __init__(self, queue: Queue, *, ledger: Ledger, emit: Emit, pipeline: str) -> None:
        self._queue = queue
        self._ledger = ledger
        self._emit = emit
        self._pipeline = pipeline
        self._tick = min(TICK_SECONDS, ledger.lease_seconds / TICKS_PER_LEASE)
        self._due: deque[Delivery] = deque()  # as the ledger says, what came due first in front; written by run, _take
        self._calling = 0  # of CALLS; written by _call

    async def run(self) -> None:
        """Until cancelled."""
        async with Stages(may_return=lambda: True) as calls:
            while True:
                await asyncio.sleep(self._tick)
                self._due = deque(self._ledger.due(asyncio.get_running_loop().time()))
                for _ in range(min(CALLS - self._calling, -(-len(self._due) // BATCH_ENTRIES))):
                    calls.start(self._call, name=f"renew-{self._pipeline}-call")

    async def _call(self) -> None:
        """One call after the other, as long as something is due."""
        self._calling += 1
        try:
            while ten := self._take():
                await self._renew_alone(ten)
        finally:
            self._calling -= 1

    def _take(self) -> list[Delivery]:
        """The next ten of those that are still due: some may have been settled since the ledger was asked."""
        now, due = asyncio.get_running_loop().time(), self._due
        ten: list[Delivery] = []
        while due and len(ten) < BATCH_ENTRIES:
            if self._ledger.is_due(delivery := due.popleft(), now):
                ten.append(delivery)
        return ten

    async def _renew_alone(self, due: list[Delivery]) -> None:
        """The settler gives none of *due* back before the renewal is answered: the two must not overtake each other."""
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ledger.renewing(due, answered)
        try:
            await self._renew(due)
        finally:
            answered.set_result(None)
            # Counted from the end of a call, that one which hangs goes behind what has come due meanwhile.
            self._ledger.renewal_over(due, again=asyncio.get_running_loop().time() + self._tick * PAUSE_TICKS)

    async def _renew(self, due: list[Delivery]) -> None:
        seconds = int(self._ledger.lease_seconds)
        now = asyncio.get_running_loop().time()
        handles = [delivery.receipt_handle for delivery in due]
        try:
            async with asyncio.timeout_at(min(delivery.deadline for delivery in due)):
                answers = await self._queue.change_visibility(due, [seconds] * len(due))
        except (QueueError, TimeoutError) as error:
            code = error.code if isinstance(error, QueueError) else "LeaseOver"
            self._emit(facts.SettleFailed(self._pipeline, "renew", code, len(due), final=False))
            return
        # What came again meanwhile has a newer handle and a newer lease, of which the answer says nothing.
        answered = [(d, a) for d, a, h in zip(due, answers, handles, strict=True) if d.receipt_handle == h]
        # Nor is one believed that comes after the end: SQS obeys an older handle too, and somebody else may have it.
        answered_at = asyncio.get_running_loop().time()
        renewed = [delivery for delivery, answer in answered if answer is OK and answered_at < delivery.deadline]
        for delivery in renewed:
            self._ledger.renewed(delivery, now + seconds)
        if renewed:
            self._emit(facts.LeasesRenewed(self._pipeline, len(renewed)))
        for delivery, answer in answered:
            self._lose(delivery, answer)

    def _lose(self, delivery: Delivery, answer: EntryResult) -> None:
        """Give the lease up if SQS called the handle void."""
        if isinstance(answer, EntryFailed) and not answer.retry and self._ledger.lose(delivery):
            self._emit(facts.LeasesLost(self._pipeline, answer.code, 1))
