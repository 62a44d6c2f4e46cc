"""Buffer: what was received and waits for a handler, handed out in batches by rows, bytes and age.

Takes entered deliveries from the poller, gives batches to the handlers. It is bounded by the ledger, which is asked
before anything is received. Closed, it answers every handler with an empty batch; what still waits is given back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from worker.channel import Channel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.message import Delivery
    from worker.outcome import Outcome

    Settled = tuple[Delivery, Outcome]


@dataclass(frozen=True, slots=True)
class BatchSettings:
    """When a batch is complete: at any of the three."""

    max_rows: int
    max_bytes: int
    max_wait_seconds: float


class Buffer(Protocol):
    """What the poller fills and the handlers empty. Two of them: `Arrivals`, and `Lanes` for FIFO queues."""

    def __len__(self) -> int:
        """Deliveries that wait."""
        ...

    def put(self, deliveries: Sequence[Delivery]) -> list[Settled]:
        """Append what a receive brought; returns what is not to be begun, with its outcome."""
        ...

    async def take(self) -> list[Delivery]:
        """The next batch; empty when the buffer is closed."""
        ...

    def close(self) -> None:
        """End of input: handlers get empty batches from now on, and what nobody has begun waits for `unbegun`."""
        ...

    def unbegun(self) -> list[Delivery]:
        """After `close`: take out what nobody has begun, to be released."""
        ...

    def decided(self, settled: list[Settled]) -> list[Settled]:
        """The outcomes of a batch, before they are settled: perhaps with others that they hold back."""
        ...

    def left(self, deliveries: Sequence[Delivery], unresolved: Sequence[Delivery]) -> list[Settled]:
        """What left the ledger otherwise than deleted, some of it back to the queue; returns what that holds back."""
        ...


class Arrivals:
    """Deliveries in the order in which they came."""

    def __init__(self, settings: BatchSettings) -> None:
        self._settings = settings
        self._channel: Channel[Delivery] = Channel(lambda delivery: delivery.weight)
        self._unbegun: list[Delivery] = []  # written by close and unbegun

    def __len__(self) -> int:
        return len(self._channel) + len(self._unbegun)

    def put(self, deliveries: Sequence[Delivery]) -> list[Settled]:
        """Append what a receive brought."""
        self._channel.put(deliveries)
        return []

    async def take(self) -> list[Delivery]:
        """The next batch; empty when the buffer is closed."""
        settings = self._settings
        return await self._channel.take(settings.max_rows, weight=settings.max_bytes, linger=settings.max_wait_seconds)

    def close(self) -> None:
        """End of input."""
        self._unbegun = self._channel.empty()
        self._channel.close()

    def unbegun(self) -> list[Delivery]:
        """Take out what nobody has begun."""
        unbegun, self._unbegun = self._unbegun, []
        return unbegun

    def decided(self, settled: list[Settled]) -> list[Settled]:
        """Nothing holds anything back here."""
        return settled

    def left(self, deliveries: Sequence[Delivery], unresolved: Sequence[Delivery]) -> list[Settled]:  # noqa: ARG002 - the protocol's
        """Nothing holds anything back here."""
        return []
