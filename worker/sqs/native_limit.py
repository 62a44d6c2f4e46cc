"""The wall clock of one request: `asyncio.timeout` with a third of its cost, and with pauses.

`Limit` takes seconds and bounds what runs inside its `with` block; when they are over, or `end` is called, the block
ends as `TimeoutError` wherever it waits. A cancellation from elsewhere stays one.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType


class Limit:
    """Used once, by one task. Every attribute is written by the methods, in that task or by the loop's timer."""

    __slots__ = ("_cancelling", "_ended", "_handle", "_loop", "_seconds", "_task")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds  # until the end; while it runs, what a pause left
        self._ended = False

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - requests are made in tasks
        self._loop = asyncio.get_running_loop()
        self._task = task
        self._cancelling = task.cancelling()
        self._handle: asyncio.TimerHandle | None = self._loop.call_later(self._seconds, self.end)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handle is not None:
            self._handle.cancel()
        if self._ended and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def end(self) -> None:
        """The time is over."""
        if not self._ended:
            self._ended = True
            self._task.cancel()

    def pause(self) -> None:
        """From now on nothing is counted."""
        if self._handle is not None:
            self._seconds = max(0.0, self._handle.when() - self._loop.time())
            self._handle.cancel()
            self._handle = None

    def resume(self) -> None:
        """Count on from where it was paused."""
        if self._handle is None:
            self._handle = self._loop.call_later(self._seconds, self.end)
