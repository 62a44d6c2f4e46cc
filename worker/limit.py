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
        self._ends: dict[Limit, float] = {}
        """Loop times by limit; never, for those that are paused. Written by `expect` and `forget`."""
        self._timer: asyncio.TimerHandle | None = None
        """Written by `_look_at`, as the next."""
        self._looking_at = inf
        """Loop time at which the timer goes off: no later than the first of the ends."""

    def over(self, seconds: float) -> Limit:
        """A limit of *seconds*, to be used once, by one task."""
        return Limit(self, seconds)

    def end(self) -> None:
        """The time of all of them is over."""
        for limit in tuple(self._ends):
            limit.end()
        if self._timer is not None:
            self._timer.cancel()

    def expect(self, limit: Limit, at: float) -> None:
        """*limit* runs, and is to end at loop time *at*."""
        self._ends[limit] = at
        if at < self._looking_at:
            self._look_at(at)

    def forget(self, limit: Limit) -> None:
        """*limit* is of no interest any more."""
        del self._ends[limit]

    def _look_at(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(at, self._look)
        self._looking_at = at

    def _look(self) -> None:
        """End what is over, and look again when the next one may be."""
        self._timer, self._looking_at = None, inf
        now = asyncio.get_running_loop().time() + RESOLUTION_SECONDS
        for limit in [limit for limit, at in self._ends.items() if at <= now]:
            self._ends[limit] = inf
            limit.end()
        following = min(self._ends.values(), default=inf)
        if following < inf:
            self._look_at(following)


class Limit:
    """Every attribute is written by the methods, in the task that uses it or by the timer of `Limits`."""

    __slots__ = ("_at", "_cancelling", "_ended", "_limits", "_seconds", "_task")

    def __init__(self, limits: Limits, seconds: float) -> None:
        self._limits = limits
        self._seconds = seconds  # until the end; while it runs, what a pause left
        self._at: float | None = None  # loop time of the end; None while it is paused
        self._ended = False

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - calls are made in tasks
        self._task = task
        self._cancelling = task.cancelling()
        self._at = at = asyncio.get_running_loop().time() + self._seconds
        self._limits.expect(self, at)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._limits.forget(self)
        if self._ended and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def end(self) -> None:
        """The time is over."""
        if not self._ended:
            self._ended = True
            self._task.cancel()

    def restart(self, seconds: float) -> None:
        """From now on there are *seconds*."""
        self._seconds, self._at = seconds, None
        self.resume()

    def pause(self) -> None:
        """From now on nothing is counted."""
        if self._at is not None:
            self._seconds = max(0.0, self._at - asyncio.get_running_loop().time())
            self._at = None
            self._limits.expect(self, inf)

    def resume(self) -> None:
        """Count on from where it was paused."""
        if self._at is None:
            self._at = asyncio.get_running_loop().time() + self._seconds
            self._limits.expect(self, self._at)
