"""Lane: what is in hand of one message group, and in which order it may go on.

Takes no decision; `lanes.py`, `turns.py` and `group_retries.py` write it, and `groups.py` what waits in it. A lane is
*broken* when an earlier message of it may be in somebody else's hands by now: then nothing of it is begun.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from worker.outcome import DONE, Released

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable, Sequence

    from worker.message import Delivery, Message
    from worker.outcome import Outcome, Rejected

HELD_BACK: Final = Released("group")
"""Not handled, since an earlier message of its group was not resolved."""


@dataclass(slots=True, eq=False)
class Lane:
    """What is in hand of one group."""

    group: str
    waiting: deque[Delivery] = field(default_factory=deque)
    out: int = 0
    """Handed out and not resolved."""
    written: dict[str, Delivery] = field(default_factory=dict)
    """Accepted by the sink, and not known to be deleted; by message id."""
    rejecting: dict[str, Rejected] = field(default_factory=dict)
    """On their way to the dead-letter queue, by message id; part of `out`."""
    returning: set[str] = field(default_factory=set)
    """Message ids on their way back to the queue, which may hand them out again before it has told us so."""
    rest: asyncio.TimerHandle | None = None
    """Ends the pause of a message that is tried again, or the wait for one that is absent."""
    resting: int = 0
    """Messages waiting in it while it rests; counted by `Rests`, as are their bytes."""
    resting_bytes: int = 0
    absent: str = ""
    """Message id of the earliest, which was given back alone and is to come again."""
    hopeless: dict[str, Rejected] = field(default_factory=dict)
    """Had their tries, and only the redrive policy can move them: given back alone when they are the earliest."""
    torn: bool = False
    """An earlier one has left unresolved while later ones were out: none of those is begun."""

    @property
    def empty(self) -> bool:
        """Nothing of the group is in hand, and nothing of it expected."""
        return not (self.out or self.waiting or self.returning or self.written or self.rest)

    @property
    def free(self) -> bool:
        """What waits may be handed out."""
        return bool(self.waiting) and not (self.out or self.returning or self.rest)

    def broken(self, now: float) -> bool:
        """Whether an earlier message may be held by somebody else: written here, but its lease is over."""
        return self.torn or any(one.lost or now >= one.deadline for one in self.written.values())

    @property
    def waiting_bytes(self) -> int:
        """Of what waits."""
        return sum(one.weight for one in self.waiting)

    def has_earlier(self, delivery: Delivery) -> bool:
        """Whether something of the group may be before *delivery*, which is out: beside it, or waiting."""
        return self.out > 1 or (bool(self.waiting) and order_of(self.waiting[0]) < order_of(delivery))

    def one_less_out(self) -> None:
        """One that was out is resolved, or goes back, or waits again."""
        self.out = max(0, self.out - 1)

    def wake(self) -> None:
        """No pause and no wait any more."""
        if self.rest is not None:
            self.rest.cancel()
        self.rest, self.absent = None, ""


def group_of(delivery: Delivery) -> str:
    """The group whose order counts; a FIFO queue gives every message one."""
    return delivery.group_id or delivery.message_id


def order_of(delivery: Delivery) -> int:
    """The place in the queue: sequence numbers of a FIFO queue grow."""
    return int(delivery.sequence_number or 0)


def newest_first(deliveries: Iterable[Delivery]) -> list[Delivery]:
    """The order in which a group is given back: the earliest last, so that whoever receives gets it first."""
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
