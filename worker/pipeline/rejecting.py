"""Rejecting: what becomes of a message that can never succeed.

Takes rejected deliveries, has the dead-letter queue take them if there is one, and gives the ending of each. What no
dead-letter queue has is left to the queue's own redrive policy, or stays in hand to be tried again: that has no ending.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from worker import facts
from worker.outcome import Rejected, Retried
from worker.pipeline.ending import NOT_OURS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.facts import Emit
    from worker.message import Delivery
    from worker.pipeline.buffer import Buffer
    from worker.pipeline.deadletter import DeadLetters
    from worker.pipeline.ending import Ending, Endings

    Rejection = tuple[Delivery, Rejected]


class Rejecting:
    """One per pipeline."""

    def __init__(
        self,
        dead_letters: DeadLetters | None,
        buffer: Buffer,
        endings: Endings,
        alone_seconds: int | None,
        *,
        emit: Emit,
        pipeline: str,
    ) -> None:
        self._dead_letters = dead_letters
        self._buffer = buffer
        self._endings = endings
        self._alone_seconds = alone_seconds
        """Pause of one that only the redrive policy can move, while its group waits; None: backoff."""
        self._emit = emit
        self._pipeline = pipeline
        self._now = asyncio.get_running_loop().time
        self.calls = 0  # written by ask

    async def ask(self, batch: Sequence[Rejection]) -> list[Ending]:
        """The endings of all but those that stay in hand."""
        self.calls += 1
        accepted = await self._dead_letters.send(batch) if batch and self._dead_letters is not None else set()
        endings: list[Ending] = []
        for delivery, rejected in batch:
            if delivery.message_id in accepted:
                endings.append(self._endings.dead_lettered(delivery, rejected))
            elif (ending := self._unaccepted(delivery, rejected)) is not None:
                endings.append(ending)
        return endings

    def lost(self, batch: Sequence[Rejection]) -> list[Delivery]:
        """Whoever has the message by now decides what becomes of it; a delete by our handle would take it away."""
        now = self._now()
        lost = [delivery for delivery, _ in batch if delivery.lost or now >= delivery.deadline]
        if lost:
            self._emit(facts.SettleFailed(self._pipeline, "dead-letter", NOT_OURS.code, len(lost), final=True))
        return lost

    def _unaccepted(self, delivery: Delivery, rejected: Rejected) -> Ending | None:
        """No dead-letter queue has it: it is left to the redrive policy, or tried again, in hand (None) if it may."""
        letters, alone = self._dead_letters, self._alone_seconds
        if alone is not None and (letters is None or delivery.message_id in letters.lasting):
            if self._buffer.await_turn(delivery, rejected):
                return None
            return self._endings.left_to_redrive(delivery, rejected, seconds=alone)
        retried = Retried("dead-letter-refused", detail=rejected.reason)
        if self._buffer.keep(delivery, retried if letters else Retried(rejected.reason, detail=rejected.detail)):
            return None
        if letters:
            return self._endings.retried(delivery, retried)
        return self._endings.left_to_redrive(delivery, rejected)
