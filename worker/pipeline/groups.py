"""Groups: all lanes of one FIFO queue, found by group, and how much waits in them.

Takes deliveries into the lanes of their groups and out again; decides nothing. A lane without messages is forgotten.
Called by `Lanes`, its turns and its retries alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.pipeline.lane import Lane, group_of, insert_in_order, newest_first

if TYPE_CHECKING:
    from worker.message import Delivery
    from worker.pipeline.resting import Rests


class Groups:
    """One per queue."""

    def __init__(self, rests: Rests) -> None:
        self._rests = rests
        self._lanes: dict[str, Lane] = {}  # by group; written by lane_of, forget, close
        self.waiting = 0
        """Deliveries in lanes that are not handed out. Written with the lanes' own `waiting`."""

    def lane_of(self, delivery: Delivery) -> Lane:
        """The lane of its group, a new one if nothing of the group is in hand; the delivery knows it from now on."""
        group = group_of(delivery)
        lane = self._lanes.get(group)
        if lane is None:
            lane = self._lanes[group] = Lane(group)
        delivery.lane = lane
        return lane

    def __len__(self) -> int:
        return len(self._lanes)

    def find(self, delivery: Delivery) -> Lane | None:
        """The lane of its group, if there is one."""
        return self._lanes.get(group_of(delivery))

    def wait(self, lane: Lane, delivery: Delivery) -> None:
        """It waits in *lane*, in the order of the queue."""
        insert_in_order(lane.waiting, delivery)
        self.waiting += 1
        self._rests.joined(lane, delivery)

    def put_back(self, lane: Lane, delivery: Delivery) -> None:
        """It was out, is not resolved after all, and waits again."""
        lane.one_less_out()
        self.wait(lane, delivery)

    def take_first(self, lane: Lane) -> Delivery:
        """Take out the earliest that waits."""
        self.waiting -= 1
        return lane.waiting.popleft()

    def take_run(self, lane: Lane, rows: int) -> list[Delivery]:
        """Take out the earliest that wait, *rows* at the most, up to a hopeless one."""
        run: list[Delivery] = []
        while lane.waiting and len(run) < rows and lane.waiting[0].message_id not in lane.hopeless:
            run.append(lane.waiting.popleft())
        self.waiting -= len(run)
        return run

    def take_all(self, lane: Lane) -> list[Delivery]:
        """Take out all that waits, to go back to the queue: the newest first."""
        self._rests.end(lane)
        held = newest_first(lane.waiting)
        lane.waiting.clear()
        lane.returning.update(delivery.message_id for delivery in held)
        self.waiting -= len(held)
        return held

    def forget(self, lane: Lane) -> None:
        """If nothing of the group is in hand."""
        if lane.empty and self._lanes.get(lane.group) is lane:
            del self._lanes[lane.group]

    def close(self) -> list[Delivery]:
        """Take out all that waits anywhere, and forget all lanes."""
        waiting: list[Delivery] = []
        for lane in self._lanes.values():
            waiting += lane.waiting
            self._rests.end(lane)
        self._lanes.clear()
        self.waiting = 0
        return waiting
