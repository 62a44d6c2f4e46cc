"""Giving back: changes the visibility of what goes back to the queue, as long as that is ours to change.

Takes at most ten deliveries that are being given back, with their endings; gives an answer for each. Ends when SQS has
answered or the first of their leases is over.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from worker.errors import QueueThrottled, QueueUnavailable
from worker.pipeline.ending import NOT_OURS
from worker.sqs.queue import OK, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from worker.message import Delivery
    from worker.pipeline.ending import Ending
    from worker.pipeline.ledger import Ledger
    from worker.sqs.queue import EntryResult, Queue


class GivingBack:
    """One per pipeline."""

    def __init__(self, queue: Queue, ledger: Ledger) -> None:
        self._queue = queue
        self._ledger = ledger
        self._now = asyncio.get_running_loop().time
        self.calls = 0  # written by ask

    async def ask(self, batch: Sequence[Delivery], *, endings: Mapping[Delivery, Ending]) -> list[EntryResult]:
        """One try, for what is ours: an older handle is obeyed although somebody else holds the message by now."""
        self.calls += 1
        renewals = {delivery.renewal for delivery in batch if delivery.renewal is not None}
        if renewals:
            await asyncio.wait(renewals)  # else the renewal could overtake, and undo the pause
        now = self._now()
        decided = {delivery: answer for delivery in batch if (answer := self._unasked(delivery, now)) is not None}
        asked = {delivery: endings[delivery].seconds or 0 for delivery in batch if delivery not in decided}
        if asked:
            decided.update(zip(asked, await self._change_in_time(asked), strict=True))
        return [decided[delivery] for delivery in batch]

    def _unasked(self, delivery: Delivery, now: float) -> EntryResult | None:
        """The answer that needs no question; None: there is one to ask."""
        if self._ledger.returned(delivery):
            return OK  # perhaps only since we wait: its handle is void
        return None if self._ledger.changeable(delivery, now) else NOT_OURS

    async def _change_in_time(self, asked: Mapping[Delivery, int]) -> list[EntryResult]:
        """Given up when the first lease ends. Where nobody knows what SQS did, a lease may be over with the pause."""
        now = self._now()
        ends = {delivery: now + seconds for delivery, seconds in asked.items()}
        try:
            async with asyncio.timeout_at(min(delivery.deadline for delivery in asked)):
                answers = await self._queue.change_visibility(list(asked), list(asked.values()))
        except TimeoutError as error:
            self._ledger.shorten(ends)
            raise QueueUnavailable("change_visibility", NOT_OURS.code) from error
        except QueueUnavailable as error:
            if not isinstance(error, QueueThrottled):  # turned away, and nothing was done
                self._ledger.shorten(ends)
            raise
        self._ledger.shorten({one: ends[one] for one, answer in zip(asked, answers, strict=True) if answer is UNKNOWN})
        return answers
