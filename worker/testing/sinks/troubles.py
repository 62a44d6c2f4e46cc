"""The destination is away, slow, or held in part by somebody else: nothing is lost, and nothing else waits."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from worker.errors import SinkUnavailable
from worker.testing.messages import make_messages
from worker.testing.sinks.promise import promise, promise_stored
from worker.testing.sinks.watch import PAUSE_SECONDS, Watched, opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from worker.message import Message
    from worker.testing.sinks.case import Case

MINUTE_OF_TRIES = 14
"""How often the pipeline tries in a minute, with pauses that grow to 5 s; here they take a moment each."""
WHOLE_TRIES = 3
"""Then the pipeline tries halves."""
TICK_SECONDS = 0.01
STILL_SECONDS = 0.5
"""How long the loop may stand still: a busy machine does that for some hundredths of a second."""


class Troubles:
    """Tests of a destination in trouble."""

    @pytest.mark.asyncio
    async def test_away_for_a_minute_is_unavailable_and_then_over(self, case: Case) -> None:
        """Every try of a minute says SinkUnavailable; then the same sink takes the batch, and each record once."""
        away = case.needs("away", case.away)
        records = make_messages(10)
        async with opened(case) as sink:
            await sink.must(make_messages(2, prefix="before"))
            with away():
                for number in range(MINUTE_OF_TRIES):
                    await _is_away(case, sink, records[: 10 if number < WHOLE_TRIES else 5])
                    await asyncio.sleep(PAUSE_SECONDS / 10)
            await sink.until_accepted(records)
        wanted = [*(r.key for r in make_messages(2, prefix="before")), *(r.key for r in records)]
        promise_stored(case, wanted, what="what an outage held up is stored when it is over")

    @pytest.mark.asyncio
    async def test_away_at_the_start_is_waited_for(self, case: Case) -> None:
        """`open` says SinkUnavailable, or succeeds because it need not reach anything; never that it is refused."""
        away = case.needs("away", case.away)
        sink = Watched(case, case.make())
        try:
            with away():
                seen: object = None
                try:
                    await sink.open()
                except Exception as error:  # noqa: BLE001 - which one it is, is the question
                    seen = error
                kind = "open() of a destination that is away raises SinkUnavailable, so that it is waited for"
                promise(case, seen is None or isinstance(seen, SinkUnavailable), kind, repr(seen))
            await sink.open()
            await sink.until_accepted(make_messages(3))
        finally:
            await sink.close()
        promise_stored(case, [record.key for record in make_messages(3)])

    @pytest.mark.asyncio
    async def test_a_slow_destination_does_not_hold_up_the_loop(self, case: Case) -> None:
        """While it takes its time the loop goes on, which renews the leases of all that is in flight."""
        slow = case.needs("slow", case.slow)
        stood: list[float] = []
        async with opened(case) as sink:
            with slow():
                async with _beating(stood):
                    await sink.until_accepted(make_messages(3))
        words = f"the loop never stands still for {STILL_SECONDS} s while the destination is slow"
        promise(case, max(stood) < STILL_SECONDS, words, f"it stood still for {max(stood):.2f} s")
        promise_stored(case, [record.key for record in make_messages(3)])

    @pytest.mark.asyncio
    async def test_a_locked_record_holds_up_itself_alone(self, case: Case) -> None:
        """Others of its batch go in once it is divided; the locked one does when the lock is gone."""
        locked = case.needs("locked", case.locked)
        held, *others = make_messages(3)
        async with opened(case) as sink:
            with locked(held.key):
                waiting = await _divided(sink, [held, *others])
                words = "a locked record is unavailable, and those beside it are stored"
                promise(case, waiting == [held.key], words, f"held up: {waiting}")
            await sink.until_accepted([held])
        promise_stored(case, [held.key, *(record.key for record in others)])


async def _is_away(case: Case, sink: Watched, records: Sequence[Message]) -> None:
    __tracebackhide__ = True
    seen: object = "it accepted the batch"
    try:
        await sink.write(records)
    except Exception as error:  # noqa: BLE001 - which one it is, is the question
        if isinstance(error, SinkUnavailable):
            return
        seen = repr(error)
    promise(case, kept=False, what="write() raises SinkUnavailable while the destination is away", seen=seen)


async def _divided(sink: Watched, records: Sequence[Message]) -> list[str]:
    """The keys that cannot be written, found by halving as the pipeline does with what is held up."""
    try:
        await sink.must(records)
    except SinkUnavailable:
        if len(records) == 1:
            return [records[0].key]
        middle = len(records) // 2
        return await _divided(sink, records[:middle]) + await _divided(sink, records[middle:])
    return []


@asynccontextmanager
async def _beating(stood: list[float]) -> AsyncIterator[None]:
    """Adds to *stood* how long the loop stood still, at each beat."""
    now = asyncio.get_running_loop().time

    async def beat() -> None:
        while True:
            before = now()
            await asyncio.sleep(TICK_SECONDS)
            stood.append(now() - before - TICK_SECONDS)

    beating = asyncio.ensure_future(beat())
    try:
        await asyncio.sleep(2 * TICK_SECONDS)
        yield
        await asyncio.sleep(2 * TICK_SECONDS)
    finally:
        beating.cancel()
