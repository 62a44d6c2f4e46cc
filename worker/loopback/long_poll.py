"""Long polls: receives that wait for messages, answered in the order they came, each at most once.

Takes receives that found nothing, gives each its messages or, when its time is over, an empty answer. One timer per
waiting receive and one per queue for the next message that becomes visible; none at all while nobody waits.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.loopback.messages import Stored

    Done = Callable[[list[Stored]], None]

_TICK_SECONDS: Final = 0.001
"""Shortest timer: rounding between the two clocks must not make a timer fire early for ever at one instant."""


class ReceiveRequest(NamedTuple):
    """What a receive asks for; None: as the queue says."""

    limit: int = 1
    wait_seconds: float | None = None
    visibility_seconds: int | None = None
    attempt_id: str | None = None


class LongPoll:
    """One waiting receive."""

    __slots__ = ("_polls", "_timer", "done", "request")

    def __init__(self, polls: LongPolls, request: ReceiveRequest, done: Done, wait_seconds: float) -> None:
        self.request = request
        self.done = done
        self._polls = polls
        self._timer = asyncio.get_running_loop().call_later(wait_seconds, self.finish, [])

    def finish(self, messages: list[Stored]) -> None:
        """Answer; the line or the timer calls this, once."""
        self.cancel()
        self.done(messages)

    def cancel(self) -> None:
        """The asker is gone: nothing is handed out to it."""
        self._timer.cancel()
        self._polls.leave(self)


class LongPolls:
    """The receives that wait at one queue. Written by the queue's state and by its waiters."""

    def __init__(self) -> None:
        self._waiters: deque[LongPoll] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def __bool__(self) -> bool:
        return bool(self._waiters)

    def join(self, request: ReceiveRequest, done: Done, wait_seconds: float) -> LongPoll:
        """Wait at the end of the line."""
        waiter = LongPoll(self, request, done, wait_seconds)
        self._waiters.append(waiter)
        return waiter

    def leave(self, waiter: LongPoll) -> None:
        """Stand in it no longer."""
        if waiter in self._waiters:
            self._waiters.remove(waiter)
        if not self._waiters:
            self._disarm()

    def first(self) -> LongPoll:
        """Whose turn it is."""
        return self._waiters[0]

    def arm(self, seconds: float, wake: Callable[[], None]) -> None:
        """Call *wake* in *seconds*, unless a later `arm` or an empty line comes first."""
        self._disarm()
        self._timer = asyncio.get_running_loop().call_later(max(seconds, _TICK_SECONDS), wake)

    def close(self) -> None:
        """The queue is gone: everybody goes away empty-handed."""
        while self._waiters:
            self._waiters[0].finish([])

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
