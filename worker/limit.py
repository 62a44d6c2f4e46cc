"""The wall clocks of calls to SQS: `asyncio.timeout` at a fraction of its cost, and with pauses.

`Limits` takes seconds and gives a `Limit`, which bounds what runs inside its `with` block; when they are over, or `end`
is called, the block ends as `TimeoutError` wherever it waits. A cancellation from elsewhere stays one.

All of them share one timer. Nearly every request is answered in a thousandth of its time, so a timer of its own would
be made and thrown away for nothing, each at the price of half a signature; the shared one goes off every few seconds.
"""

from __future__ import annotations

import asyncio
from math import inf
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from types import TracebackType

RESOLUTION_SECONDS: Final = 0.001
"""uvloop's timers have whole milliseconds, and may go off that much too soon."""


class Limits:
    """The limits of one owner's calls."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.ends: dict[Limit, float] = {}
        """Loop times by limit; never, for those that are paused. Written by each limit for itself, and by `_look`."""
        self.looking_at = inf
        """Loop time at which the timer goes off: no later than the first of the ends. Written by `look_at`, `_look`."""
        self._timer: asyncio.TimerHandle | None = None
        """Written with `looking_at`."""

    def over(self, seconds: float) -> Limit:
        """A limit of *seconds* from now on, to be used once, by one task."""
        return Limit(self, self.loop.time() + seconds)

    def end(self) -> None:
        """The time of all of them is over."""
        for limit in tuple(self.ends):
            limit.end()
        if self._timer is not None:
            self._timer.cancel()

    def look_at(self, at: float) -> None:
        """A limit ends at loop time *at*, sooner than all others."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_at(at, self._look)
        self.looking_at = at

    def _look(self) -> None:
        """End what is over, and look again when the next one may be."""
        self._timer, self.looking_at = None, inf
        now = self.loop.time() + RESOLUTION_SECONDS
        for limit in [limit for limit, at in self.ends.items() if at <= now]:
            self.ends[limit] = inf
            limit.end()
        following = min(self.ends.values(), default=inf)
        if following < inf:
            self.look_at(following)


class Limit:
    """Every attribute is written by the methods, in the task that uses it or by the timer of `Limits`."""

    __slots__ = ("_at", "_cancelling", "_ended", "_left", "_limits", "_task")

    def __init__(self, limits: Limits, at: float) -> None:
        self._limits = limits
        self._at = at  # loop time of the end, or, in a pause, never
        self._left = 0.0  # seconds, in a pause
        self._ended = False

    def __enter__(self) -> Self:
        task = asyncio.current_task(self._limits.loop)
        assert task is not None  # noqa: S101 - calls are made in tasks
        self._task = task
        self._cancelling = task.cancelling()
        self._run_until(self._at)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del self._limits.ends[self]
        if self._ended and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def end(self) -> None:
        """The time is over."""
        if not self._ended:
            self._ended = True
            self._task.cancel()

    def restart(self, seconds: float) -> None:
        """From now on there are *seconds*."""
        self._run_until(self._limits.loop.time() + seconds)

    def pause(self) -> None:
        """From now on nothing is counted."""
        if self._at < inf:
            self._left = max(0.0, self._at - self._limits.loop.time())
            self._run_until(inf)

    def resume(self) -> None:
        """Count on from where it was paused."""
        if self._at == inf:
            self.restart(self._left)

    def _run_until(self, at: float) -> None:
        self._at = self._limits.ends[self] = at
        if at < self._limits.looking_at:
            self._limits.look_at(at)
