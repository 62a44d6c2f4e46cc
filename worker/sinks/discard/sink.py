"""Nowhere: takes batches and throws them away, for benchmarks and for emptying a queue on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.sinks.sink import Demand

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.message import Message


class DiscardSink:
    """Guarantees nothing: every message is accepted, deleted from the queue and **lost**."""

    @property
    def demand(self) -> Demand:
        """As the settings say."""
        return Demand()

    async def open(self) -> None:
        """Nothing to open."""

    async def write(self, records: Sequence[Message]) -> Sequence[None]:
        """Accept *records* and forget them."""
        return [None] * len(records)

    async def close(self) -> None:
        """Nothing to close."""
