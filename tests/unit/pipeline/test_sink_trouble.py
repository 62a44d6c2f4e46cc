"""A sink that is away, that refuses something, or that is wrong: what happens to the messages."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.model.simloop import simulated
from tests.unit.pipeline.bench import Bench
from worker import facts
from worker.errors import BatchFailed, SinkRefused, SinkUnavailable
from worker.outcome import Reject, Retry
from worker.pipeline.sizing import BatchSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.message import Message


@simulated
async def test_while_the_sink_is_away_receiving_stops_leases_live_and_no_receive_count_is_burnt() -> None:
    """Ten minutes without the database: the bound is not exceeded, nothing goes back, every row is a first receipt."""
    bench = Bench(hold_seconds=3600.0)
    healed_at = 600.0

    def away(records: Sequence[Message]) -> list[None]:
        if asyncio.get_running_loop().time() < healed_at:
            raise SinkUnavailable("locked")
        return [None] * len(records)

    bench.sink.answer = away
    await bench.send(range(300))
    async with bench.running() as pipeline:
        await asyncio.sleep(healed_at - 1)
        held = len(pipeline.ledger)
        assert 0 < held <= bench.spec.max_messages
        assert pipeline.ledger.received == held
        await asyncio.sleep(1 + 5 + 5)
        assert len(bench.sink.ids()) >= 100
        await asyncio.sleep(60)
    assert {row.receive_count for row in bench.sink.rows} == {1}
    assert len(bench.sink.rows) == 300
    assert len(bench.told(facts.SinkLost)) == len(bench.told(facts.SinkRestored)) == 1


@simulated
async def test_what_a_sink_refuses_while_it_takes_nothing_burns_no_receive_count_of_the_others() -> None:
    """A full disk: constraints are still checked, and a refusal is no proof that a good record would be taken."""
    bench = Bench(max_messages=10).with_dead_letters()
    healed_at = 60.0

    def full(records: Sequence[Message]) -> list[None]:
        if any(isinstance(record.value, dict) and record.value["n"] % 5 == 0 for record in records):
            raise SinkRefused("constraint")
        if asyncio.get_running_loop().time() < healed_at:
            raise SinkUnavailable("disk full")
        return [None] * len(records)

    bench.sink.answer = full
    await bench.send(range(60))
    async with bench.running():
        await asyncio.sleep(healed_at + 30)
    assert sorted(map(str, bench.sink.ids())) == sorted(str(n) for n in range(60) if n % 5)
    assert {row.receive_count for row in bench.sink.rows} == {1}


@simulated
async def test_a_sink_away_for_longer_than_the_set_time_keeps_one_batch_and_gives_the_rest_back() -> None:
    """Another worker can have them; the one batch that probes notices when the sink is back."""
    bench = Bench(hold_seconds=60.0)

    def away(records: Sequence[Message]) -> list[None]:
        if asyncio.get_running_loop().time() < 200:
            raise SinkUnavailable("gone")
        return [None] * len(records)

    bench.sink.answer = away
    await bench.send(range(100))
    async with bench.running() as pipeline:
        await asyncio.sleep(59)
        assert len(pipeline.ledger) == 80
        await asyncio.sleep(10)
        kept = len(pipeline.ledger)
        assert 0 < kept <= bench.spec.batch.max_rows
        assert await bench.counts() == (100 - kept, kept, 0)
        await asyncio.sleep(200)
    assert len(bench.sink.rows) == 100
    assert await bench.counts() == (0, 0, 0)


@simulated
async def test_only_one_batch_at_a_time_tries_a_sink_that_is_away() -> None:
    """An ill database is not hammered by every handler."""
    bench = Bench()
    trying = peak = 0

    async def write(records: Sequence[Message]) -> list[None]:
        nonlocal trying, peak
        assert records
        trying += 1
        peak = max(peak, trying if asyncio.get_running_loop().time() > 1 else 0)
        await asyncio.sleep(0.01)
        trying -= 1
        raise SinkUnavailable("gone")

    bench.sink.write = write  # type: ignore[method-assign] # a sink that is gone
    await bench.send(range(100))
    async with bench.running(drain_seconds=2):
        await asyncio.sleep(60)
    assert peak == 1


@simulated
async def test_one_bad_record_in_five_hundred_is_found_in_at_most_eighteen_more_writes() -> None:
    """The other 499 are written, the bad one is dead-lettered with the sink's own words."""
    batch = BatchSettings(max_rows=500, max_bytes=1_000_000, max_wait_seconds=2)
    bench = Bench(max_messages=600, batch=batch).with_dead_letters()

    def refuse(records: Sequence[Message]) -> list[None]:
        if any('"n":321' in record.body for record in records):
            raise SinkRefused("value too long")
        return [None] * len(records)

    bench.sink.answer = refuse
    await bench.send(range(500))
    await bench.drain()
    assert len(bench.sink.rows) == 499
    assert await bench.dead_bodies() == ['{"n":321}']
    assert bench.sink.writes[0] == 500
    assert len(bench.sink.writes) <= 1 + 18


