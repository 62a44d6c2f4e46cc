"""The way between a worker and what it talks to: a request travels, is performed over there, the answer travels back.

Takes what is to be performed, gives its answer after two delays. The far side lives on when the worker crashes or
cancels, as a server does: what had been asked for is performed, and its answer reaches nobody.
"""

from __future__ import annotations

import asyncio
from contextvars import Context
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from random import Random

T = TypeVar("T")

ONE_WAY_SECONDS: Final = (0.0005, 0.02)


class Network:
    """One per world. Its delays come from a stream of their own."""

    def __init__(self, loop: asyncio.AbstractEventLoop, random: Random) -> None:
        self._loop = loop
        self._random = random
        self._far = Context()  # belongs to no worker, so that no crash reaches it
        self.under_way = 0
        """Calls being performed. Written by `_perform`."""

    async def call(self, perform: Callable[[], Awaitable[T]], *, noticed: float) -> T:
        """Ask for *perform* over there; with probability *noticed* a cancelled call is given up over there as well."""
        answer: asyncio.Future[tuple[T | None, Exception | None]] = self._loop.create_future()
        job = self._loop.create_task(self._perform(perform, answer), name="far side", context=self._far)
        try:
            result, error = await answer
        except asyncio.CancelledError:
            if self._random.random() < noticed:
                self._loop.call_later(self._one_way(), job.cancel, context=self._far)
            raise
        if error is not None:
            raise error
        return result  # type: ignore[return-value] # without an error it is the result

    async def _perform(
        self, perform: Callable[[], Awaitable[T]], answer: asyncio.Future[tuple[T | None, Exception | None]]
    ) -> None:
        self.under_way += 1
        result, error = None, None
        try:
            await asyncio.sleep(self._one_way())
            try:
                result = await perform()
            except Exception as caught:  # noqa: BLE001 - it is raised at the asker's, once the answer has travelled
                error = caught
            await asyncio.sleep(self._one_way())
        finally:
            self.under_way -= 1
        if not answer.done():
            answer.set_result((result, error))

    def _one_way(self) -> float:
        return self._random.uniform(*ONE_WAY_SECONDS)
