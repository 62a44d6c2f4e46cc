"""Buffer: what was received and waits for a handler, handed out in batches by rows, bytes and age.

Takes entered deliveries from the poller, gives batches to the handlers. It is bounded by the ledger, which is asked
before anything is received. Closed, it answers every handler with an empty batch; what still waits is given back.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Protocol

from worker.pipeline.channel import Channel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.message import Delivery
    from worker.outcome import Outcome, OutcomeName, Rejected, Retried
    from worker.pipeline.sizing import Sizing

    Settled = tuple[Delivery, Outcome]


class Buffer(Protocol):
    """What the poller fills and the handlers empty. Two of them: `Arrivals`, and `Lanes` for FIFO queues."""

    def __len__(self) -> int:
        """Deliveries that wait."""
        ...

    def put(self, deliveries: Sequence[Delivery]) -> list[Settled]:
        """Append what a receive brought; returns what is not to be begun, with its outcome."""
        ...

    def written(self, deliveries: Sequence[Delivery]) -> None:
        """These came again, were written before and are being deleted."""
        ...

    @property
    def closed(self) -> bool:
        """Nothing more will come."""
        ...

    async def take(self) -> list[Delivery]:
        """The next batch; empty when the buffer is closed, or to somebody who was nudged."""
        ...

    def nudge(self) -> None:
        """Let one of those who wait in `take` look for other work."""
        ...

    def flush(self) -> None:
        """Let no batch wait for more: nothing more will come for a while."""
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

    def keep(self, delivery: Delivery, retried: Retried) -> bool:
        """Whether a rejected one that no dead-letter queue took stays here, to be tried again."""
        ...

    def await_turn(self, delivery: Delivery, rejected: Rejected) -> bool:
        """Whether a rejected one that only the redrive policy can move waits here for what is before it."""
        ...

    def departed(
        self, deliveries: Sequence[Delivery], outcome: OutcomeName, unresolved: Sequence[Delivery]
    ) -> list[Settled]:
        """What left the ledger, and which of it is neither done nor dead-lettered; returns what that holds back."""
        ...

    @property
    def resting(self) -> int:
        """Messages that wait for another one to be tried again: not ahead of anybody."""
        ...

    @property
    def ready(self) -> bool:
        """Whether `take` has something to give: what waits behind an earlier one of its group is not ready."""
        ...

    def take_back(self) -> list[Delivery]:
        """Take out what waits for a handler and may be given back: it was received for the first time."""
        ...


class Arrivals:
    """Deliveries in the order in which they came."""

    def __init__(self, sizing: Sizing) -> None:
        self._sizing = sizing
        self._channel: Channel[Delivery] = Channel(attrgetter("weight"))
        self._unbegun: list[Delivery] = []  # written by close and unbegun

    def __len__(self) -> int:
        return len(self._channel) + len(self._unbegun)

    def put(self, deliveries: Sequence[Delivery]) -> list[Settled]:
        """Append what a receive brought."""
        self._channel.put(deliveries)
        return []

    @property
    def closed(self) -> bool:
        """Nothing more will come."""
        return self._channel.closed

    def nudge(self) -> None:
        """Let one who waits in `take` look for other work."""
        self._channel.nudge()

    async def take(self) -> list[Delivery]:
        """The next batch; empty when the buffer is closed."""
        sizing = self._sizing
        return await self._channel.take(sizing.rows, weight=sizing.max_bytes, linger=sizing.wait_seconds)

    def flush(self) -> None:
        """Let no batch wait for more."""
        self._channel.flush()

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

    def keep(self, delivery: Delivery, retried: Retried) -> bool:  # noqa: ARG002 - the protocol's
        """SQS does the waiting."""
        return False

    def await_turn(self, delivery: Delivery, rejected: Rejected) -> bool:  # noqa: ARG002 - the protocol's
        """Nothing is before it."""
        return False

    def departed(
        self,
        deliveries: Sequence[Delivery],  # noqa: ARG002 - the protocol's, as the two others
        outcome: OutcomeName,  # noqa: ARG002
        unresolved: Sequence[Delivery],  # noqa: ARG002
    ) -> list[Settled]:
        """Nothing holds anything back here."""
        return []

    def take_back(self) -> list[Delivery]:
        """Take out what waits for a handler and was received for the first time."""
        waiting = self._channel.empty()
        self._channel.put([delivery for delivery in waiting if delivery.receive_count > 1])
        return [delivery for delivery in waiting if delivery.receive_count == 1]

    @property
    def ready(self) -> bool:
        """All that waits is."""
        return len(self._channel) > 0

    @property
    def resting(self) -> int:
        """Nothing waits for another one."""
        return 0

    def written(self, deliveries: Sequence[Delivery]) -> None:
        """Nothing stands behind them."""
