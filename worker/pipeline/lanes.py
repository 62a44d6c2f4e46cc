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

import asyncio
from typing import TYPE_CHECKING

from worker import facts
from worker.outcome import Done, Rejected, Released, Retried
from worker.pipeline.groups import Groups
from worker.pipeline.holding import ABSENT_SECONDS, ALONE_SECONDS
from worker.pipeline.lane import HELD_BACK, newest_first, order_of
from worker.pipeline.resting import Rests
from worker.pipeline.runs import Runs

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
        self._sizing = sizing
        self._holding = holding
        self._life = life
        self._settle = settle
        """Takes what has to go back when nobody asked."""
        self._emit = emit
        self._pipeline = pipeline
        self._loop = asyncio.get_running_loop()
        self._rests = Rests(self._wake, changed=rested)
        self._groups = Groups(self._rests)
        self._runs = Runs(sizing)
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

    # ── the buffer ──────────────────────────────────────────────────────────────────────────────────────────────────

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
            self._offer(lane)
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
                    self._resolve(lane)
                case Rejected():
                    done.append((delivery, outcome))
                    lane.rejecting[delivery.message_id] = outcome
                case Retried() if lane.group not in broken and self._hold(lane, delivery, outcome):
                    pass
                case Released() if outcome is HELD_BACK and lane.group not in broken and self._stays(lane):
                    self._life.wait(delivery)
                    self._groups.put_back(lane, delivery)
                case _:
                    broken[lane.group] = lane
                    back.append((delivery, outcome))
        # What waits behind a failure is taken out first: resolving what failed would hand it out.
        held: list[Settled] = [(one, HELD_BACK) for lane in broken.values() for one in self._groups.take_all(lane)]
        for delivery, _ in back:
            self._return(delivery)
        return done + sorted(back + held, key=lambda pair: order_of(pair[0]), reverse=True)

    def keep(self, delivery: Delivery, retried: Retried) -> bool:
        """Whether a rejected one that no dead-letter queue took stays here, to be tried again."""
        lane = self._groups.find(delivery)
        if lane is None or delivery.message_id not in lane.rejecting or not self._hold(lane, delivery, retried):
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
        self._offer(lane)
        return True

    def left(
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
                held += self._tear(lane) if message_id in back else []
            elif message_id in lane.returning:
                lane.returning.discard(message_id)
            elif message_id in lane.rejecting:
                rejected = lane.rejecting.pop(message_id)
                lane.one_less_out()
                if message_id in back:
                    held += self._unrejected(lane, delivery, outcome, rejected)
            self._offer(lane)
            self._groups.forget(lane)
        return held

    # ── a message that is tried again ───────────────────────────────────────────────────────────────────────────────

    def _hold(self, lane: Lane, delivery: Delivery, retried: Retried) -> bool:
        """Keep it here until its pause is over, if there is room, and time left of SQS's 12 hours."""
        pause = self._holding.pause(delivery, retried)
        until = self._loop.time() + pause
        size = self._rests.bytes + delivery.weight + lane.waiting_bytes
        fits = self._holding.fits(self.resting + len(lane.waiting) + lane.out, size)
        if not (self._stays(lane) and fits and until < delivery.renew_until) or lane.rest or delivery.lost:
            return False
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
        self._life.try_again(delivery)
        self._groups.put_back(lane, delivery)
        self._rests.begin(lane, until)
        return True

    def _wake(self, lane: Lane) -> None:
        """The pause is over; or the absent one has not come, and another worker has it."""
        late = bool(lane.absent)
        self._rests.end(lane)
        if late:
            self._settle([(one, HELD_BACK) for one in self._groups.take_all(lane)])
        self._offer(lane)
        self._groups.forget(lane)

    # ── a message that only the redrive policy can move ─────────────────────────────────────────────────────────────

    def _unrejected(self, lane: Lane, delivery: Delivery, outcome: OutcomeName, rejected: Rejected) -> list[Settled]:
        """It was given back alone: SQS moves it now, or hands it out again until it has been often enough."""
        if outcome != "rejected" or not self._stays(lane):
            return self._tear(lane)
        if self._holding.sealed(delivery):
            return []
        lane.hopeless[delivery.message_id] = rejected
        if any(one.message_id == delivery.message_id for one in lane.waiting):
            return []  # it is here again
        if not self._holding.fits(self.resting + len(lane.waiting), 0):
            return self._tear(lane)
        self._rests.end(lane)
        lane.absent = delivery.message_id
        self._rests.begin(lane, self._loop.time() + ALONE_SECONDS + ABSENT_SECONDS)
        return []

    # ── one lane ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _offer(self, lane: Lane) -> None:
        """Hand out the next run, unless something of the group is unresolved."""
        if not (lane.out or lane.returning):
            lane.torn = False
        if not lane.free or self._runs.closed:
            return
        if lane.broken(self._loop.time()):
            self._settle([(one, HELD_BACK) for one in self._groups.take_all(lane)])
            return
        if lane.hopeless:
            self._reject_first(lane)
        if not lane.out:
            run = self._groups.take_run(lane, self._sizing.rows)
            lane.out = len(run)
            self._runs.put(run)

    def _reject_first(self, lane: Lane) -> None:
        """If the first is hopeless, its turn is to be given back alone."""
        rejected = lane.hopeless.pop(lane.waiting[0].message_id, None)
        if rejected is not None:
            delivery = self._groups.take_first(lane)
            lane.out = 1
            lane.rejecting[delivery.message_id] = rejected
            self._settle([(delivery, rejected)])

    def _stays(self, lane: Lane) -> bool:
        """Whether what was out may wait here again, instead of going back to the queue."""
        return not (lane.torn or self._runs.closed)

    def _resolve(self, lane: Lane) -> None:
        lane.one_less_out()
        self._offer(lane)

    def _return(self, delivery: Delivery) -> None:
        """It goes back unresolved; until it has left, nothing of its group is begun."""
        lane = self._groups.find(delivery)
        if lane is not None:
            lane.one_less_out()
            lane.returning.add(delivery.message_id)

    def _tear(self, lane: Lane) -> list[Settled]:
        """An earlier one may be with somebody else: what waits goes back, and what is out is not begun."""
        lane.torn = lane.out > 0
        return [(one, HELD_BACK) for one in self._groups.take_all(lane)]
