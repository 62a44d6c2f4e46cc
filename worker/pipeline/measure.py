"""Measure: reads the queue's own counts now and then, with jitter, and tells when the queue is empty.

Takes nothing from the path and gives nothing to it. With `--drain` it is what ends the run: the queue is empty when
nothing is in flight here and SQS counts no message in any state, twice in a row.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from worker import facts
from worker.errors import QueueError

if TYPE_CHECKING:
    from random import Random

    from worker.facts import Emit
    from worker.pipeline.buffer import Buffer
    from worker.pipeline.ledger import Ledger
    from worker.pipeline.poll import Poller
    from worker.sqs.queue import Queue

MEASURE_SECONDS: Final = 15.0
IDLE_PAUSES: Final = 4
"""While receives come back empty there is nothing new to know, and each look is a request: only every fourth is
made. The first pause that ends after messages came ends that, because autoscalers wait for the depth."""
DRAIN_SECONDS: Final = 0.5
ZEROES_TO_BE_EMPTY: Final = 2
"""SQS's counts are approximate and may lag; one zero proves nothing."""


class Measurer:
    """One per pipeline; ends by cancellation."""

    def __init__(
        self,
        queue: Queue,
        *,
        ledger: Ledger,
        poller: Poller,
        buffer: Buffer,
        random: Random,
        emit: Emit,
        pipeline: str,
    ) -> None:
        self._queue = queue
        self._ledger = ledger
        self._poller = poller
        self._buffer = buffer
        self._random = random
        self._emit = emit
        self._pipeline = pipeline

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._measure()
            for _ in range(IDLE_PAUSES):
                await asyncio.sleep(MEASURE_SECONDS * self._random.uniform(0.8, 1.2))
                if not self._poller.empties:
                    break

    async def until_empty(self) -> None:
        """Return once the queue is empty; retries and other workers' messages in flight are waited for.

        When a receive came back empty no batch waits for more.
        """
        zeroes = 0
        while zeroes < ZEROES_TO_BE_EMPTY:
            await asyncio.sleep(DRAIN_SECONDS)
            if self._poller.empties > 0:
                self._buffer.flush()
            idle = self._poller.empties > 0 and len(self._ledger) == 0
            zeroes = zeroes + 1 if idle and await self._measure() == 0 else 0

    async def _measure(self) -> int | None:
        """Messages in the queue in any state; None when SQS did not say."""
        try:
            counts = await self._queue.attributes()
        except QueueError:
            return None
        self._emit(
            facts.QueueMeasured(
                *(self._pipeline, self._queue.name, counts.visible, counts.not_visible, counts.delayed),
                retention_seconds=counts.retention_seconds,
            )
        )
        return counts.visible + counts.not_visible + counts.delayed
