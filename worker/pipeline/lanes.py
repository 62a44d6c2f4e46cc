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
    from worker.outcome import Outcome, OutcomeName
    from worker.pipeline.buffer import BatchSettings

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


class Lanes:
    """The buffer by message group."""

    def __init__(self, settings: BatchSettings) -> None:
        self._settings = settings
        self._lanes: dict[str, Lane] = {}  # by group; written by put, decided, left, close
        self._runs: Channel[list[Delivery]] = Channel(self._weigh)
        self._waiting = 0  # deliveries waiting in lanes and runs; written as _lanes, and by take

    def __len__(self) -> int:
        return self._waiting

    def put(self, deliveries: Sequence[Delivery]) -> None:
        """Append what a receive brought, each to its lane, in the order of the queue."""
        touched: dict[str, Lane] = {}
        for delivery in deliveries:
            lane = touched[group_of(delivery)] = self._lane(delivery)
            insert_in_order(lane.waiting, delivery)
        self._waiting += len(deliveries)
        for lane in touched.values():
            self._offer(lane)

    async def take(self) -> list[Delivery]:
        """The next batch: whole runs of groups, each in order; empty when closed."""
        settings = self._settings
        runs = await self._runs.take(settings.max_rows, weight=FULL, linger=settings.max_wait_seconds)
        batch = [delivery for run in runs for delivery in run]
        self._waiting -= len(batch)
        return batch

    def close(self) -> list[Delivery]:
        """End of input; returns what nobody has begun, the newest first."""
        left = [delivery for run in self._runs.empty() for delivery in run]
        left += [delivery for lane in self._lanes.values() for delivery in lane.waiting]
        self._lanes.clear()
        self._waiting = 0
        self._runs.close()
        return newest_first(left)

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
                    self._resolve(delivery)
        held = [(delivery, HELD_BACK) for group in broken for delivery in self._give_back(group)]
        back += held
        return done + sorted(back, key=lambda pair: order_of(pair[0]), reverse=True)

    def left(self, deliveries: Sequence[Delivery], outcome: OutcomeName) -> list[tuple[Delivery, Outcome]]:
        """What left the ledger. A rejected one is resolved by the dead-letter queue, or holds its group back."""
        held: list[tuple[Delivery, Outcome]] = []
        for delivery in deliveries:
            lane = self._lanes.get(group_of(delivery))
            if lane is None or delivery.message_id not in lane.rejecting:
                continue
            lane.rejecting.discard(delivery.message_id)
            if outcome in {"retried", "released"}:
                held += [(waiting, HELD_BACK) for waiting in self._give_back(group_of(delivery))]
            self._resolve(delivery)
        return held

    # ── one lane ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _lane(self, delivery: Delivery) -> Lane:
        return self._lanes.setdefault(group_of(delivery), Lane())

    def _offer(self, lane: Lane) -> None:
        """Hand out the next run, unless something of the group is unresolved."""
        if lane.out or not lane.waiting or self._runs.closed:
            return
        run = [lane.waiting.popleft() for _ in range(min(len(lane.waiting), self._settings.max_rows))]
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
        if lane.out == 0 and not lane.waiting:
            del self._lanes[group]
        else:
            self._offer(lane)

    def _give_back(self, group: str) -> list[Delivery]:
        """Take out what waits in a lane, the newest first."""
        lane = self._lanes.get(group)
        if lane is None:
            return []
        held = newest_first(lane.waiting)
        lane.waiting.clear()
        self._waiting -= len(held)
        if lane.out == 0:
            del self._lanes[group]
        return held

    def _weigh(self, run: list[Delivery]) -> int:
        rows = len(run) * FULL // self._settings.max_rows
        size = sum(delivery.weight for delivery in run) * FULL // self._settings.max_bytes
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


def held_back(records: Sequence[Message], answers: Sequence[Outcome]) -> list[Outcome]:
    """The answers of a batch with order in its groups: behind a failed record of a group nothing of it is tried."""
    stopped: set[str | None] = set()
    kept: list[Outcome] = []
    for record, answer in zip(records, answers, strict=True):
        if answer is not DONE and record.group_id in stopped:
            kept.append(HELD_BACK)
            continue
        if answer is not DONE:
            stopped.add(record.group_id)
        kept.append(answer)
    return kept
