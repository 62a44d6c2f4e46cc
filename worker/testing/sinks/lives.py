"""From open to close: what a start refuses, and what is left when an end comes at a bad moment."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from worker.errors import SinkError, SinkRefused
from worker.sinks.sink import Checkable
from worker.testing.messages import make_messages
from worker.testing.sinks.promise import promise, promise_stored
from worker.testing.sinks.watch import Watched, ends, opened

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from worker.testing.sinks.case import Case
    from worker.testing.sinks.watch import Answer

TURNS = (0, 1, 2, 3, 5, 8, 13, 40)
"""Turns of the loop that a write has had when it is cancelled."""
MOMENT_SECONDS = 0.002
WISHES = ("rows", "bytes", "age_seconds", "writers")
"""Of `Demand`."""


class Lives:
    """Tests of open, check and close."""

    @pytest.mark.asyncio
    async def test_opening_twice_is_opening_once(self, case: Case) -> None:
        """A start that is tried again opens again; nothing is written or lost by it."""
        async with opened(case) as sink:
            await sink.must(make_messages(3))
            await sink.open()
            await sink.must(make_messages(1, prefix="again"))
        promise_stored(case, ["m-0", "m-1", "m-2", "again-0"], what="open() of an open sink loses nothing")

    @pytest.mark.asyncio
    async def test_what_it_demands_can_be_given(self, case: Case) -> None:
        """Positive numbers; what it wishes is known before `open`, since the bounds in flight are made of it."""
        sink = case.make()
        before = sink.demand
        async with opened(case, sink):
            after = sink.demand
        for demand in (before, after):
            numbers = {
                name: value for name, value in asdict(demand).items() if name != "own_code" and value is not None
            }
            wrong = {name: value for name, value in numbers.items() if not value > 0}
            promise(case, not wrong, "what it demands is more than nothing", wrong)
        late = {name: getattr(after, name) for name in WISHES if getattr(after, name) != getattr(before, name)}
        promise(case, not late, "what it wishes is known before open()", f"known only then: {late}")

    @pytest.mark.asyncio
    async def test_a_batch_outlives_the_sink(self, case: Case) -> None:
        """Closed and made again, what was accepted is there, and a redelivery is taken as before."""
        for rows in (5, 6):
            async with opened(case) as sink:
                await sink.must(make_messages(rows))
        promise_stored(case, [f"m-{number}" for number in range(6)], times=2, what="what is stored outlives the sink")

    @pytest.mark.asyncio
    async def test_what_can_never_work_is_refused_at_open(self, case: Case) -> None:
        """SinkRefused with words for a person, and `close` is as quiet as after any other end."""
        sink = Watched(case, case.needs("refused", case.refused)())
        seen: object = "it opened"
        try:
            await sink.open()
        except Exception as error:  # noqa: BLE001 - which one it is, is the question
            seen = error
        await sink.close()
        words = "open() raises SinkRefused, with a sentence, when it can never work like this"
        promise(case, isinstance(seen, SinkRefused) and " " in str(seen), words, repr(seen))

    @pytest.mark.asyncio
    async def test_what_was_never_opened_can_be_closed(self, case: Case) -> None:
        """A start that fails before this sink closes it all the same."""
        await Watched(case, case.make()).close()
        promise_stored(case, [], what="a sink that was never opened stores nothing")

    @pytest.mark.asyncio
    async def test_a_check_stores_nothing_and_says_what_is_there(self, case: Case) -> None:
        """Sinks that can prove a start without making one: a sentence, no row, and the sink can be closed after it."""
        async with opened(case) as sink:
            await sink.must(make_messages(2))
        checked = case.make()
        if not isinstance(checked, Checkable):
            pytest.skip(f"{case.name} has no check(), which is optional")
        said = await ends(case, checked.check(), "check()")
        await ends(case, checked.close(), "close()")
        promise(case, bool(said.strip()), "check() says what is there", repr(said))
        promise_stored(case, ["m-0", "m-1"], what="check() leaves everything as it is")

    @pytest.mark.asyncio
    async def test_closed_while_writing_nothing_accepted_is_lost(self, case: Case) -> None:
        """Both end; a write is accepted and there, or it raises; the next sink stores the rest."""
        records, accepted = make_messages(20), set[str]()
        for turns in TURNS:
            sink = Watched(case, case.make())
            await sink.open()
            batch = [record._replace(key=f"{turns}-{record.key}") for record in records]
            writing = asyncio.ensure_future(sink.write(batch))
            await _turns(turns)
            await sink.close()
            if await _was_accepted(writing):
                accepted |= {record.key for record in batch}
        lost = accepted - {*case.keys()}
        promise(case, not lost or not case.stores, "what was accepted before close() is stored", f"{len(lost)} lost")
        async with opened(case) as sink:
            await sink.must(records)

    @pytest.mark.asyncio
    async def test_cancelled_while_writing_the_batch_can_be_written_again(self, case: Case) -> None:
        """At whatever moment: it ends as cancelled, or with its answers; the same sink then takes the batch again."""
        batches = {turns: make_messages(20, prefix=f"{turns}") for turns in TURNS}
        raw = case.make()
        async with opened(case, raw) as sink:
            step = sink.demand.max_rows or 20
            for turns, batch in batches.items():
                writing = asyncio.ensure_future(raw.write(batch[:step]))
                await _turns(turns)
                writing.cancel()
                await asyncio.wait({writing}, timeout=case.patience_seconds)
                promise(case, writing.done(), "a cancelled write() ends", f"not within {case.patience_seconds:g} s")
                failed = None if writing.cancelled() else writing.exception()
                promise(
                    case, failed is None, "a cancelled write() ends as cancelled, or with its answers", repr(failed)
                )
                await sink.until_accepted(batch)
        promise_stored(case, [r.key for batch in batches.values() for r in batch], times=2)

    @pytest.mark.asyncio
    async def test_a_write_after_close_is_not_lost(self, case: Case) -> None:
        """It raises what a sink raises, or the batch is stored; it neither hangs nor takes records for nothing."""
        sink = Watched(case, case.make())
        await sink.open()
        await sink.must(make_messages(2))
        await sink.close()
        late = make_messages(2, prefix="late")
        accepted = await _was_accepted(sink.write(late))
        await sink.close()
        lost = {record.key for record in late} - {*case.keys()} if accepted and case.stores else set()
        promise(
            case, not lost, "a write() after close() raises SinkUnavailable, or stores", f"accepted and lost: {lost}"
        )


async def _was_accepted(writing: Awaitable[Sequence[Answer]]) -> bool:
    """Whether every record was, at its end."""
    try:
        return not any(await writing)
    except SinkError:
        return False


async def _turns(turns: int) -> None:
    """So many turns of the loop, and time for threads and sockets to come further."""
    for _ in range(turns):
        await asyncio.sleep(MOMENT_SECONDS if turns > 3 else 0)  # noqa: PLR2004 - the first turns are the loop's own
