"""Your own code as a sink: takes messages, calls your function, gives its answers as outcomes.

`async def` runs in the loop, a plain function in one of as many threads as there are writers. Ends with `close`; a call
that hangs in a thread is left behind.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
from typing import TYPE_CHECKING

from worker.errors import SinkError, SinkUnavailable
from worker.outcome import Rejected, Retried
from worker.sinks.handler_answers import Failed, answer_to_error, answer_to_single, answers_to_batch, answers_to_failure
from worker.sinks.handler_function import find_handler
from worker.sinks.sink import Demand
from worker.sinks.threads import Threads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.message import Message
    from worker.sinks.handler_answers import Answer
    from worker.sinks.handler_function import HandlerFunction


class HandlerSink:
    """`handle(message)` for one message, or `handle_batch(messages)` for a batch, called at least once for each.

    A function is a batch function when it is called `handle_batch` or its first parameter is called `messages`.
    Returning is done, whatever a function of one message returns; a batch function may return a list with an answer
    for each message: None, `Retry` or `Reject`. Raising `Retry(after=...)` or `Reject(reason)` speaks for everything
    the call was given, so does raising `SinkUnavailable` (what the function writes to is away: keep the batch, stop
    receiving) and, for batches, `SinkRefused` (halve it). Anything else raised is a retry named after its class, even
    SystemExit; of a batch it is one message's, which is found by halving, so the others are handed over again.

    *timeout_seconds* limits one call, of a message or a batch. A coroutine is cancelled then, a plain function cannot
    be: it keeps its thread until it returns, unheard, and when every thread is kept that way the sink is unavailable,
    so that hanging code does not use up the receive counts.
    """

    def __init__(self, dotted_path: str, *, timeout_seconds: float, concurrency: int) -> None:
        self._dotted_path = dotted_path
        self._timeout_seconds = timeout_seconds
        self._concurrency = concurrency
        self._threads = Threads(concurrency, name="handler")
        self._slots = asyncio.Semaphore(concurrency)
        """One for each thread; taken before a call, given back when the call has really ended."""
        self._function: HandlerFunction | None = None
        """Written by `open`."""

    @property
    def demand(self) -> Demand:
        """One message at a time, unless the function takes batches. Known after `open`."""
        batch = self._function is not None and self._function.batch
        threaded = self._function is not None and not self._function.coroutine
        return Demand(
            max_rows=None if batch else 1,
            max_writers=self._concurrency,
            # A plain function may wait for a thread as long again before its own time begins.
            seconds=self._timeout_seconds * (2 if threaded else 1),
        )

    async def open(self) -> None:
        """Import the function."""
        self._function = find_handler(self._dotted_path)

    async def write(self, records: Sequence[Message]) -> Sequence[Answer]:
        """Hand *records* to the function; see the class."""
        function = self._function
        if function is None:
            raise SinkUnavailable(f"{self._dotted_path} is not open")
        if not records:
            return []
        if function.batch:
            return await self._handle_batch(function, list(records))
        return [await self._handle(function, record) for record in records]

    async def close(self) -> None:
        """Let the threads end. A call that hangs is not waited for."""
        self._threads.stop()

    async def _handle_batch(self, function: HandlerFunction, messages: list[Message]) -> list[Answer]:
        count = len(messages)
        returned = await self._call(function, messages)
        if isinstance(returned, Retried | Rejected):
            return answers_to_failure(returned, count)
        return answers_to_batch(returned, count)

    async def _handle(self, function: HandlerFunction, message: Message) -> Answer:
        return answer_to_single(await self._call(function, message))

    async def _call(self, function: HandlerFunction, argument: Message | list[Message]) -> object:
        """What the function returned, or the outcome of what it raised. Here its exceptions end."""
        if not function.coroutine:
            await self._take_slot()
        task = asyncio.current_task()
        cancelled_before = task.cancelling() if task else 0
        limit = asyncio.timeout(self._timeout_seconds)
        try:
            async with limit:
                return await self._run(function, argument)
        except SinkError:
            raise
        except TimeoutError as error:
            if limit.expired():
                return Failed("timeout", detail=f"not done within {self._timeout_seconds:g} s")
            return answer_to_error(error)
        except asyncio.CancelledError as error:
            if task and task.cancelling() > cancelled_before:
                raise
            return answer_to_error(error)  # the function's own doing: nobody cancelled us
        except (Exception, SystemExit, KeyboardInterrupt) as error:  # noqa: BLE001 - the one line where they all end
            return answer_to_error(error)

    async def _run(self, function: HandlerFunction, argument: Message | list[Message]) -> object:
        if function.coroutine:
            returned = function.call(argument)
        else:
            context = contextvars.copy_context()
            call = lambda: context.run(function.call, argument)  # noqa: E731 - a call without arguments for the thread
            returned = await self._threads.run(call, ended=self._slots.release)
        # A plain function may hand out a coroutine (a decorator does): unawaited, the message would be lost.
        return await returned if inspect.isawaitable(returned) else returned

    async def _take_slot(self) -> None:
        """Wait for a thread outside the time limit, so that code that hangs elsewhere is not this message's fault."""
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._slots.acquire()
        except TimeoutError:
            raise SinkUnavailable(
                f"{self._dotted_path}: all {self._concurrency} threads are held by calls that do not return"
            ) from None
