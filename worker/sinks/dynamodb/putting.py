"""Putting items until all are taken: what the table leaves over is put again, after a pause with jitter.

`Putter.put` takes items and a way to put a call's worth of them. It goes on as long as something is taken; when nothing
is, several times in a row, it ends in `SinkUnavailable`, and the pipeline waits for the table with all that it holds.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from worker.errors import SinkError, SinkUnavailable
from worker.sinks.aws.errors import AwsError
from worker.sinks.dynamodb.errors import in_write, reasons

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from random import Random

    from worker.sinks.dynamodb.items import Item

    Way = Callable[[Sequence[Item]], Awaitable[list[Item]]]

FRUITLESS: Final = 5
"""Tries in a row that nothing came of."""
PAUSE_SECONDS: Final = 0.05
LONGEST_PAUSE_SECONDS: Final = 2.0


class Putter:
    """Puts calls side by side, as many as there are connections."""

    def __init__(self, table: str, random: Random, *, calls: int) -> None:
        self._table = table
        self._random = random
        self._slots = asyncio.Semaphore(calls)

    async def put(self, calls: Sequence[list[Item]], way: Way) -> None:
        """Put all items of *calls* by *way*, which gives those that were left over.

        Raises:
            SinkUnavailable, SinkRefused: of the first call that came to nothing; the others are given up, and whether
                they were carried out is unknown.
        """
        try:
            async with asyncio.TaskGroup() as group:
                for call in calls:
                    group.create_task(self._until_taken(call, way))
        except BaseExceptionGroup as failed:
            raise _first(failed) from failed

    async def _until_taken(self, items: list[Item], way: Way) -> None:
        fruitless, why = 0, ""
        while items:
            left, why = await self._try(items, way)
            fruitless = 0 if len(left) < len(items) else fruitless + 1
            if fruitless == FRUITLESS:
                raise SinkUnavailable(f"table {self._table} takes nothing at the moment: {why}")
            if left:
                await asyncio.sleep(self._random.uniform(0, min(LONGEST_PAUSE_SECONDS, PAUSE_SECONDS * 2**fruitless)))
            items = left

    async def _try(self, items: list[Item], way: Way) -> tuple[list[Item], str]:
        """What was left over, and why."""
        async with self._slots:
            try:
                return await way(items), "it leaves items unprocessed, which is how it throttles"
            except AwsError as error:
                if error.throttled:
                    return items, f"{error.code}{reasons(error)}"
                raise in_write(error, self._table) from error


def _first(failed: BaseExceptionGroup[BaseException]) -> BaseException:
    """One error for all; a defect of ours is not hidden behind what the table says."""
    return next((one for one in failed.exceptions if not isinstance(one, SinkError)), failed.exceptions[0])
