"""The wall clocks of calls to SQS: `asyncio.timeout` at a fraction of its cost, and with pauses.

`Limits` takes seconds and gives a `Limit`, which bounds what runs inside its `with` block; when they are over, or `end`
is called, the block ends as `TimeoutError` wherever it waits. A cancellation from elsewhere stays one.

All of them share one timer (`deadlines.py`): nearly every request is answered in a thousandth of its time, and a timer
of its own would cost half a signature.
"""

from __future__ import annotations

import asyncio
from math import inf
from typing import TYPE_CHECKING, Self

from worker.waiting.deadlines import Deadlines

if TYPE_CHECKING:
    from types import TracebackType


class Limits(Deadlines["Limit"]):
    """The limits of one owner's calls; those that are paused are never due."""

    def __init__(self) -> None:
        super().__init__(due=Limit.end)
        self.loop = asyncio.get_running_loop()

    def within(self, seconds: float) -> Limit:
        """A limit of *seconds* from now on, to be used once, by one task."""
        return Limit(self, self.loop.time() + seconds)

    def end(self) -> None:
        """The time of all of them is over."""
        for limit in tuple(self.at):
            limit.end()
        self.stop()


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
        self._limits.set(self, self._at)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del self._limits.at[self]
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
        self._at = at
        self._limits.set(self, at)
