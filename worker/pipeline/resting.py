"""Resting: groups that wait until a message of theirs is tried again, or comes again; how much of the room they take.

Takes lanes with the time at which they wake, and calls *wake* then. Called by `Lanes`, its groups and
their retries alone.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.message import Delivery
    from worker.pipeline.lane import Lane


class Rests:
    """All rests of one queue."""

    def __init__(self, wake: Callable[[Lane], None], *, changed: Callable[[], None]) -> None:
        self._wake = wake
        self._changed = changed
        """Told when `messages` has changed by a rest that began or ended."""
        self._loop = asyncio.get_running_loop()
        self.messages = 0
        """Waiting in lanes that rest. Written by `_count`."""
        self.bytes = 0
        """Of them. Written as `messages`."""

    def begin(self, lane: Lane, until: float) -> None:
        """*lane* hands nothing out until loop time *until*."""
        lane.rest = self._loop.call_at(until, self._wake, lane)
        self._count(lane, len(lane.waiting), lane.waiting_bytes)
        self._changed()

    def joined(self, lane: Lane, delivery: Delivery) -> None:
        """One more waits in *lane*, whether it rests or not."""
        if lane.rest is not None:
            self._count(lane, 1, delivery.weight)

    def end(self, lane: Lane) -> None:
        """*lane* rests no more, if it did."""
        if lane.rest is None:
            return
        lane.wake()
        self._count(lane, -lane.resting, -lane.resting_bytes)
        self._changed()

    def _count(self, lane: Lane, messages: int, size: int) -> None:
        lane.resting += messages
        lane.resting_bytes += size
        self.messages += messages
        self.bytes += size
