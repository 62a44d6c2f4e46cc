"""Ending: what is asked of SQS for a delivery, and as what it leaves the ledger when SQS has said so.

Takes outcomes, gives endings with the pause that each has, and says what was retried or rejected and why. The settler
carries them out.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from worker import facts
from worker.pipeline.backoff import whole_seconds
from worker.sqs.queue import EntryFailed

if TYPE_CHECKING:
    from worker.facts import Emit
    from worker.message import Delivery
    from worker.outcome import OutcomeName, Rejected, Retried
    from worker.pipeline.backoff import Backoff

NOT_OURS: Final = EntryFailed("LeaseOver", retry=False)
"""Instead of an answer of SQS's: whoever no longer holds a message has no say in when it is visible."""


class Ending(NamedTuple):
    """How a delivery is to end."""

    delivery: Delivery
    outcome: OutcomeName
    seconds: int | None = None
    """After which it is visible again; None: it is deleted."""


class Endings:
    """Makes them, for one pipeline."""

    def __init__(self, backoff: Backoff, *, emit: Emit, pipeline: str) -> None:
        self._backoff = backoff
        self._emit = emit
        self._pipeline = pipeline
        self._now = asyncio.get_running_loop().time

    def released(self, delivery: Delivery) -> Ending:
        """Visible at once."""
        return Ending(delivery, "released", 0)

    def retried(self, delivery: Delivery, retried: Retried) -> Ending:
        """Visible after a pause."""
        seconds = self._seconds(delivery, retried.after)
        name, message, count = self._pipeline, delivery.message_id, delivery.receive_count
        self._emit(facts.MessageRetried(name, message, retried.reason, retried.detail, count, seconds))
        return Ending(delivery, "retried", seconds)

    def dead_lettered(self, delivery: Delivery, rejected: Rejected) -> Ending:
        """To be deleted: the dead-letter queue has it."""
        self._report(delivery, rejected, dead_lettered=True)
        return Ending(delivery, "rejected")

    def left_to_redrive(self, delivery: Delivery, rejected: Rejected, *, seconds: int | None = None) -> Ending:
        """Visible after *seconds*, or a pause, until SQS has handed it out too often and moves it."""
        self._report(delivery, rejected, dead_lettered=False)
        return Ending(delivery, "rejected", self._seconds(delivery, None) if seconds is None else seconds)

    def _seconds(self, delivery: Delivery, after: float | None) -> int:
        """Until the message is visible again, inside SQS's 12 hours from receipt."""
        held = self._now() - delivery.leased_at
        return whole_seconds(self._backoff.pause(delivery.receive_count, after), held_seconds=held)

    def _report(self, delivery: Delivery, rejected: Rejected, *, dead_lettered: bool) -> None:
        name, message, count = self._pipeline, delivery.message_id, delivery.receive_count
        reason, detail = rejected.reason, rejected.detail
        self._emit(facts.MessageRejected(name, message, reason, detail, count, dead_lettered=dead_lettered))
