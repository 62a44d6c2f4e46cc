"""Runs: what of the groups of a FIFO queue may be begun, on its way to the handlers.

Takes runs (messages of one group, in order), gives batches of whole runs. Closed, it gives empty batches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.pipeline.channel import Channel

if TYPE_CHECKING:
    from worker.message import Delivery
    from worker.pipeline.sizing import Sizing

FULL: Final = 1_000_000
"""Weight of a full batch: a run weighs the larger of its share of the rows and its share of the bytes."""


class Runs:
    """One per queue."""

    def __init__(self, sizing: Sizing) -> None:
        self._sizing = sizing
        self._channel: Channel[list[Delivery]] = Channel(self._weigh)
        self._messages = 0  # in all runs; written by put, take, close

    def __len__(self) -> int:
        return self._messages

    @property
    def closed(self) -> bool:
        """Nothing more will come."""
        return self._channel.closed

    def put(self, run: list[Delivery]) -> None:
        """The next messages of one group; nothing more of it comes until they are resolved."""
        self._messages += len(run)
        self._channel.put([run])

    async def take(self) -> list[Delivery]:
        """The next batch, each group in order; empty when closed, or to somebody who was nudged."""
        sizing = self._sizing
        full = FULL * sizing.rows // sizing.max_rows
        runs = await self._channel.take(sizing.rows, weight=full, linger=sizing.wait_seconds)
        batch = [delivery for run in runs for delivery in run]
        self._messages -= len(batch)
        return batch

    def nudge(self) -> None:
        """Let one who waits in `take` look for other work."""
        self._channel.nudge()

    def flush(self) -> None:
        """Let no batch wait for more."""
        self._channel.flush()

    def close(self) -> list[Delivery]:
        """End of input; take out what nobody has taken."""
        left = [delivery for run in self._channel.empty() for delivery in run]
        self._messages -= len(left)
        self._channel.close()
        return left

    def _weigh(self, run: list[Delivery]) -> int:
        rows = len(run) * FULL // self._sizing.max_rows
        size = sum(delivery.weight for delivery in run) * FULL // self._sizing.max_bytes
        return max(rows, size)
