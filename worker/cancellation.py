"""Cancellation: who may cancel whom, and what becomes of a cancellation that nobody meant.

    who cancels                        whom                              what becomes of it
    ─────────────────────────────────  ────────────────────────────────  ────────────────────────────────────────────
    the owner of stages (`Stages`)     a stage of its own, or all        meant: the task ends by it
    whoever cancels the owner          all its stages                    meant, as above
    a stage that ends untold           its owner, to wake it             taken back; the failures are raised instead
    a time limit (`Limit`, `timeout`)  what runs inside its own block    `TimeoutError` at the end of the block
    the boundary around a call         the task of that call             too late: retried; the worker ends: given back
    your code                          the task of its own call          the call is retried, "CancelledError"
    your code                          tasks that it has started         its own affair
    the worker, when it has ended      tasks that your code has left     waited for a second, then they are left behind
    your code                          the worker, another call          refused: `cancel` does nothing, says False
    a library that a sink calls        the task that called it, or       not meant: taken back, and answered like
                                       what that waits for               any other bug of a sink
    the SDK, when it is closed         what a call of it waits for       not meant: the call fails as "Closed"
    anybody else                       a stage                           not meant: `StageEnded`, exit code 1
    anybody else                       the main task                     not meant, as above

Whoever holds something when `CancelledError` comes gives it back and raises the error again, and need not know whose it
was. Only who would answer instead of raising asks, by `meant`: the writer, and the caller of the SDK. Ask in the task
that was cancelled, and not inside the block of a time limit, whose cancellation would be taken back with the others.

Your functions run on the worker's own event loop, where `asyncio.all_tasks()` finds every task; a helper that tidies
up (`for task in all_tasks(): task.cancel()`) would end the worker. Whatever starts from your code, callbacks, timers,
tasks and calls from threads, runs in a copy of its context; so that is where the mark is that refuses it.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import Context, ContextVar, copy_context
from typing import TYPE_CHECKING, Any, Final, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")

_MAY_END: Final[WeakKeyDictionary[asyncio.Task[Any], Callable[[], bool]]] = WeakKeyDictionary()
"""Whom to ask whether a task is meant to end. Written by `supervise`."""
_YOURS: Final[ContextVar[object | None]] = ContextVar("your_code", default=None)
"""Which call of your code it is; None where the worker itself runs."""


def supervise(task: asyncio.Task[Any], may_end: Callable[[], bool]) -> None:
    """From now on *may_end* knows whether *task* was told to end; who cancels it otherwise may not."""
    _MAY_END[task] = may_end


def meant() -> bool:
    """Inside a task that has caught `CancelledError`: whether the task is meant to end, so that it must raise it again.

    False when the cancellation is the doing of some library below it; then it is taken back, for whoever cancels a task
    and does not say so (`uncancel`) would have every later wait of it fail in the same way. Of a task that nobody
    supervises everybody may be the owner: it is meant to end, unless only what it waited for was cancelled.
    """
    task = asyncio.current_task()
    if task is None:
        return True
    may_end = _MAY_END.get(task)
    if may_end is None:
        return task.cancelling() > 0
    if may_end():
        return True
    while task.cancelling():
        task.uncancel()
    return False


# ── your code ───────────────────────────────────────────────────────────────────────────────────────────────────────


class TaskExited(RuntimeError):
    """A task of yours raised SystemExit or KeyboardInterrupt, which in asyncio stops the loop of everybody."""


class GuardedTask(asyncio.Task[Any]):
    """A task that only the worker cancels."""

    def cancel(self, msg: Any | None = None) -> bool:
        """As `asyncio.Task.cancel`; asked by your code it does nothing and says so."""
        return _YOURS.get() is None and super().cancel(msg)


class YourTask(asyncio.Task[T]):
    """A task in which one call of your code runs: that call may cancel it, and the worker, but no other call."""

    call: object
    """What is in its context. Written by `your_task`."""

    def cancel(self, msg: Any | None = None) -> bool:
        """As `asyncio.Task.cancel`; asked by another call it does nothing and says so.

        Cancelling passes on to what the task waits for, which may be tasks of the worker: there it is the call's doing,
        too. A `gather` would wait for them, and is told to end without them.
        """
        who = _YOURS.get()
        if who is None:
            return your_context(self.call).run(self.cancel, msg)
        if who is not self.call:
            return False
        cancelled = super().cancel(msg)
        gathered: Any = getattr(self, "_fut_waiter", None)
        if any(isinstance(child, GuardedTask) for child in getattr(gathered, "_children", ())):
            asyncio.Future.cancel(gathered, msg)
        return cancelled


class YourThreads(ThreadPoolExecutor):
    """What `loop.run_in_executor(None, ...)` uses: what it is given runs in a copy of the context of who asked for it.

    asyncio leaves that to `to_thread`; so lines that are logged there would not say whose message it is.
    """

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """As that of every executor."""
        return super().submit(copy_context().run, fn, *args, **kwargs)


def your_context(call: object) -> Context:
    """A copy of the present context, marked: what runs in it is the doing of *call*."""
    context = copy_context()
    context.run(_YOURS.set, call)
    return context


def your_task(coro: Coroutine[Any, Any, T], *, name: str) -> YourTask[T]:
    """A task for a call of your code to run in."""
    call = object()
    task = YourTask(coro, loop=asyncio.get_running_loop(), name=name, context=your_context(call))
    task.call = call
    return task


def guarded_task(loop: asyncio.AbstractEventLoop, coro: Any, **more: Any) -> asyncio.Task[Any]:
    """A task factory: what your code starts is a plain task of yours, everything else is guarded."""
    if _YOURS.get() is not None:
        return asyncio.Task(_contained(coro), loop=loop, **more)
    return GuardedTask(coro, loop=loop, **more)


async def _contained(coro: Coroutine[Any, Any, Any]) -> Any:
    try:
        return await coro
    except (SystemExit, KeyboardInterrupt) as error:
        raise TaskExited(f"{type(error).__name__} in a background task") from error
