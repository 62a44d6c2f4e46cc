"""Putting records until all are stored: what a call did not store is put again, after a pause with jitter.

`RecordPutter.put` takes records and a way to put a call of them. It goes on as long as something is stored; when
nothing is, several times in a row, it ends in `SinkUnavailable`. What was stored of a batch that failed is remembered
by the ids of its messages, so that the pipeline may give the batch again, whole or divided, without a second copy.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from worker.errors import SinkRefused, SinkUnavailable
from worker.sinks.aws.errors import AwsError
from worker.sinks.records.record import next_call

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from random import Random

    from worker.errors import SinkError
    from worker.sinks.records.record import Record, RecordLimits

    Way = Callable[[Sequence[Record]], Awaitable[Sequence[str]]]
    """Puts a call, and gives for each record why it was not stored; an empty text: it was."""

FRUITLESS: Final = 5
"""Tries in a row that nothing came of."""
PAUSE_SECONDS: Final = 0.05
LONGEST_PAUSE_SECONDS: Final = 2.0
REMEMBERED: Final = 20_000
"""Messages at most: more than what failed batches of all writers hold, ten times over."""
_RECORD: Final = frozenset({"RequestEntityTooLarge", "Serialization", "Validation"})
"""Codes that a record causes. An invalid argument may as well be the stream's, and waiting loses nothing."""


@dataclass(frozen=True, slots=True)
class CallTerms:
    """What holds for every call."""

    what: str
    """What is put into, for people: `stream orders`."""
    limits: RecordLimits
    in_order: bool
    """Records of one partition key are stored in their order."""


class RecordPutter:
    """Puts the calls of a batch one after the other. Several batches may be put side by side."""

    def __init__(self, calls: CallTerms, random: Random) -> None:
        self._calls = calls
        self._random = random
        self._stored: dict[str, None] = {}
        """Ids of messages that are stored and were not accepted, the oldest first."""

    async def put(self, records: Iterable[Record], way: Way) -> None:
        """Put all *records* by *way*; of two with one id the first.

        Raises:
            SinkUnavailable, SinkRefused: some are not stored; whether the last call was carried out may be unknown.
        """
        batch: dict[str, Record] = {}
        for record in records:
            batch.setdefault(record.id, record)
        waiting = {name: record for name, record in batch.items() if name not in self._stored}
        try:
            await self._until_stored(waiting, way)
        finally:
            self._remember(batch, waiting)

    def _remember(self, batch: Iterable[str], waiting: Iterable[str]) -> None:
        """Of a batch in which nothing waits any more nothing is kept: it is accepted."""
        for name in batch:
            self._stored.pop(name, None)
        if left := set(waiting):
            self._stored.update((name, None) for name in batch if name not in left)
        for name in [*self._stored][: max(0, len(self._stored) - REMEMBERED)]:
            del self._stored[name]

    async def _until_stored(self, waiting: dict[str, Record], way: Way) -> None:
        """Takes out of *waiting* what is stored."""
        fruitless = 0
        while waiting:
            call = next_call(waiting.values(), self._calls.limits, in_order=self._calls.in_order)
            reasons = await self._try(call, way)
            for record, reason in zip(call, reasons, strict=True):
                if not reason:
                    del waiting[record.id]
            fruitless = fruitless + 1 if all(reasons) else 0
            if fruitless == FRUITLESS:
                raise SinkUnavailable(f"{self._calls.what} takes nothing at the moment: {reasons[0]}")
            if any(reasons):
                await asyncio.sleep(self._random.uniform(0, min(LONGEST_PAUSE_SECONDS, PAUSE_SECONDS * 2**fruitless)))

    async def _try(self, call: Sequence[Record], way: Way) -> Sequence[str]:
        try:
            reasons = await way(call)
        except AwsError as error:
            if error.throttled:
                return [error.code] * len(call)
            raise _meaning(error, self._calls.what) from error
        if len(reasons) != len(call):
            raise SinkUnavailable(f"{self._calls.what} answered for {len(reasons)} of {len(call)} records")
        return reasons


def _meaning(error: AwsError, what: str) -> SinkError:
    if error.code in _RECORD:
        return SinkRefused(f"{what}: {error.code}")  # without its words, which may quote a value
    return SinkUnavailable(f"{what}: {error}")
