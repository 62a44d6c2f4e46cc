"""The boundary around your code: takes a function and what to give it, gives what that means, whatever the code does.

A coroutine runs in a task of its own, a plain function in a thread. What they raise ends here, of whatever class; what
they cancel is their own task; what they do not end within their limit is cancelled, waited for a little, and left
behind with its place. Our own cancellation passes through, after the call has had a moment to end.
"""

from __future__ import annotations

import asyncio
import inspect
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from worker.cancellation import your_context, your_task
from worker.errors import BatchFailed, CallHangs, SinkError, SinkStuck
from worker.limit import Limits
from worker.sinks.handler.answers import Failed, answer_to_single, answers_to_batch, meaning, spoken
from worker.sinks.handler.bound import bind
from worker.sinks.threads import Threads

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from worker.message import Message
    from worker.sinks.handler.answers import Answer
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

    over: bool = False


@dataclass(frozen=True, slots=True)
class Unawaited:
    """A plain function handed out a coroutine (a decorator does): unawaited, the message would be lost."""

    work: Awaitable[object]


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
        self._name = name
        self._limit_seconds = limit_seconds
        self._over_limit = f"not done within {limit_seconds:g} s"
        self._hanging = hanging
        self._failing = failing
        self._pipeline = pipeline
        self._loop = asyncio.get_running_loop()
        self._limits = Limits()
        self._count = slots
        self._slots = asyncio.Semaphore(slots)
        """Places for calls; taken before a call, given back when the call has really ended."""
        self._threads = Threads(slots, name="handler")

    async def make(self, messages: Sequence[Message]) -> list[Answer]:
        """Call the function with *messages*, or with the only one of them.

        Raises:
            SinkError: the function's own word, `CallHangs`, or `SinkStuck`: there is no place for another call.
        """
        argument = list(messages) if self._function.batch else messages[0]
        await self._take_slot()
        if self._function.coroutine:
            said = await self._in_loop(partial(self._called, argument), messages, self._limit_seconds)
        else:
            said = await self._in_thread(argument, messages)
        if isinstance(said, SinkError):
            raise said
        return said

    def close(self) -> None:
        """Let the threads end. A call that hangs is not waited for."""
        self._threads.stop()
        self._limits.end()

    # ── coroutines ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def _called(self, argument: object) -> object:
        return await _done(self._function.call(argument))

    async def _in_loop(
        self, work: Callable[[], Awaitable[object]], messages: Sequence[Message], seconds: float
    ) -> list[Answer] | SinkError:
        """What your coroutine said within *seconds*. The slot goes with the task, however long that lives."""
        began = self._loop.time()
        said: asyncio.Future[list[Answer] | SinkError] = self._loop.create_future()
        task = your_task(self._contained(work, messages, said), name=f"call-{self._name}")
        task.add_done_callback(partial(_end_unsaid, said, len(messages)))
        try:
            with self._limits.over(seconds):
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
                self._slots.release()
            else:
                self._hanging.begin(task, messages, began=began)
                task.add_done_callback(self._ended)

    async def _contained(
        self,
        work: Callable[[], Awaitable[object]],
        messages: Sequence[Message],
        said: asyncio.Future[list[Answer] | SinkError],
    ) -> None:
        """In the task of the call: nothing that your code raises passes this line, least of all a cancellation."""
        bind(self._pipeline, messages, batch=self._function.batch)
        returned: object = None
        answers: list[Answer] | SinkError = []
        raised: BaseException | None = None
        try:
            returned = await work()
            answers = self._answers(returned, messages)
        except BaseException as error:  # noqa: BLE001 - the line where they all end
            raised = error
        if raised is None:
            say(said, answers)
            told(self._failing.tell_returned, returned, messages)
            return
        # Not while it is being handled: every error inside of Python would walk along all that this one came of.
        say(said, meaning(raised, len(messages)))
        told(self._failing.tell, raised, messages)
        raised = None  # it knows this frame

    async def _put_down(self, task: asyncio.Task[Any], seconds: float) -> None:
        task.cancel()
        await asyncio.wait([task], timeout=seconds)

    # ── plain functions ─────────────────────────────────────────────────────────────────────────────────────────────

    async def _in_thread(self, argument: object, messages: Sequence[Message]) -> list[Answer] | SinkError:
        """What your function said; the slot is given back when the thread is free."""
        call, began = ThreadCall(), self._loop.time()
        work = partial(your_context(call).run, self._performed, argument, messages)
        try:
            with self._limits.over(self._limit_seconds):
                said = await self._threads.run(work, ended=partial(self._ended, call))
        except TimeoutError:
            if self._threads.replace(work):
                self._ended(call)
                return spoken(Failed("thread-died", detail="native code ended the thread of the call"), len(messages))
            if call.over:
                return self._too_late(len(messages))
            self._hanging.begin(call, messages, began=began)
            return self._hangs(lambda: not call.over)
        if not isinstance(said, Unawaited):
            return said
        await self._take_slot()
        left = self._limit_seconds - (self._loop.time() - began)
        return await self._in_loop(partial(_awaited, said), messages, max(0.0, left))

    def _performed(self, argument: object, messages: Sequence[Message]) -> list[Answer] | SinkError | Unawaited:
        """In the thread: nothing that your code raises passes this line."""
        bind(self._pipeline, messages, batch=self._function.batch)
        try:
            returned = self._function.call(argument)
            if inspect.isawaitable(returned):
                return Unawaited(returned)
            answers = self._answers(returned, messages)
        except BaseException as error:  # noqa: BLE001 - the line where they all end
            self._tell(self._failing.tell, error, messages)
            return meaning(error, len(messages))
        if returned is not None:
            self._tell(self._failing.tell_returned, returned, messages)
        return answers

    def _tell(self, tell: Callable[[Any, Sequence[Message]], None], what: object, messages: Sequence[Message]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(told, tell, what, messages)

    # ── for both ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _answers(self, returned: object, messages: Sequence[Message]) -> list[Answer]:
        """Read while your code is still held responsible: a list of its own making may raise, too."""
        return answers_to_batch(returned, len(messages)) if self._function.batch else [answer_to_single(returned)]

    def _too_late(self, count: int) -> list[Answer] | SinkError:
        return spoken(Failed("timeout", detail=self._over_limit), count)

    def _hangs(self, goes_on: Callable[[], bool]) -> CallHangs:
        return CallHangs(self._over_limit, goes_on=goes_on, then=BatchFailed("timeout", self._over_limit), mixed=False)

    def _ended(self, call: object) -> None:
        """It has really ended, in time or long after."""
        if isinstance(call, ThreadCall):
            call.over = True
        self._slots.release()
        self._hanging.end(call)

    async def _take_slot(self) -> None:
        """Wait for a place outside the time limit, so that code that hangs elsewhere is not this message's fault."""
        if not self._slots.locked():
            await self._slots.acquire()
            return
        try:
            async with asyncio.timeout(self._limit_seconds):
                await self._slots.acquire()
        except TimeoutError:
            raise SinkStuck(
                f"{self._name}: {len(self._hanging)} of {self._count} calls are over their limit of "
                f"{self._limit_seconds:g} s and have not ended, so there is no place for another one"
            ) from None


def told(tell: Callable[[Any, Sequence[Message]], None], what: object, messages: Sequence[Message]) -> None:
    """Tell of *what*, whose class is yours and may raise anything when it is looked at; that is no reason to end."""
    with suppress(BaseException):
        tell(what, messages)


def say(said: asyncio.Future[list[Answer] | SinkError], answers: list[Answer] | SinkError) -> None:
    """Tell who waits, if anybody still does."""
    if not said.done():
        said.set_result(answers)


def _end_unsaid(said: asyncio.Future[list[Answer] | SinkError], count: int, task: asyncio.Task[None]) -> None:
    """It ended without a word: it was cancelled before it began, or what is around your code has failed."""
    if not said.done():
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        say(said, meaning(error or RuntimeError("a call without an answer"), count))


async def _awaited(handed_out: Unawaited) -> object:
    return await _done(handed_out.work)


async def _done(returned: object) -> object:
    """What was really returned: a coroutine that returns another one (a forgotten `await`) has not done it yet."""
    while inspect.isawaitable(returned):
        returned = await returned
    return returned
