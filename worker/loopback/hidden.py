"""The hidden messages of one queue, by the time at which each is visible again.

One heap, in which an entry is stale once its message has another time or is hidden no more; stale ones are passed over
and thinned out when they are more than the live ones. Owned by one queue's state.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final

from worker.loopback.messages import DELAYED, IN_FLIGHT

if TYPE_CHECKING:
    from worker.loopback.messages import Stored

_SLACK: Final = 1024
"""Stale entries that are always tolerated; beyond, at most as many as live ones."""


class Hidden:
    """Which hidden message is visible again next."""

    def __init__(self) -> None:
        self.entries: list[tuple[float, int, Stored]] = []

    def add(self, message: Stored, until: float) -> None:
        """*message* is hidden until *until*, whatever was said before."""
        message.visible_at = until
        heapq.heappush(self.entries, (until, message.number, message))

    def due(self, now: float) -> Stored | None:
        """The next message whose time has come; it is no longer among the hidden ones."""
        entries = self.entries
        while entries and entries[0][0] <= now:
            at, _, message = heapq.heappop(entries)
            if message.visible_at == at and message.state in {DELAYED, IN_FLIGHT}:
                return message
        return None

    def next_at(self) -> float | None:
        """When to look again; may be early, never late."""
        return self.entries[0][0] if self.entries else None

    def thin(self, live: int) -> None:
        """Drop the stale entries once they are more than the *live* ones."""
        if len(self.entries) > 2 * live + _SLACK:
            self.entries = [e for e in self.entries if e[2].visible_at == e[0] and e[2].state in {DELAYED, IN_FLIGHT}]
            heapq.heapify(self.entries)

    def clear(self) -> None:
        """Forget all of them."""
        self.entries = []
