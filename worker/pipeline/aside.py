"""Aside: batches that the sink did not take, between two tries.

Takes parts with what the sink made of them so far, gives each back when its next try is due, in turns. Their leases
are kept, their handler is free for others. What is still here when everybody has ended is to be given back.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING

from worker.deadlines import RESOLUTION_SECONDS
from worker.pipeline.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.message import Delivery, Message


@dataclass(slots=True, eq=False)
class Part:
    """A batch, or what is left of one, on its way into the sink."""

    deliveries: list[Delivery]
    records: list[Message]
    """Decoded; one for each delivery."""
    trial: Trial = field(default_factory=Trial)

    def only(self, places: list[int], trial: Trial) -> Part:
        """Those at *places* alone."""
        return Part([self.deliveries[at] for at in places], [self.records[at] for at in places], trial)

    def again(self, answers: Sequence[object]) -> list[Part]:
        """What the sink did not take, each with those that failed together with it."""
        places: dict[Trial, list[int]] = {}
        for place, answer in enumerate(answers):
            if isinstance(answer, Trial):
                places.setdefault(answer, []).append(place)
        return [self.only(its, trial) for trial, its in places.items()]

    def halves(self, *, ordered: bool) -> tuple[list[Part], list[Delivery]]:
        """Two parts, and with order in the groups what is behind the first in one of its groups."""
        middle = len(self.records) // 2
        first, rest = list(range(middle)), list(range(middle, len(self.records)))
        stopped = {self.records[at].group_id for at in first} if ordered else set()
        free = [at for at in rest if self.records[at].group_id not in stopped]
        parts = [self.only(places, self.trial.half()) for places in (first, free) if places]
        return parts, [self.deliveries[at] for at in rest if self.records[at].group_id in stopped]


class Aside:
    """One per pipeline, shared by its handlers."""

    def __init__(self, nudge: Callable[[], None]) -> None:
        self._nudge = nudge
        """Wakes a handler that waits for messages."""
        self._parts: deque[Part] = deque()  # whose turn is longest ago first; written by put, remove, clear
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None  # of the first that is due; written by _look_at
        self.messages = 0
        """Written as `_parts`."""
        self.trying = 0
        """Messages whose next try is under way. Written by the handler."""

    def __len__(self) -> int:
        return len(self._parts)

    @property
    def failed(self) -> int:
        """Messages that the sink did not take yet."""
        return self.messages + self.trying

    def blamed(self) -> int:
        """Messages that have failed alone, and while others were taken."""
        return sum(part.trial.blamed and len(part.records) == 1 for part in self._parts)

    def put(self, part: Part) -> None:
        """Keep it until it is due."""
        self._parts.append(part)
        self.messages += len(part.records)
        self._look()

    def put_first(self, parts: Sequence[Part]) -> None:
        """The halves of a part have its turn: a record that is alone is soon found, and says more than a batch."""
        self._parts.extendleft(reversed(parts))
        self.messages += sum(len(part.records) for part in parts)
        self._look()

    def due(self) -> Part | None:
        """The next whose time has come."""
        now = self._loop.time() + RESOLUTION_SECONDS
        for part in self._parts:
            if part.trial.due <= now:
                self.remove(part)
                return part
        return None

    def parts(self) -> list[Part]:
        """All of them, as they are now."""
        return list(self._parts)

    def remove(self, part: Part) -> None:
        """Take it out before it is due."""
        self._parts.remove(part)
        self.messages -= len(part.records)
        self._look()

    async def next(self) -> Part | None:
        """Wait for the next; None when there is none, but for those whose calls hang: nobody knows how long."""
        while any(not part.trial.hanging for part in self._parts):
            if (part := self.due()) is not None:
                return part
            await asyncio.sleep(min(part.trial.due for part in self._parts) - self._loop.time())
        return None

    def hasten(self) -> None:
        """The sink is back: everything is due at once."""
        for part in self._parts:
            part.trial.due = self._loop.time()
        self._look()

    def clear(self) -> list[Delivery]:
        """Take out everything."""
        parts, self.messages = list(self._parts), 0
        self._parts.clear()
        self._look()
        return [delivery for part in parts for delivery in part.deliveries]

    def _look(self) -> None:
        """Wake somebody now if a part is due, and when the next one will be."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        due = min((part.trial.due for part in self._parts), default=inf)
        if due < inf:
            self._timer = self._loop.call_at(due, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self._nudge()
