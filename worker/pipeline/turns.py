"""Turns: which messages of a group may be begun now, and which have to go back to the queue together.

Asked whenever something of a lane has changed. What may be begun goes to the runs, from which handlers take; what must
not stay in hand is settled, or returned to be. Knows no pause. Called by `Lanes` and `GroupRetries` alone.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from worker.pipeline.lane import HELD_BACK
from worker.pipeline.runs import Runs

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.message import Delivery
    from worker.outcome import Outcome
    from worker.pipeline.groups import Groups
    from worker.pipeline.lane import Lane
    from worker.pipeline.sizing import Sizing

    Settled = tuple[Delivery, Outcome]


class Turns:
    """One per queue."""

    def __init__(self, groups: Groups, sizing: Sizing, settle: Callable[[list[Settled]], None]) -> None:
        self._groups = groups
        self._sizing = sizing
        self._settle = settle
        """Takes what has to go back when nobody asked."""
        self._loop = asyncio.get_running_loop()
        self.runs = Runs(sizing)
        """What may be begun."""

    def offer(self, lane: Lane) -> None:
        """Hand out the next run, unless something of the group is unresolved."""
        if not (lane.out or lane.returning):
            lane.torn = False
        if not lane.free or self.runs.closed:
            return
        if lane.broken(self._loop.time()):
            self._settle(self.hold_back(lane))
            return
        if lane.hopeless:
            self._reject_first(lane)
        if not lane.out:
            run = self._groups.take_run(lane, self._sizing.rows)
            lane.out = len(run)
            self.runs.put(run)

    def _reject_first(self, lane: Lane) -> None:
        """If the first is hopeless, its turn is to be given back alone."""
        rejected = lane.hopeless.pop(lane.waiting[0].message_id, None)
        if rejected is not None:
            delivery = self._groups.take_first(lane)
            lane.out = 1
            lane.rejecting[delivery.message_id] = rejected
            self._settle([(delivery, rejected)])

    def may_stay(self, lane: Lane) -> bool:
        """Whether what was out may wait here again, instead of going back to the queue."""
        return not (lane.torn or self.runs.closed)

    def resolve(self, lane: Lane) -> None:
        """One that was out is accepted: the next may be begun."""
        lane.one_less_out()
        self.offer(lane)

    def give_back(self, delivery: Delivery) -> None:
        """It goes back unresolved; until it has left, nothing of its group is begun."""
        lane = self._groups.find(delivery)
        if lane is not None:
            lane.one_less_out()
            lane.returning.add(delivery.message_id)

    def tear(self, lane: Lane) -> list[Settled]:
        """An earlier one may be with somebody else: what waits goes back, and what is out is not begun."""
        lane.torn = lane.out > 0
        return self.hold_back(lane)

    def hold_back(self, lane: Lane) -> list[Settled]:
        """Take out all that waits, to go back to the queue: the newest first."""
        return [(one, HELD_BACK) for one in self._groups.take_all(lane)]
