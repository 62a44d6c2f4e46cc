"""The writer alone: what is not begun, and what follows it."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Final

import pytest

from tests.model.simloop import simulated
from tests.unit.pipeline.bench import ListSink
from worker.message import Delivery
from worker.outcome import DONE
from worker.pipeline.batch_leases import LEASE_OVER, BatchLeases
from worker.pipeline.breaker import Breaker
from worker.pipeline.lane import HELD_BACK
from worker.pipeline.life import Life
from worker.pipeline.write import Writer
from worker.testing.messages import make_message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.message import Message

LEASE_SECONDS: Final = 30.0


def leases_of(records: Sequence[Message], *, over: Message | None = None, ordered: bool) -> BatchLeases:
    """The leases of *records*, of which that of *over* has ended."""
    clock = asyncio.get_running_loop().time
    deliveries = [
        Delivery(
            message_id=record.id,
            receipt_handle="handle",
            body=record.body,
            sent_at=record.sent_at,
            received_at=record.received_at,
            receive_count=record.receive_count,
            leased_at=clock(),
            group_id=record.group_id,
            deadline=clock() + LEASE_SECONDS,
            renew_until=clock() + LEASE_SECONDS,
        )
        for record in records
    ]
    for delivery in deliveries:
        delivery.lost = over is not None and delivery.message_id == over.id
    life = Life(emit=lambda _: None, pipeline="test")
    return BatchLeases(deliveries, life=life, limit_seconds=None, ordered=ordered, clock=clock)


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
        written = await writer.write(records, leases=leases_of(records, over=records[1], ordered=ordered))
        behind = HELD_BACK if ordered else DONE
        assert written.answers == [DONE, LEASE_OVER, DONE, behind]
        assert [row.key for row in sink.rows] == ["a1", "b1"] + ([] if ordered else ["a3"])
        assert (writer.calls, written.writes, written.kept, len(sink.writes)) == (1, 1, False, 1)
        await writer.write(records[:1], leases=leases_of(records[:1], ordered=ordered))
        assert writer.calls == 2

    play()
