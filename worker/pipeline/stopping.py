"""Stop: when running dry begins, how long it may take, and whether somebody has lost patience.

Given to every pipeline; asked to stop by a signal, by `--drain`, or by a failure. One deadline counts for all.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

FORCED_SECONDS: Final = 2.0
"""After a second signal: time to give back what is in hand, then leave."""


class Stop:
    """The request to stop, and the deadline that follows from it."""

    def __init__(self, *, drain_seconds: float) -> None:
        self.drain_seconds = drain_seconds
        self.reason = ""  # written by request
        self._loop = asyncio.get_running_loop()
        self._requested: asyncio.Future[None] = self._loop.create_future()  # done by request
        self._forced: asyncio.Future[None] = self._loop.create_future()  # done by force
        self._deadline = 0.0  # loop time; written by request and force

    def request(self, reason: str) -> None:
        """Run dry. A second request changes nothing."""
        if not self._requested.done():
            self.reason = reason
            self._deadline = self._loop.time() + self.drain_seconds
            self._requested.set_result(None)

    def force(self) -> None:
        """Wait for no handler any more: give back and leave."""
        if not self._forced.done():
            self._deadline = min(self._deadline, self._loop.time() + FORCED_SECONDS)
            self._forced.set_result(None)

    @property
    def requested(self) -> bool:
        """Whether running dry has begun."""
        return self._requested.done()

    @property
    def forced(self) -> bool:
        """Whether somebody lost patience."""
        return self._forced.done()

    async def wait(self) -> None:
        """Until stopping is requested."""
        await asyncio.shield(self._requested)

    def deadline(self) -> float:
        """Loop time at which everything is to have ended; counted from now when nobody asked to stop."""
        return self._deadline if self.requested else self._loop.time() + self.drain_seconds

    async def patience(self, tasks: Collection[asyncio.Task[None]], *, until: float) -> None:
        """Wait for *tasks* until *until*, or until it is forced; whichever comes first."""
        while pending := [task for task in tasks if not task.done()]:
            left = until - self._loop.time()
            if left <= 0 or self.forced:
                return
            await asyncio.wait([*pending, self._forced], timeout=left, return_when=asyncio.FIRST_COMPLETED)

    async def last_words(self, tasks: Collection[asyncio.Task[None]], *, until: float) -> None:
        """Wait for *tasks* until *until*, forced or not (then a little): what they do is giving back."""
        while pending := [task for task in tasks if not task.done()]:
            left = min(until, self.deadline()) - self._loop.time()
            if left <= 0:
                return
            told = [] if self.forced else [self._forced]  # being forced meanwhile shortens the wait
            await asyncio.wait([*pending, *told], timeout=left, return_when=asyncio.FIRST_COMPLETED)
