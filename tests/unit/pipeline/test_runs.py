"""Runs and lanes: batches of whole runs by rows, bytes and age; and what is in hand of a group is counted."""

from __future__ import annotations

import asyncio

import pytest

from tests.model.simloop import simulated
from worker.message import Delivery
from worker.pipeline.lane import Lane, insert_in_order
from worker.pipeline.runs import Runs
from worker.pipeline.sizing import BatchSettings, Sizing


def run_of(*ids: int, weight: int = 1) -> list[Delivery]:
    """Messages of one group, in order."""
    run = [
        Delivery(
            message_id=str(number), receipt_handle="h", body="x", sent_at=0, received_at=0, receive_count=1,
            leased_at=0, group_id="g", sequence_number=str(number),
        )
        for number in ids
    ]  # fmt: skip
    for delivery in run:
        delivery.weight = weight
    return run


def make_runs(*, window: float = 10.0) -> Runs:
    """Ten rows or a hundred bytes are a full batch."""
    return Runs(Sizing(BatchSettings(max_rows=10, max_bytes=100, max_wait_seconds=window, keeps_wait=True)))


def ids(batch: list[Delivery]) -> list[int]:
    """In the order of the batch."""
    return [int(delivery.message_id) for delivery in batch]


@simulated
async def test_a_batch_is_full_by_the_rows_or_by_the_bytes_of_its_runs() -> None:
    """Whole runs only; what is full does not wait, and what is not does."""
    runs, loop = make_runs(), asyncio.get_running_loop()
    for run in (run_of(*range(6)), run_of(*range(6, 10)), run_of(10, 11, weight=40), run_of(12, weight=20)):
        runs.put(run)
    runs.put(run_of(13))
    assert len(runs) == 14
    assert ids(await runs.take()) == list(range(10))
    assert len(runs) == 4
    assert ids(await runs.take()) == [10, 11, 12]
    assert loop.time() == 0
    assert ids(await runs.take()) == [13]
    assert loop.time() == pytest.approx(10)
    assert len(runs) == 0


@simulated
async def test_what_is_flushed_waits_for_nothing_more() -> None:
    """A queue that is drained has nothing to wait for."""
    runs, loop = make_runs(window=60), asyncio.get_running_loop()
    waiting = asyncio.create_task(runs.take())
    runs.put(run_of(1, 2))
    await asyncio.sleep(1)
    assert not waiting.done()
    runs.flush()
    assert ids(await waiting) == [1, 2]
    assert (loop.time(), len(runs)) == (1, 0)


@simulated
async def test_closing_gives_what_nobody_has_taken_and_then_empty_batches() -> None:
    """It is counted no more."""
    runs = make_runs()
    for run in (run_of(1, 2), run_of(3)):
        runs.put(run)
    assert ids(runs.close()) == [1, 2, 3]
    assert (len(runs), runs.closed, await runs.take()) == (0, True, [])


def test_what_comes_again_is_put_where_it_was_in_its_group() -> None:
    """Before the later ones, and behind those of its own place and before."""
    lane = Lane("g")
    for delivery in run_of(5, 7, 6, 4, 8):
        insert_in_order(lane.waiting, delivery)
    assert ids(list(lane.waiting)) == [4, 5, 6, 7, 8]


def test_something_earlier_is_what_is_out_beside_it_or_waits_before_it() -> None:
    """Itself is out; what waits behind it does not count."""
    (first, second, third) = run_of(1, 2, 3)
    lane = Lane("g", out=1)
    assert not lane.has_earlier(second)
    lane.waiting.append(third)
    assert not lane.has_earlier(second)
    lane.waiting.appendleft(first)
    assert lane.has_earlier(second)
    lane.waiting.clear()
    lane.out = 2
    assert lane.has_earlier(second)


def test_a_lane_is_broken_by_what_was_written_and_is_held_no_more() -> None:
    """Lost, or its lease over; to the moment."""
    (written,) = run_of(1)
    lane = Lane("g", written={"1": written})
    written.deadline = 30.0
    assert not lane.broken(29.9)
    assert lane.broken(30.0)
    written.lost = True
    assert lane.broken(0.0)
    assert Lane("g", torn=True).broken(0.0)
