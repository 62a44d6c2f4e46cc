"""The inner side of the boundary: what runs in the task or the thread of a call, around your function.

Takes what the function is given; says what it returned or raised, as a value. Nothing that your code raises passes this
module, of whatever class, least of all a cancellation.
"""

from __future__ import annotations

import asyncio
import inspect
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from worker.sinks.handler.answers import answer_to_single, answers_to_batch, meaning
from worker.sinks.handler.bound import bind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from worker.message import Message
    from worker.sinks.handler.answers import Answer, Said
    from worker.sinks.handler.failing import Failing
    from worker.sinks.handler.function import HandlerFunction


@dataclass(frozen=True, slots=True)
class Unawaited:
    """A plain function handed out a coroutine (a decorator does): unawaited, the message would be lost."""

    work: Awaitable[object]


class Inside:
    """All calls of one function."""

    def __init__(self, function: HandlerFunction, *, failing: Failing, pipeline: str) -> None:
        self._function = function
        self._failing = failing
        self._pipeline = pipeline
        self._loop = asyncio.get_running_loop()

    async def in_task(
        self, work: Callable[[], Awaitable[object]], messages: Sequence[Message], said: asyncio.Future[Said]
    ) -> None:
        """Do *work*, which is a call with *messages*, and say into *said* what came of it."""
        bind(self._pipeline, messages, batch=self._function.batch)
        returned: object = None
        answers: Said = []
        raised: BaseException | None = None
        try:
            returned = await work()
            answers = self._answers(returned, messages)
        except BaseException as error:  # noqa: BLE001 - the line where they all end
            raised = error
        if raised is None:
            say(said, answers)
            _told(self._failing.tell_returned, returned, messages)
            return
        # Not while it is being handled: every error inside of Python would walk along all that this one came of.
        say(said, meaning(raised, len(messages)))
        _told(self._failing.tell, raised, messages)
        raised = None  # it knows this frame

    def in_thread(self, argument: object, messages: Sequence[Message]) -> Said | Unawaited:
        """What your plain function said to *argument*, which is *messages* or the only one of them."""
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

    async def called(self, argument: object) -> object:
        """Work: what your coroutine function returned for *argument*."""
        return await _done(self._function.call(argument))

    def _answers(self, returned: object, messages: Sequence[Message]) -> list[Answer]:
        """Read while your code is still held responsible: a list of its own making may raise, too."""
        return answers_to_batch(returned, len(messages)) if self._function.batch else [answer_to_single(returned)]

    def _tell(self, tell: Callable[[Any, Sequence[Message]], None], what: object, messages: Sequence[Message]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(_told, tell, what, messages)


def say(said: asyncio.Future[Said], answers: Said) -> None:
    """Tell who waits, if anybody still does."""
    if not said.done():
        said.set_result(answers)


def end_unsaid(said: asyncio.Future[Said], count: int, task: asyncio.Task[None]) -> None:
    """*task* ended without a word: it was cancelled before it began, or what is around your code has failed."""
    if not said.done():
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        say(said, meaning(error or RuntimeError("a call without an answer"), count))


async def awaited(handed_out: Unawaited) -> object:
    """Work: what the coroutine that a plain function handed out returned."""
    return await _done(handed_out.work)


async def _done(returned: object) -> object:
    """What was really returned: a coroutine that returns another one (a forgotten `await`) has not done it yet."""
    while inspect.isawaitable(returned):
        returned = await returned
    return returned


def _told(tell: Callable[[Any, Sequence[Message]], None], what: object, messages: Sequence[Message]) -> None:
    """Tell of *what*, whose class is yours and may raise anything when it is looked at; that is no reason to end."""
    with suppress(BaseException):
        tell(what, messages)
