"""Stages: the long-lived tasks of one owner, none of which ends unseen.

Takes coroutine functions and runs each as a task; gives the task. A stage ends when it is told to (`end`), or by
itself once its owner says that this is the time for it (`may_return`). Any other end is a failure, by return, by error
*and by cancellation* (`worker/cancellation.py`): all other stages are cancelled, and whoever is inside the `async with`
gets the failures as a group. `asyncio.TaskGroup` takes a cancelled child for one that is done, and a worker without
handlers for a well one.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from worker.cancellation import supervise
from worker.errors import StageEnded

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine
    from types import TracebackType

T = TypeVar("T")


class Stages:
    """Used once, as `async with`; every method is called in the task of the owner or in a stage."""

    def __init__(self, *, may_return: Callable[[], bool] = lambda: False) -> None:
        self._loop = asyncio.get_running_loop()
        self._may_return = may_return
        """Whether a stage may return by now."""
        self._running: dict[asyncio.Task[Any], Stage] = {}  # written by start and _ended
        self._failures: list[BaseException] = []  # written by _ended and __aexit__
        self._owner: asyncio.Task[Any] | None = None  # written by __aenter__
        self._idle: asyncio.Future[None] | None = None  # done when no stage runs; written by __aexit__
        self._aborting = False  # written by _abort
        self._owner_woken = False  # cancelled by us, to be told of a failure; written by _ended

    async def __aenter__(self) -> Self:
        self._owner = asyncio.current_task()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        cancelled = error if isinstance(error, asyncio.CancelledError) else None
        if error is not None:
            self._abort()
        while self._running:
            self._idle = self._loop.create_future()
            try:
                await self._idle
            except asyncio.CancelledError as told:
                cancelled = cancelled or told
                self._abort()
        if self._owner_woken and self._owner is not None:
            self._owner.uncancel()  # felt inside; what is raised is the failure that it was for
        if error is not None and not isinstance(error, asyncio.CancelledError):
            self._failures.append(error)
        if self._failures:
            raise BaseExceptionGroup("stages", self._failures) from None
        if cancelled is not None:
            raise cancelled

    def start(self, work: Callable[[], Coroutine[Any, Any, T]], *, name: str) -> asyncio.Task[T]:
        """Run what *work* gives as a stage."""
        stage = Stage(self, name, work)
        task: asyncio.Task[T] = self._loop.create_task(stage.run(), name=name)
        supervise(task, stage.may_end)
        self._running[task] = stage
        task.add_done_callback(self._ended)
        if self._aborting:
            task.cancel()
        return task

    async def end(self, tasks: Collection[asyncio.Task[Any]]) -> None:
        """Tell those of *tasks* that still run to end, and wait until they have."""
        pending = [task for task in tasks if not task.done()]
        for task in pending:
            self._running[task].told = True
            task.cancel()
        if pending:
            await asyncio.wait(pending)

    @property
    def ending(self) -> bool:
        """All stages are being cancelled: one failed, or somebody cancels the owner."""
        return self._aborting or self._owner is None or self._owner.cancelling() > 0

    def _ended(self, task: asyncio.Task[Any]) -> None:
        stage = self._running.pop(task)
        failure = self._failure(stage, task)
        if failure is not None:
            self._failures.append(failure)
            if self._idle is None and not self.ending and self._owner is not None:
                self._owner_woken = True
                self._owner.cancel()
            self._abort()
        if self._idle is not None and not self._running and not self._idle.done():
            self._idle.set_result(None)

    def _failure(self, stage: Stage, task: asyncio.Task[Any]) -> BaseException | None:
        """Why *task* should not have ended; None where it should."""
        if task.cancelled():
            return None if stage.may_end() else StageEnded(stage.name, CANCELLED)
        error = task.exception()
        if error is None:
            return None if stage.may_end() or self._may_return() else StageEnded(stage.name, RETURNED)
        if not isinstance(error, BaseExceptionGroup | StageEnded):
            error.add_note(f"This ended the stage {stage.name}.")
        return error

    def _abort(self) -> None:
        if not self._aborting:
            self._aborting = True
            for task in tuple(self._running):
                task.cancel()


class Stage:
    """One of them."""

    __slots__ = ("_stages", "name", "told", "work")

    def __init__(self, stages: Stages, name: str, work: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        self._stages = stages
        self.name = name
        self.work = work
        self.told = False
        """To end. Written by `Stages.end`."""

    def may_end(self) -> bool:
        """It was told to end, by itself or with all others."""
        return self.told or self._stages.ending

    async def run(self) -> Any:
        """Do the work. What would end the loop itself (asyncio lets these two through) ends the stage only."""
        try:
            return await self.work()
        except (SystemExit, KeyboardInterrupt) as error:
            raise StageEnded(self.name, f"raised {type(error).__name__}") from error


CANCELLED: Final = "was cancelled, and not by the worker"
RETURNED: Final = "returned before the worker was told to stop"
