"""The writer alone: what is not begun, and what follows it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tests.model.simloop import simulated
from tests.unit.pipeline.bench import ListSink
from worker.outcome import DONE
from worker.pipeline.breaker import Breaker
from worker.pipeline.lane import HELD_BACK
from worker.pipeline.write import LEASE_OVER, Writer
from worker.testing.messages import make_message

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from worker.message import Message


class Over:
    """Leases of which some were over when the first attempt was to begin."""

    def __init__(self, *over: str) -> None:
        self._over = set(over)

    def begin(self, records: Sequence[Message]) -> AbstractSet[str]:
        """Those of *records* that are over."""
        return self._over & {record.id for record in records}

    def wait(self) -> None:
        """Nothing to note."""


@pytest.mark.parametrize("ordered", [True, False])
def test_what_is_behind_a_lease_that_is_over_is_not_begun_where_order_counts(*, ordered: bool) -> None:
    """The rest is written in one write, what was before it in its group too; every write is counted."""

    @simulated
    async def play() -> None:
        sink = ListSink()
        breaker = Breaker(
            hold_seconds=30, random=random.Random(1), restored=lambda: None, emit=lambda _: None, pipeline="test"
        )
        writer = Writer(sink, breaker=breaker, ordered=ordered, emit=lambda _: None, pipeline="test")
        records = [make_message(key, group_id=key[0]) for key in ("a1", "a2", "b1", "a3")]
        written = await writer.write(records, leases=Over(records[1].id))
        behind = HELD_BACK if ordered else DONE
        assert written.answers == [DONE, LEASE_OVER, DONE, behind]
        assert [row.key for row in sink.rows] == ["a1", "b1"] + ([] if ordered else ["a3"])
        assert (writer.calls, written.writes, written.kept, len(sink.writes)) == (1, 1, False, 1)
        await writer.write(records[:1], leases=Over())
        assert writer.calls == 2

    play()
