"""What is accepted is there: batches large and small, repeated, side by side, with strange bodies, in order."""

from __future__ import annotations

import asyncio
import json
import time
from itertools import count
from typing import TYPE_CHECKING, Final

import pytest

from worker.testing.messages import make_message, make_messages
from worker.testing.sinks.promise import promise, promise_stored, shown
from worker.testing.sinks.watch import opened

if TYPE_CHECKING:
    from worker.testing.sinks.case import Case

DAY_SECONDS = 86_400.0
STRANGE: Final[dict[str, dict[str, object]]] = {
    "as-large-as-can-be": {"x": "y" * 1_000_000},
    "nul": {"nul": "\0"},
    "quotes": {"quote": "'); DROP TABLE messages; --"},
    "emoji": {"emoji": "😀\u2028"},
    "lines": {"lines": "a\r\nb\nc\\n"},
    "wide": {"wide": 10**31},
    "empty": {},
}
"""Bodies by name."""


class Batches:
    """Tests of `write` while all is well."""

    @pytest.mark.asyncio
    async def test_an_accepted_batch_is_in_the_destination_when_write_returns(self, case: Case) -> None:
        """A reader from outside finds every record at once, in the order of the batch where there is one."""
        records = make_messages(50)
        async with opened(case) as sink:
            await sink.must(records)
            promise_stored(case, [r.key for r in records], what="what write() accepted is stored when it returns")
            found = [*case.keys()]
        if case.ordered and case.stores:
            wanted = [record.key for record in records]
            promise(case, found == wanted, "records are stored in the order of their batch", shown(found))

    @pytest.mark.asyncio
    async def test_every_record_has_its_answer(self, case: Case) -> None:
        """One, in batches of one, of two, and of as many as the pipeline makes by default."""
        async with opened(case) as sink:
            for size in (1, 2, 500):
                await sink.must(make_messages(size, prefix=f"of-{size}"))
        promise_stored(case, [f"of-{size}-{number}" for size in (1, 2, 500) for number in range(size)])

    @pytest.mark.asyncio
    async def test_an_empty_batch_is_nothing(self, case: Case) -> None:
        """No answer, no row, no error."""
        async with opened(case) as sink:
            await sink.must([])
        promise_stored(case, [], what="an empty batch stores nothing")

    @pytest.mark.asyncio
    async def test_the_same_batch_twice_loses_nothing(self, case: Case) -> None:
        """A redelivery is accepted like the first delivery; where the sink is transactional it leaves one row."""
        records = make_messages(20)
        async with opened(case) as sink:
            await sink.must(records)
            await sink.must(records)
            await sink.must([*records[10:], *make_messages(3, prefix="new")])
        promise_stored(case, [r.key for r in records] + [f"new-{n}" for n in range(3)], times=3)

    @pytest.mark.asyncio
    async def test_one_key_twice_in_a_batch_is_accepted(self, case: Case) -> None:
        """SQS may deliver a message twice in one receive."""
        async with opened(case) as sink:
            await sink.must([make_message("same"), make_message("other"), make_message("same")])
        promise_stored(case, ["same", "other", "same"])

    @pytest.mark.asyncio
    async def test_writes_side_by_side_are_all_kept(self, case: Case) -> None:
        """As many writers as the sink demands, each with batches of its own."""
        async with opened(case) as sink:
            writers = sink.demand.max_writers or 4
            async with asyncio.TaskGroup() as group:
                for writer in range(writers):
                    group.create_task(sink.must(make_messages(25, prefix=f"w{writer}")))
        promise_stored(case, [f"w{writer}-{number}" for writer in range(writers) for number in range(25)])

    @pytest.mark.asyncio
    @pytest.mark.parametrize("body", STRANGE)
    async def test_large_and_strange_bodies_are_taken(self, case: Case, body: str) -> None:
        """Whatever a codec lets through goes in, next to ordinary records."""
        async with opened(case) as sink:
            value = {name: _fitted(part, case.largest_body) for name, part in STRANGE[body].items()}
            strange = make_message("strange", value, body=json.dumps(value, ensure_ascii=False))
            await sink.must([make_message("before"), strange, make_message("after")])
        promise_stored(case, ["before", "strange", "after"])

    @pytest.mark.asyncio
    async def test_a_redelivery_is_known_by_its_key_whatever_the_clock_says(
        self, case: Case, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The clock of the machine is set forth and back by a day all the while; receipts differ in all but the key."""
        records, real, calls = make_messages(10), time.time, count()
        monkeypatch.setattr(time, "time", lambda: real() + DAY_SECONDS * (next(calls) % 3 - 1))
        async with opened(case) as sink:
            for receipt, shift in enumerate((0.0, DAY_SECONDS, -DAY_SECONDS), start=1):
                await sink.must([r._replace(received_at=r.received_at + shift, receive_count=receipt) for r in records])
        promise_stored(case, [record.key for record in records], times=3)

    @pytest.mark.asyncio
    async def test_a_group_keeps_its_order(self, case: Case) -> None:
        """Groups of a FIFO queue, mixed within batches: of each the records stand in the order in which they came."""
        case.needs("ordered", case.ordered)
        keys = [f"{group}-{number:03}" for number in range(60) for group in ("left", "right")]
        async with opened(case) as sink:
            for start in range(0, len(keys), 24):
                await sink.must([make_message(key, group_id=key[:4]) for key in keys[start : start + 24]])
        found = [*case.keys()]
        for group in ("left", "right") if case.stores else ():
            seen = [key for key in found if key.startswith(group)]
            wanted = [key for key in keys if key.startswith(group)]
            promise(case, seen == wanted, f"the group {group} is stored in the order of its messages", shown(seen))


def _fitted(part: object, most: int) -> object:
    return part[:most] if isinstance(part, str) else part