@simulated
async def test_a_bug_in_the_sink_is_a_retry_of_the_record_that_shows_it() -> None:
    """Any other exception is narrowed down by halving; the record that raises it is retried, the others are written."""
    bench = Bench(max_receives=2)

    def break_on_two(records: Sequence[Message]) -> list[None]:
        if any('"n":2' in record.body for record in records):
            raise ZeroDivisionError
        return [None] * len(records)

    bench.sink.answer = break_on_two
    await bench.send(range(5))
    await bench.drain()
    assert sorted(map(str, bench.sink.ids())) == ["0", "1", "3", "4"]
    assert await bench.dead_bodies() == ['{"n":2}']
    assert {getattr(fact, "reason", "") for fact in bench.told(facts.MessageRetried)} == {"ZeroDivisionError"}


@simulated
async def test_a_batch_that_fails_for_one_message_costs_receive_counts_of_that_one_alone() -> None:
    """One of forty makes the batch function raise: it is dead after three receipts, the others had one."""
    bench = Bench(max_receives=3)

    def break_on_seven(records: Sequence[Message]) -> list[None]:
        if any('"n":7}' in record.body for record in records):
            raise BatchFailed("KeyError")
        return [None] * len(records)

    bench.sink.answer = break_on_seven
    await bench.send(range(40))
    await bench.drain()
    assert len(bench.sink.rows) == 39
    assert {row.receive_count for row in bench.sink.rows} == {1}
    assert await bench.dead_bodies() == ['{"n":7}']


@simulated
async def test_a_sink_that_answers_for_another_number_of_records_is_not_believed() -> None:
    """Nothing is deleted on the word of a sink whose answers cannot be matched to records."""
    bench = Bench(max_receives=1)
    bench.sink.answer = lambda records: [None] * (len(records) + 1)
    await bench.send([1])
    await bench.drain()
    assert "deleted" not in bench.outcomes()


@simulated
async def test_retry_and_reject_raised_by_a_sink_hold_for_its_batch() -> None:
    """What your own code raises becomes the outcome of every message it was given."""
    bench = Bench().with_dead_letters()

    def raising(records: Sequence[Message]) -> list[None]:
        if records[0].receive_count == 1:
            raise Retry("busy", after=3)
        raise Reject("no-customer")

    bench.sink.answer = raising
    await bench.send([1, 2])
    await bench.drain()
    assert bench.outcomes() == {"retried": 2, "rejected": 2}
    assert len(await bench.dead_bodies()) == 2


@pytest.mark.parametrize("trouble", [SinkUnavailable("away"), BatchFailed("boom", "a bug")])
@simulated
async def test_what_a_failed_try_did_to_its_values_is_not_seen_by_the_next_one(trouble: Exception) -> None:
    """Your function takes its messages apart and fails; called again, for all or by halves, it is given them whole."""
    bench = Bench(own_code=True)
    seen: list[object] = []

    def answer(records: Sequence[Message]) -> list[None]:
        for record in records:
            assert isinstance(record.value, dict)
            seen.append(record.value.pop("n", "poisoned"))
        if len(seen) <= 8:
            raise trouble
        return [None] * len(records)

    bench.sink.answer = answer
    await bench.send(range(8))
    await bench.drain()
    assert "poisoned" not in seen
    assert len(seen) > 8
    assert sorted(row.id for row in bench.sink.rows) == sorted({row.id for row in bench.sink.rows})
    assert len(bench.sink.rows) == 8
