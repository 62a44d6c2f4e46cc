"""Places for calls of your function: as many as may be made at once, each kept until its call has really ended."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from worker.errors import SinkStuck

if TYPE_CHECKING:
    from worker.sinks.handler.hanging import Hanging


class Places:
    """Those of one function."""

    def __init__(self, count: int, *, function: str, limit_seconds: float, hanging: Hanging) -> None:
        self._count = count
        self._free = asyncio.Semaphore(count)
        self._function = function
        self._limit_seconds = limit_seconds
        self._hanging = hanging

    async def take(self) -> None:
        """Wait for one outside the time limit, so that code that hangs elsewhere is not this message's fault.

        Raises:
            SinkStuck: none was given back for as long as a call may take.
        """
        if not self._free.locked():
            await self._free.acquire()
            return
        try:
            async with asyncio.timeout(self._limit_seconds):
                await self._free.acquire()
        except TimeoutError:
            raise SinkStuck(
                f"{self._function}: {len(self._hanging)} of {self._count} calls are over their limit of "
                f"{self._limit_seconds:g} s and have not ended, so there is no place for another one"
            ) from None

    def give_back(self) -> None:
        """The call has really ended, in time or long after."""
        self._free.release()
