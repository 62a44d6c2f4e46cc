"""Deleting: asks SQS to delete what is written or dead-lettered, and remembers what it may not have deleted.

Takes at most ten deliveries; gives an answer for each.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.message import Delivery
    from worker.pipeline.ledger import Ledger
    from worker.sqs.queue import EntryResult, Queue


class Deleting:
    """One per pipeline."""

    def __init__(self, queue: Queue, ledger: Ledger) -> None:
        self._queue = queue
        self._ledger = ledger
        self._now = asyncio.get_running_loop().time
        self.calls = 0  # written by ask

    async def ask(self, batch: Sequence[Delivery]) -> list[EntryResult]:
        """One try. SQS calls the delete of an expired handle a success and may not have deleted anything."""
        self.calls += 1
        now = self._now()  # at every try: a lease may end between two of them
        for delivery in batch:
            if delivery.lost or now >= delivery.deadline:
                self._ledger.remember(delivery)
        return await self._queue.delete(batch)

    def remember(self, undeleted: Sequence[Delivery]) -> None:
        """SQS may hand these out again: then they are deleted, and not written."""
        for delivery in undeleted:
            self._ledger.remember(delivery)
