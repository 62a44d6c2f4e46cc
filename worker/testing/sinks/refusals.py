"""A record that cannot be stored is told from all others, and costs nobody but itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from worker.errors import SinkUnavailable
from worker.testing.messages import make_messages
from worker.testing.sinks.promise import promise, promise_stored, shown
from worker.testing.sinks.watch import opened, write_halving

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.message import Message
    from worker.testing.sinks.case import Case

QUOTED = 24
"""Characters of a body in a row that nobody may find in a reason."""


class Refusals:
    """Tests of records that the destination does not take."""

    @pytest.mark.asyncio
    @pytest.mark.parametrize("place", [0, 2, 4])
    async def test_a_bad_record_never_takes_its_neighbours_with_it(self, case: Case, place: int) -> None:
        """First, in the middle or last: it is rejected alone, or the batch is refused and its halves go in."""
        bad = case.needs("bad", case.bad)
        good = make_messages(4)
        await _tried(case, [*good[:place], bad, *good[place:]], bad)

    @pytest.mark.asyncio
    async def test_one_bad_record_in_five_hundred_is_found(self, case: Case) -> None:
        """It is rejected, and 499 are stored once."""
        bad = case.needs("bad", case.bad)
        good = make_messages(499)
        await _tried(case, [*good[:333], bad, *good[333:]], bad)

    @pytest.mark.asyncio
    async def test_what_is_beyond_a_limit_is_rejected_alone(self, case: Case) -> None:
        """It is no outage: a record that never fits would hold up the queue for ever."""
        large = case.needs("too_large", case.too_large)
        good = make_messages(4)
        await _tried(case, [*good[:2], large, *good[2:]], large)


async def _tried(case: Case, records: Sequence[Message], bad: Message) -> None:
    __tracebackhide__ = True
    async with opened(case) as sink:
        try:
            rejected = await write_halving(sink, records)
        except SinkUnavailable as error:
            promise(case, kept=False, what="a record that never fits is refused, not waited for", seen=repr(error))
            raise
        await sink.must(make_messages(1, prefix="next"))
    words = "the record that cannot be stored is rejected, and no other"
    promise(case, [*rejected] == [bad.key], words, f"rejected: {shown(rejected)}")
    good = [record.key for record in records if record is not bad]
    promise_stored(case, [*good, "next-0"], what="the neighbours of a bad record are stored, and it is not")
    quoted = bad.body[:QUOTED] in rejected[bad.key] and len(bad.body) >= QUOTED
    promise(case, not quoted, "reasons never hold the body", rejected[bad.key][:200])
