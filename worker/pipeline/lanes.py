"""Lanes: the buffer of a FIFO queue. Groups side by side, strict order inside a group.

Takes what the buffer takes and gives batches as it does, but nothing of a group is handed out while an earlier message
of it is unresolved. Resolved is: accepted by the sink, or accepted by the dead-letter queue. When one goes back to the
queue instead (a retry, a release, a lost lease), everything behind it goes back too, the newest first, so that the
earlier one comes first again. SQS itself keeps a group locked while one message of it is in flight.

A lane without messages is forgotten, so a million groups cost no more than those in hand.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from worker.channel import Channel
from worker.outcome import DONE, Done, Rejected, Released

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from worker.message import Delivery, Message
    from worker.outcome import Outcome
    from worker.pipeline.sizing import Sizing

FULL: Final = 1_000_000
"""Weight of a full batch: a run weighs the larger of its share of the rows and its share of the bytes."""
HELD_BACK: Final = Released("group")
"""Not handled, since an earlier message of its group was not resolved."""


@dataclass(slots=True)
class Lane:
    """What is in hand of one group. Written by `Lanes` alone."""

    waiting: deque[Delivery] = field(default_factory=deque)
    out: int = 0
    """Handed out and not resolved."""
    rejecting: set[str] = field(default_factory=set)
    """Message ids on their way to the dead-letter queue; part of `out`."""
    returning: set[str] = field(default_factory=set)
    """Message ids on their way back to the queue, which may hand them out again before it has told us so."""

    @property
    def empty(self) -> bool:
        """Nothing of the group is in hand."""
        return not (self.out or self.waiting or self.returning)


class Lanes:
    """The buffer by message group."""

    def __init__(self, sizing: Sizing) -> None:
        self._sizing = sizing
        self._lanes: dict[str, Lane] = {}  # by group; written by put, decided, left, close
        self._runs: Channel[list[Delivery]] = Channel(self._weigh)
        self._unbegun: list[Delivery] = []  # written by close and unbegun
        self._waiting = 0  # deliveries waiting in lanes and runs; written as _lanes, and by take

    def __len__(self) -> int:
        return self._waiting

    def put(self, deliveries: Sequence[Delivery]) -> list[tuple[Delivery, Outcome]]:
        """Append what a receive brought, each to its lane, in the order of the queue.

        Returns what must go back: an earlier message of its group is going back already.
        """
        touched: dict[str, Lane] = {}
        behind: list[Delivery] = []
        for delivery in deliveries:
            lane = self._lane(delivery)
            if lane.returning:
                lane.returning.add(delivery.message_id)
                behind.append(delivery)
                continue
            touched[group_of(delivery)] = lane
            insert_in_order(lane.waiting, delivery)
            self._waiting += 1
        for lane in touched.values():
            self._offer(lane)
        return [(delivery, HELD_BACK) for delivery in newest_first(behind)]

    @property
    def closed(self) -> bool:
        """Nothing more will come."""
        return self._runs.closed

    def nudge(self) -> None:
        """Let one who waits in `take` look for other work."""
        self._runs.nudge()

    async def take(self) -> list[Delivery]:
        """The next batch: whole runs of groups, each in order; empty when closed."""
        sizing = self._sizing
        full = FULL * sizing.rows // sizing.max_rows
        runs = await self._runs.take(sizing.rows, weight=full, linger=sizing.wait_seconds)
        batch = [delivery for run in runs for delivery in run]
        self._waiting -= len(batch)
        return batch

    def close(self) -> None:
        """End of input."""
        unbegun = [delivery for run in self._runs.empty() for delivery in run]
        unbegun += [delivery for lane in self._lanes.values() for delivery in lane.waiting]
        self._unbegun = newest_first(unbegun)
        self._lanes.clear()
        self._runs.close()

    def unbegun(self) -> list[Delivery]:
        """Take out what nobody has begun, the newest first."""
        unbegun, self._unbegun = self._unbegun, []
        self._waiting -= len(unbegun)
        return unbegun

    def decided(self, settled: Iterable[tuple[Delivery, Outcome]]) -> list[tuple[Delivery, Outcome]]:
        """The outcomes of a batch as they are to be settled: with what they hold back, the newest first."""
        done: list[tuple[Delivery, Outcome]] = []
        back: list[tuple[Delivery, Outcome]] = []
        broken: set[str] = set()
        for delivery, outcome in settled:
            group = group_of(delivery)
            match outcome:
                case Done():
                    done.append((delivery, outcome))
                    self._resolve(delivery)
                case Rejected():
                    done.append((delivery, outcome))
                    self._lane(delivery).rejecting.add(delivery.message_id)
                case Released() if outcome is HELD_BACK and group not in broken and not self._runs.closed:
                    self._put_back(delivery)
                case _:
                    broken.add(group)
                    back.append((delivery, outcome))
        # What waits behind a failure is taken out first: resolving what failed would hand it out.
        held: list[tuple[Delivery, Outcome]] = [(one, HELD_BACK) for group in broken for one in self._give_back(group)]
        for delivery, _ in back:
            self._return(delivery)
        return done + sorted(back + held, key=lambda pair: order_of(pair[0]), reverse=True)

    def left(self, deliveries: Sequence[Delivery], unresolved: Sequence[Delivery]) -> list[tuple[Delivery, Outcome]]:
        """What left the ledger. A rejected one is resolved by the dead-letter queue, or holds its group back."""
        back = {delivery.message_id for delivery in unresolved}
        held: list[tuple[Delivery, Outcome]] = []
        for delivery in deliveries:
            group = group_of(delivery)
            lane = self._lanes.get(group)
            if lane is None:
                continue  # closed meanwhile
            if delivery.message_id in lane.returning:
                lane.returning.discard(delivery.message_id)
                self._forget(group, lane)
            elif delivery.message_id in lane.rejecting:
                lane.rejecting.discard(delivery.message_id)
                if delivery.message_id in back:
                    held += [(waiting, HELD_BACK) for waiting in self._give_back(group)]
                self._resolve(delivery)
        return held

    # ── one lane ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _lane(self, delivery: Delivery) -> Lane:
        return self._lanes.setdefault(group_of(delivery), Lane())

    def _offer(self, lane: Lane) -> None:
        """Hand out the next run, unless something of the group is unresolved."""
        if lane.out or lane.returning or not lane.waiting or self._runs.closed:
            return
        run = [lane.waiting.popleft() for _ in range(min(len(lane.waiting), self._sizing.rows))]
        lane.out = len(run)
        self._runs.put([run])

    def _put_back(self, delivery: Delivery) -> None:
        """Not begun after all: it waits again, until the rejected one before it is resolved."""
        lane = self._lane(delivery)
        lane.out -= 1
        insert_in_order(lane.waiting, delivery)
        self._waiting += 1

    def _resolve(self, delivery: Delivery) -> None:
        group = group_of(delivery)
        lane = self._lanes.get(group)
        if lane is None:
            return  # closed meanwhile
        lane.out = max(0, lane.out - 1)
        self._offer(lane)
        self._forget(group, lane)

    def _return(self, delivery: Delivery) -> None:
        """It goes back unresolved; until it has left, nothing of its group is begun."""
        lane = self._lanes.get(group_of(delivery))
        if lane is not None:
            lane.out = max(0, lane.out - 1)
            lane.returning.add(delivery.message_id)

    def _give_back(self, group: str) -> list[Delivery]:
        """Take out what waits in a lane, the newest first."""
        lane = self._lanes.get(group)
        if lane is None:
            return []
        held = newest_first(lane.waiting)
        lane.waiting.clear()
        lane.returning.update(delivery.message_id for delivery in held)
        self._waiting -= len(held)
        return held

    def _forget(self, group: str, lane: Lane) -> None:
        if lane.empty:
            del self._lanes[group]

    def _weigh(self, run: list[Delivery]) -> int:
        rows = len(run) * FULL // self._sizing.max_rows
        size = sum(delivery.weight for delivery in run) * FULL // self._sizing.max_bytes
        return max(rows, size)


def group_of(delivery: Delivery) -> str:
    """The group whose order counts; a FIFO queue gives every message one."""
    return delivery.group_id or delivery.message_id


def order_of(delivery: Delivery) -> int:
    """The place in the queue: sequence numbers of a FIFO queue grow."""
    return int(delivery.sequence_number or 0)


def newest_first(deliveries: Iterable[Delivery]) -> list[Delivery]:
    """The order in which a group is given back: it unlocks only with the earliest."""
    return sorted(deliveries, key=order_of, reverse=True)


def insert_in_order(waiting: deque[Delivery], delivery: Delivery) -> None:
    """Almost always at the end; before the later ones when an earlier message came again."""
    place = len(waiting)
    while place and order_of(waiting[place - 1]) > order_of(delivery):
        place -= 1
    waiting.insert(place, delivery)


def held_back(records: Sequence[Message], answers: Sequence[Outcome], *, all_behind: bool = False) -> list[Outcome]:
    """The answers of a batch with order in its groups: behind a failed record of a group nothing of it is tried.

    What the sink has taken all the same stays taken, unless nothing was given to it yet (*all_behind*).
    """
    stopped: set[str | None] = set()
    kept: list[Outcome] = []
    for record, answer in zip(records, answers, strict=True):
        if (all_behind or answer is not DONE) and record.group_id in stopped:
            kept.append(HELD_BACK)
            continue
        if answer is not DONE:
            stopped.add(record.group_id)
        kept.append(answer)
    return kept
