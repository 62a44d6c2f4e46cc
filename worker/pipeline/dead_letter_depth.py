"""How many messages the dead-letter queue holds, looked at now and then, so that an alert can say that it is not empty.

Takes a way to open that queue; gives facts, and ends by cancellation with the queue closed. Nothing waits for it, and a
queue that may not be looked at is told of once and asked again seldom: somebody may allow it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from worker import facts
from worker.errors import QueueError, QueueRefused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from random import Random

    from worker.facts import Emit
    from worker.sqs.queue import Queue

FIRST_SECONDS: Final = 3.0
"""After the start, which has other things to do."""
LOOK_SECONDS: Final = 60.0
"""Each look is a request: a cent or two a month."""
REFUSED_SECONDS: Final = 600.0


class DeadLetterDepth:
    """One per pipeline that has a dead-letter queue."""

    def __init__(
        self, open_queue: Callable[[], Awaitable[Queue]], *, address: str, random: Random, emit: Emit, pipeline: str
    ) -> None:
        self._open = open_queue
        self._address = address
        self._random = random
        self._emit = emit
        self._pipeline = pipeline
        self._queue: Queue | None = None
        """Open from the first look on. Written by `_look` and `run`."""
        self._told = ""
        """Code of the latest refusal. Written by `_refused`."""

    async def run(self) -> None:
        """Until cancelled."""
        pause = FIRST_SECONDS
        try:
            while True:
                await asyncio.sleep(pause * self._random.uniform(0.8, 1.2))
                pause = await self._look()
        finally:
            if self._queue is not None:
                await self._queue.close()

    async def _look(self) -> float:
        """Seconds until the next one."""
        try:
            self._queue = self._queue or await self._open()
            counts = await self._queue.attributes()
        except QueueRefused as error:
            self._refused(error)
            return REFUSED_SECONDS
        except QueueError:
            return LOOK_SECONDS
        self._told = ""
        self._emit(
            facts.DeadLettersMeasured(
                self._pipeline, self._queue.name, counts.visible, counts.not_visible, counts.delayed
            )
        )
        return LOOK_SECONDS

    def _refused(self, error: QueueRefused) -> None:
        if self._told != error.code:
            self._told = error.code
            self._emit(facts.DeadLettersUnseen(self._pipeline, self._address, error.code, error.detail))
