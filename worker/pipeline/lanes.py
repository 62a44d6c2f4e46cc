"""Lanes: the buffer of a FIFO queue. Groups side by side, strict order inside a group.

Takes what the buffer takes and gives batches as it does, but nothing of a group is handed out while an earlier message
of it is unresolved. Resolved is: accepted by the sink, or accepted by the dead-letter queue. One that is to be tried
again stays here, and its group behind it, until its pause is over: nothing of it is received twice. What has to go back
to the queue (at a stop, when there is no room, when a lease was lost) takes along everything behind it, the newest
first, so that the earlier one comes first again.

SQS keeps back what was sent after a hidden message, and nothing else: an earlier message whose lease is over may be
with another worker while we hold the later ones, so they are not begun.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.outcome import Done, Rejected, Released, Retried
from worker.pipeline.group_retries import GroupRetries
from worker.pipeline.groups import Groups
from worker.pipeline.lane import HELD_BACK, newest_first, order_of
from worker.pipeline.resting import Rests
from worker.pipeline.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from worker.facts import Emit
    from worker.message import Delivery
    from worker.outcome import Outcome, OutcomeName
    from worker.pipeline.holding import Holding
    from worker.pipeline.lane import Lane
    from worker.pipeline.life import Life
    from worker.pipeline.sizing import Sizing

    Settled = tuple[Delivery, Outcome]


class Lanes:
    """The buffer by message group."""

    def __init__(
        self,
        sizing: Sizing,
        holding: Holding,
        *,
        life: Life,
        settle: Callable[[list[Settled]], None],
        rested: Callable[[], None],
        emit: Emit,
        pipeline: str,
    ) -> None:
        self._life = life
        self._settle = settle
        """Takes what has to go back when nobody asked."""
        self._rests = Rests(self._wake, changed=rested)
        self._groups = Groups(self._rests)
        self._turns = Turns(self._groups, sizing, settle)
        self._runs = self._turns.runs
        self._retries = GroupRetries(
            holding,
            groups=self._groups,
            rests=self._rests,
            turns=self._turns,
            life=life,
            emit=emit,
            pipeline=pipeline,
        )
        self._unbegun: list[Delivery] = []  # written by close and unbegun

    def __len__(self) -> int:
        return self._groups.waiting + len(self._runs) + len(self._unbegun)

    @property
    def ready(self) -> bool:
        """Whether there are runs; what waits in lanes waits for others, perhaps for what the sink did not take."""
        return len(self._runs) > 0

    @property
    def resting(self) -> int:
        """Messages of groups that wait for one of theirs to be tried again."""
        return self._rests.messages

    def put(self, deliveries: Sequence[Delivery]) -> list[Settled]:
        """Append what a receive brought, each to its lane, in the order of the queue; all of it is to be begun."""
        touched: dict[str, Lane] = {}
        for delivery in deliveries:
            lane = self._groups.lane_of(delivery)
            touched[lane.group] = lane
            self._groups.wait(lane, delivery)
            if lane.absent == delivery.message_id:
                self._rests.end(lane)
        for lane in touched.values():
            self._turns.offer(lane)
        return []

    def written(self, deliveries: Sequence[Delivery]) -> None:
        """These came again, were written before and are being deleted: their groups follow them."""
        for delivery in deliveries:
            self._groups.lane_of(delivery).written[delivery.message_id] = delivery

    def take_back(self) -> list[Delivery]:
        """Nothing: what is given back of a group holds up the rest of it."""
        return []

    @property
    def closed(self) -> bool:
        """Nothing more will come."""
        return self._runs.closed

    def nudge(self) -> None:
        """Let one who waits in `take` look for other work."""
        self._runs.nudge()

    def flush(self) -> None:
        """Let no batch wait for more."""
        self._runs.flush()

    async def take(self) -> list[Delivery]:
        """The next batch: whole runs of groups, each in order; empty when closed."""
        return await self._runs.take()

    def close(self) -> None:
        """End of input."""
        self._unbegun = newest_first([*self._runs.close(), *self._groups.close()])

    def unbegun(self) -> list[Delivery]:
        """Take out what nobody has begun, the newest first."""
        unbegun, self._unbegun = self._unbegun, []
        return unbegun

    def decided(self, settled: Iterable[Settled]) -> list[Settled]:
        """The outcomes of a batch as they are to be settled: without what is tried again here, and with what follows
        those that go back, the newest first.
        """
        done: list[Settled] = []
        back: list[Settled] = []
        broken: dict[str, Lane] = {}
        for delivery, outcome in settled:
            lane = self._groups.lane_of(delivery)
            match outcome:
                case Done():
                    done.append((delivery, outcome))
                    lane.written[delivery.message_id] = delivery
                    self._turns.resolve(lane)
                case Rejected():
                    done.append((delivery, outcome))
                    lane.rejecting[delivery.message_id] = outcome
                case Retried() if lane.group not in broken and self._retries.hold(lane, delivery, outcome):
                    pass
                case Released() if outcome == HELD_BACK and lane.group not in broken and self._turns.may_stay(lane):
                    self._life.wait(delivery)
                    self._groups.put_back(lane, delivery)
                case _:
                    broken[lane.group] = lane
                    back.append((delivery, outcome))
        # What waits behind a failure is taken out first: resolving what failed would hand it out.
        held: list[Settled] = [pair for lane in broken.values() for pair in self._turns.hold_back(lane)]
        for delivery, _ in back:
            self._turns.give_back(delivery)
        return done + sorted(back + held, key=lambda pair: order_of(pair[0]), reverse=True)

    def keep(self, delivery: Delivery, retried: Retried) -> bool:
        """Whether a rejected one that no dead-letter queue took stays here, to be tried again."""
        lane = self._groups.find(delivery)
        if lane is None or delivery.message_id not in lane.rejecting or not self._retries.hold(lane, delivery, retried):
            return False
        del lane.rejecting[delivery.message_id]
        return True

    def await_turn(self, delivery: Delivery, rejected: Rejected) -> bool:
        """Whether a rejected one that only the redrive policy can move waits here for what is before it in its group.

        Given back earlier, it would be lost sight of, and what is behind it would overtake it.
        """
        lane = self._groups.find(delivery)
        if lane is None or delivery.message_id not in lane.rejecting:
            return False
        if not lane.has_earlier(delivery):
            return False
        del lane.rejecting[delivery.message_id]
        lane.hopeless[delivery.message_id] = rejected
        self._life.wait(delivery)
        self._groups.put_back(lane, delivery)
        self._turns.offer(lane)
        return True

    def departed(
        self, deliveries: Sequence[Delivery], outcome: OutcomeName, unresolved: Sequence[Delivery]
    ) -> list[Settled]:
        """What left the ledger, and which of it is neither done nor dead-lettered; returns what that holds back."""
        back = {delivery.message_id for delivery in unresolved}
        held: list[Settled] = []
        for delivery in deliveries:
            lane = self._groups.find(delivery)
            if lane is None:
                continue  # closed meanwhile
            message_id = delivery.message_id
            if lane.written.get(message_id) is delivery:
                del lane.written[message_id]
                held += self._turns.tear(lane) if message_id in back else []
            elif message_id in lane.returning:
                lane.returning.discard(message_id)
            elif message_id in lane.rejecting:
                rejected = lane.rejecting.pop(message_id)
                lane.one_less_out()
                if message_id in back:
                    held += self._retries.given_back_alone(lane, delivery, outcome, rejected)
            self._turns.offer(lane)
            self._groups.forget(lane)
        return held

    def _wake(self, lane: Lane) -> None:
        """Its rest is over."""
        if back := self._retries.rest_over(lane):
            self._settle(back)
        self._turns.offer(lane)
        self._groups.forget(lane)
