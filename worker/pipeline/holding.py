"""Holding: whether a failed message of a FIFO group is tried again in hand, and after how long. Numbers only.

Given back, it would cost receive counts: its own, and that of every message of its group behind it, since SQS hands a
group out together. In hand it costs room and renewals, so there are bounds: SQS's 12 hours, and half of what may be in
flight, so that other groups always get through.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from worker.pipeline.backoff import SHORTEST_SECONDS

if TYPE_CHECKING:
    from worker.message import Delivery
    from worker.outcome import Retried
    from worker.pipeline.backoff import Backoff

SHARE: Final = 0.5
"""Of what may be in flight, for groups that wait for a message of theirs."""
ALONE_SECONDS: Final = 1
"""A message that only the redrive policy can move is given back for so long: our own polls must not meet the call."""
ABSENT_SECONDS: Final = 20.0
"""How long its group waits for it, once it is visible: a long poll. Then another worker has it."""


@dataclass(frozen=True, slots=True)
class Holding:
    """The bounds of one pipeline."""

    max_messages: int
    max_bytes: int
    backoff: Backoff
    redrive_count: int | None = None
    """SQS moves a message that it would hand out more often; None: it moves none."""

    def pause(self, delivery: Delivery, retried: Retried) -> float:
        """Seconds until *delivery* is tried again: as was asked for, or backoff by its tries; never none."""
        return max(SHORTEST_SECONDS, self.backoff.pause(delivery.receive_count, retried.after))

    def fits(self, messages: int, size: int) -> bool:
        """Whether groups that wait may hold so many *messages* of *size* bytes together."""
        return messages <= SHARE * self.max_messages and size <= SHARE * self.max_bytes

    def sealed(self, delivery: Delivery) -> bool:
        """Whether SQS will never hand it out again: the next receive that would get it moves it instead."""
        return self.redrive_count is not None and delivery.receive_count - delivery.tries >= self.redrive_count
