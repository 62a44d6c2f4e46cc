"""Aside: batches that the sink did not take, between two tries.

Takes batches with what the sink made of them so far, gives each back when its next try is due, in turns. Their leases
are kept, their handler is free for others. What is still here when everybody has ended is to be given back.
"""

from __future__ import annotations

import asyncio
from collections import deque
from math import inf
from typing import TYPE_CHECKING

from worker.waiting.deadlines import RESOLUTION_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.message import Delivery
    from worker.pipeline.batch import Batch


class Aside:
    """One per pipeline, shared by its handlers."""

    def __init__(self, nudge: Callable[[], None]) -> None:
        self._nudge = nudge
        """Wakes a handler that waits for messages."""
        self._batches: deque[Batch] = deque()  # whose turn is longest ago first; written by put, remove, clear
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None  # of the first that is due; written by _look_at
        self.messages = 0
        """Written as `_batches`."""
        self.trying = 0
        """Messages whose next try is under way. Written by the handler."""

    def __len__(self) -> int:
        return len(self._batches)

    @property
    def failed(self) -> int:
        """Messages that the sink did not take yet."""
        return self.messages + self.trying

    def blamed(self) -> int:
        """Messages that have failed alone, and while others were taken."""
        return sum(batch.trial.blamed and len(batch.records) == 1 for batch in self._batches)

    def put(self, batch: Batch) -> None:
        """Keep it until it is due."""
        self._batches.append(batch)
        self.messages += len(batch.records)
        self._look()

    def put_first(self, batches: Sequence[Batch]) -> None:
        """The halves of a batch have its turn: a record that is alone is soon found, and says more than a batch."""
        self._batches.extendleft(reversed(batches))
        self.messages += sum(len(batch.records) for batch in batches)
        self._look()

    def due(self) -> Batch | None:
        """The next whose time has come."""
        now = self._loop.time() + RESOLUTION_SECONDS
        for batch in self._batches:
            if batch.trial.due <= now:
                self.remove(batch)
                return batch
        return None

    def batches(self) -> list[Batch]:
        """All of them, as they are now."""
        return list(self._batches)

    def remove(self, batch: Batch) -> None:
        """Take it out before it is due."""
        self._batches.remove(batch)
        self.messages -= len(batch.records)
        self._look()

    async def next(self) -> Batch | None:
        """Wait for the next; None when there is none, but for those whose calls hang: nobody knows how long."""
        while any(not batch.trial.hanging for batch in self._batches):
            if (batch := self.due()) is not None:
                return batch
            await asyncio.sleep(min(batch.trial.due for batch in self._batches) - self._loop.time())
        return None

    def hasten(self) -> None:
        """The sink is back: everything is due at once."""
        for batch in self._batches:
            batch.trial.due = self._loop.time()
        self._look()

    def clear(self) -> list[Delivery]:
        """Take out everything."""
        batches, self.messages = list(self._batches), 0
        self._batches.clear()
        self._look()
        return [delivery for batch in batches for delivery in batch.deliveries]

    def _look(self) -> None:
        """Wake somebody now if a batch is due, and when the next one will be."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        due = min((batch.trial.due for batch in self._batches), default=inf)
        if due < inf:
            self._timer = self._loop.call_at(due, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self._nudge()
