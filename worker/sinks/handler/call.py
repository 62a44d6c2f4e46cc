"""The boundary around your code: takes a function and what to give it, gives what that means, whatever the code does.

A coroutine runs in a task of its own, a plain function in a thread (`inside.py`). What they raise ends there; what they
cancel is their own task; what they do not end within their limit is cancelled, waited for a little, and left behind
with its place. Our own cancellation passes through, after the call has had a moment to end.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from worker.cancellation import your_context, your_task
from worker.errors import BatchFailed, CallHangs, SinkError
from worker.sinks.handler.answers import Failed, spoken
from worker.sinks.handler.inside import Inside, Unawaited, awaited, end_unsaid
from worker.sinks.handler.places import Places
from worker.sinks.threads import Threads
from worker.waiting.limit import Limits

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from worker.message import Message
    from worker.sinks.handler.answers import Answer, Said
    from worker.sinks.handler.failing import Failing
    from worker.sinks.handler.function import HandlerFunction
    from worker.sinks.handler.hanging import Hanging

GRACE_SECONDS: Final = 5.0
"""For a coroutine to end once it was cancelled: it may have something to close."""
LEAVING_SECONDS: Final = 0.5
"""The same, when the worker stops: a quarter of its time to drain is left by then, to give back what is in hand."""


@dataclass(slots=True, eq=False)
class ThreadCall:
    """One call of a plain function. Written by `Calls._ended`."""

    ended: bool = False


class Calls:
    """All calls of one function; made in the loop."""

    def __init__(
        self,
        function: HandlerFunction,
        *,
        name: str,
        limit_seconds: float,
        slots: int,
        hanging: Hanging,
        failing: Failing,
        pipeline: str,
    ) -> None:
        self._function = function
        self._inside = Inside(function, failing=failing, pipeline=pipeline)
        self._task_name = f"call-{name}"
        self._limit_seconds = limit_seconds
        self._over_limit = f"not done within {limit_seconds:g} s"
        self._hanging = hanging
        self._loop = asyncio.get_running_loop()
        self._limits = Limits()
        self._places = Places(slots, function=name, limit_seconds=limit_seconds, hanging=hanging)
        self._threads = Threads(slots, name="handler")

    async def make(self, messages: Sequence[Message]) -> list[Answer]:
        """Call the function with *messages*, or with the only one of them.

        Raises:
            SinkError: the function's own word, `CallHangs`, or `SinkStuck`: there is no place for another call.
        """
        argument = list(messages) if self._function.batch else messages[0]
        await self._places.take()
        if self._function.coroutine:
            said = await self._in_loop(partial(self._inside.called, argument), messages, self._limit_seconds)
        else:
            said = await self._in_thread(argument, messages)
        if isinstance(said, SinkError):
            raise said
        return said

    def close(self) -> None:
        """Let the threads end. A call that hangs is not waited for."""
        self._threads.stop()
        self._limits.end()

    async def _in_loop(
        self, work: Callable[[], Awaitable[object]], messages: Sequence[Message], seconds: float
    ) -> Said:
        """What your coroutine said within *seconds*. The place goes with the task, however long that lives."""
        began = self._loop.time()
        said: asyncio.Future[Said] = self._loop.create_future()
        task = your_task(self._inside.in_task(work, messages, said), name=self._task_name)
        task.add_done_callback(partial(end_unsaid, said, len(messages)))
        try:
            with self._limits.within(seconds):
                return await said
        except TimeoutError:
            if said.done() and not said.cancelled():
                return said.result()
            await self._put_down(task, GRACE_SECONDS)
            return self._too_late(len(messages)) if task.done() else self._hangs(lambda: not task.done())
        except asyncio.CancelledError:
            await self._put_down(task, LEAVING_SECONDS)
            raise
        finally:
            if task.done():
                self._places.give_back()
            else:
                self._hanging.begin(task, messages, began=began)
                task.add_done_callback(self._ended)

    async def _put_down(self, task: asyncio.Task[None], seconds: float) -> None:
        task.cancel()
        await asyncio.wait([task], timeout=seconds)

    async def _in_thread(self, argument: object, messages: Sequence[Message]) -> Said:
        """What your plain function said; the place is given back when the thread is free."""
        call, began = ThreadCall(), self._loop.time()
        work = partial(your_context(call).run, self._inside.in_thread, argument, messages)
        try:
            with self._limits.within(self._limit_seconds):
                said = await self._threads.run(work, ended=partial(self._ended, call))
        except TimeoutError:
            if self._threads.replace(work):
                self._ended(call)
                return spoken(Failed("thread-died", detail="native code ended the thread of the call"), len(messages))
            if call.ended:
                return self._too_late(len(messages))
            self._hanging.begin(call, messages, began=began)
            return self._hangs(lambda: not call.ended)
        if not isinstance(said, Unawaited):
            return said
        await self._places.take()
        left = self._limit_seconds - (self._loop.time() - began)
        return await self._in_loop(partial(awaited, said), messages, max(0.0, left))

    def _too_late(self, count: int) -> Said:
        return spoken(Failed("timeout", detail=self._over_limit), count)

    def _hangs(self, goes_on: Callable[[], bool]) -> CallHangs:
        return CallHangs(self._over_limit, goes_on=goes_on, then=BatchFailed("timeout", self._over_limit), mixed=False)

    def _ended(self, call: object) -> None:
        """It has really ended, in time or long after."""
        if isinstance(call, ThreadCall):
            call.ended = True
        self._places.give_back()
        self._hanging.end(call)
