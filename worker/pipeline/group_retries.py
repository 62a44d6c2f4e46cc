"""Group retries: a message that failed is tried again in hand, and its group waits for it.

Takes what failed with what was asked for, and keeps it in its lane until its pause is over, if there is room for the
group and time left of SQS's 12 hours. Of one that was given back alone, since only the redrive policy can move it, the
group waits until it is here again or SQS has moved it. Called by `Lanes` alone, also when a rest is over.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from worker import facts
from worker.pipeline.holding import ABSENT_SECONDS, ALONE_SECONDS

if TYPE_CHECKING:
    from worker.facts import Emit
    from worker.message import Delivery
    from worker.outcome import Outcome, OutcomeName, Rejected, Retried
    from worker.pipeline.groups import Groups
    from worker.pipeline.holding import Holding
    from worker.pipeline.lane import Lane
    from worker.pipeline.life import Life
    from worker.pipeline.resting import Rests
    from worker.pipeline.turns import Turns

    Settled = tuple[Delivery, Outcome]


class GroupRetries:
    """One per queue."""

    def __init__(
        self,
        holding: Holding,
        *,
        groups: Groups,
        rests: Rests,
        turns: Turns,
        life: Life,
        emit: Emit,
        pipeline: str,
    ) -> None:
        self._holding = holding
        self._groups = groups
        self._rests = rests
        self._turns = turns
        self._life = life
        self._emit = emit
        self._pipeline = pipeline
        self._loop = asyncio.get_running_loop()

    def hold(self, lane: Lane, delivery: Delivery, retried: Retried) -> bool:
        """Keep it here until its pause is over, if there is room, and time left of SQS's 12 hours."""
        pause = self._holding.pause(delivery, retried)
        until = self._loop.time() + pause
        if not self._may_hold(lane, delivery, until):
            return False
        self._tell(delivery, retried, pause)
        self._life.try_again(delivery)
        self._groups.put_back(lane, delivery)
        self._rests.begin(lane, until)
        return True

    def _may_hold(self, lane: Lane, delivery: Delivery, until: float) -> bool:
        size = self._rests.bytes + delivery.weight + lane.waiting_bytes
        fits = self._holding.fits(self._rests.messages + len(lane.waiting) + lane.out, size)
        stays = self._turns.may_stay(lane) and fits and until < delivery.renew_until
        return stays and not (lane.rest or delivery.lost)

    def _tell(self, delivery: Delivery, retried: Retried, pause: float) -> None:
        self._emit(
            facts.MessageRetried(
                self._pipeline,
                delivery.message_id,
                retried.reason,
                retried.detail,
                delivery.receive_count,
                round(pause, 3),
            )
        )

    def given_back_alone(
        self, lane: Lane, delivery: Delivery, outcome: OutcomeName, rejected: Rejected
    ) -> list[Settled]:
        """Only the redrive policy can move it: SQS does so now, or hands it out again until it has been often enough.

        Its group waits for it, if there is room; returns what goes back if not.
        """
        if outcome != "rejected" or not self._turns.may_stay(lane):
            return self._turns.tear(lane)
        if self._holding.sealed(delivery):
            return []
        lane.hopeless[delivery.message_id] = rejected
        if any(one.message_id == delivery.message_id for one in lane.waiting):
            return []  # it is here again
        if not self._holding.fits(self._rests.messages + len(lane.waiting), 0):
            return self._turns.tear(lane)
        self._rests.end(lane)
        lane.absent = delivery.message_id
        self._rests.begin(lane, self._loop.time() + ALONE_SECONDS + ABSENT_SECONDS)
        return []

    def rest_over(self, lane: Lane) -> list[Settled]:
        """The pause is over, and nothing goes back; or the absent one has not come, and another worker has it."""
        late = bool(lane.absent)
        self._rests.end(lane)
        return self._turns.hold_back(lane) if late else []
