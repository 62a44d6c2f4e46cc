"""A sink whose every call is watched: that it ends, that it answers for each record, that it keeps to its demand.

Takes a sink and a case, gives the same calls. Ends in AssertionError when the contract of `worker.sinks.sink` is
broken, and in whatever the sink raises otherwise.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

from worker.errors import SinkError, SinkRefused, SinkUnavailable
from worker.outcome import Reject, Rejected, Retried, Retry
from worker.testing.sinks.promise import promise

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Sequence

    from worker.message import Message
    from worker.sinks.sink import Demand, Sink
    from worker.testing.sinks.case import Case

T = TypeVar("T")
Answer = Retried | Rejected | None

MEANT = (SinkError, Retry, Reject)
"""What a write may raise."""
MEANT_ANSWERS = frozenset({Retried, Rejected, type(None)})
TRIES = 20
PAUSE_SECONDS = 0.1


class Watched:
    """One sink of a case."""

    def __init__(self, case: Case, sink: Sink) -> None:
        self._case = case
        self._sink = sink

    @property
    def demand(self) -> Demand:
        """As the sink says."""
        return self._sink.demand

    async def open(self) -> None:
        """See `Sink`."""
        await ends(self._case, self._sink.open(), "open()")

    async def close(self) -> None:
        """See `Sink`."""
        __tracebackhide__ = True
        try:
            await ends(self._case, self._sink.close(), "close()")
        except Exception as error:
            if isinstance(error, AssertionError):
                raise
            promise(self._case, kept=False, what="close() raises nothing, whatever came before it", seen=repr(error))

    async def write(self, records: Sequence[Message]) -> list[Answer]:
        """One batch, or as many as the sink's `max_rows` makes of it, one behind the other."""
        step = self.demand.max_rows or max(1, len(records))
        parts = [records[start : start + step] for start in range(0, len(records), step)] or [records]
        return [answer for part in parts for answer in await self._write(part)]

    async def must(self, records: Sequence[Message]) -> None:
        """Write *records*, all of which have to be accepted."""
        __tracebackhide__ = True
        words = "good records are accepted: None for each"
        try:
            answers = await self.write(records)
        except SinkRefused as error:
            promise(self._case, kept=False, what=words, seen=repr(error))
        else:
            refused = [(r.key[:60], a) for r, a in zip(records, answers, strict=True) if a is not None]
            promise(self._case, not refused, words, f"{refused[:3]}")

    async def until_accepted(self, records: Sequence[Message]) -> None:
        """As the pipeline does: write again after a pause while the sink says that it is away."""
        said = ""
        for _ in range(TRIES):
            try:
                await self.must(records)
            except SinkUnavailable as error:
                said = str(error)
            else:
                return
            await asyncio.sleep(PAUSE_SECONDS)
        promise(self._case, kept=False, what="a destination that is back takes records", seen=f"{TRIES} tries: {said}")

    async def _write(self, records: Sequence[Message]) -> list[Answer]:
        __tracebackhide__ = True
        try:
            answers = list(await ends(self._case, self._sink.write(records), f"write() of {len(records)}"))
        except (*MEANT, asyncio.CancelledError, AssertionError):
            raise
        except Exception as error:
            words = "write() raises SinkUnavailable or SinkRefused, and nothing else"
            raise AssertionError(f"the sink {self._case.name}: {words}; seen {error!r}") from error
        words = "write() answers for each record: None, Retried or Rejected"
        promise(self._case, len(answers) == len(records), words, f"{len(answers)} answers for {len(records)} records")
        strange = {type(answer) for answer in answers} - MEANT_ANSWERS
        promise(self._case, not strange, words, strange)
        return answers


async def ends(case: Case, call: Coroutine[object, object, T], name: str) -> T:
    """What *call* gives, if it ends within the patience of *case*; one that does not is left behind."""
    __tracebackhide__ = True
    task = asyncio.ensure_future(call)
    try:
        await asyncio.wait({task}, timeout=case.patience_seconds)
    finally:
        if not task.done():
            task.cancel()
    promise(case, task.done(), f"{name} ends", f"it did not within {case.patience_seconds:g} s")
    return await task


@asynccontextmanager
async def opened(case: Case, sink: Sink | None = None) -> AsyncIterator[Watched]:
    """An open sink of *case*, closed in the end."""
    watched = Watched(case, sink or case.make())
    await watched.open()
    try:
        yield watched
    finally:
        await watched.close()


async def write_halving(watched: Watched, records: Sequence[Message]) -> dict[str, str]:
    """As the pipeline does: a batch that is refused is halved until the bad record is alone. The rejected, with why."""
    try:
        answers = await watched.write(records)
    except SinkRefused as error:
        if len(records) == 1:
            return {records[0].key: str(error)}
        middle = len(records) // 2
        return await write_halving(watched, records[:middle]) | await write_halving(watched, records[middle:])
    return {r.key: f"{a.reason} {a.detail}" for r, a in zip(records, answers, strict=True) if isinstance(a, Rejected)}
