"""The order in which queues hand out: arrival on standard queues.

An order holds what may be handed out and knows nothing of time or counts; the queue's state tells it what happened.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol

from worker.loopback.messages import VISIBLE

if TYPE_CHECKING:
    from worker.loopback.messages import Stored


class HandingOrder(Protocol):
    """What a queue's state asks of an order."""

    def enter(self, message: Stored) -> None:
        """A message has arrived, visible or delayed."""
        ...

    def show(self, message: Stored, *, was_in_flight: bool) -> None:
        """A delayed or in-flight message is visible."""
        ...

    def take(self) -> Stored | None:
        """Give the next visible message away; it is in flight for this order until `show` or `leave`."""
        ...

    def head(self) -> Stored | None:
        """The message that `take` would give."""
        ...

    def taken(self) -> None:
        """The receive that called `take` is complete."""
        ...

    def leave(self, message: Stored, *, was_in_flight: bool) -> None:
        """A message is gone: deleted, moved or expired."""
        ...


class StandardOrder:
    """First come, first served; what comes back goes to the end."""

    def __init__(self) -> None:
        self._ready: deque[Stored] = deque()

    def enter(self, message: Stored) -> None:
        """A visible message waits at the end; a delayed one is not ours yet."""
        if message.state == VISIBLE:
            self._ready.append(message)

    def show(self, message: Stored, *, was_in_flight: bool) -> None:  # noqa: ARG002 - the protocol's, for FIFO
        """It waits at the end."""
        self._ready.append(message)

    def take(self) -> Stored | None:
        """Skip those deleted while they waited (a handle outlives its lease on standard queues)."""
        ready = self._ready
        while ready:
            message = ready.popleft()
            if message.state == VISIBLE:
                return message
        return None

    def head(self) -> Stored | None:
        """The one that has waited longest."""
        ready = self._ready
        while ready and ready[0].state != VISIBLE:
            ready.popleft()
        return ready[0] if ready else None

    def taken(self) -> None:
        """Nothing is locked on a standard queue."""

    def leave(self, message: Stored, *, was_in_flight: bool) -> None:
        """Nothing to do: if it still waits here, `take` skips it."""
