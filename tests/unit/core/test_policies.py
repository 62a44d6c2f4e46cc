"""The pure policies: backoff, receivers, room ahead, renewal."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.pipeline import backoff, tuning
from worker.pipeline.sizing import BatchSettings, Sizing
from worker.sqs.quotas import VISIBILITY_SECONDS

ATTEMPTS = st.integers(min_value=-5, max_value=10**9)
SECONDS = st.floats(min_value=0, max_value=1e6)


@given(ATTEMPTS, st.floats(0.001, 1e3), st.floats(0.001, 1e5), st.integers())
def test_jitter_stays_under_the_ceiling_and_the_ceiling_under_the_maximum(
    attempt: int, base: float, most: float, seed: int
) -> None:
    """No attempt number, however wild, waits longer than the maximum or less than nothing."""
    pause = backoff.full_jitter(attempt, random.Random(seed), base_seconds=base, max_seconds=most)
    assert 0 <= pause <= backoff.ceiling(attempt, base_seconds=base, max_seconds=most) <= most


@given(st.integers(1, 60), st.floats(0.001, 10))
def test_the_ceiling_never_falls_with_the_attempts(attempt: int, base: float) -> None:
    """Later tries never wait for less at the most."""
    now = backoff.ceiling(attempt, base_seconds=base, max_seconds=900)
    assert now <= backoff.ceiling(attempt + 1, base_seconds=base, max_seconds=900)


@given(st.integers(1, 1000), st.floats(0, 50_000), st.integers())
def test_a_retry_never_asks_for_more_than_the_twelve_hours_that_are_left(count: int, held: float, seed: int) -> None:
    """SQS refuses a visibility that ends later than 12 h after the receipt."""
    pause = backoff.Backoff(10_000, VISIBILITY_SECONDS, random.Random(seed)).pause(count, None)
    delay = backoff.whole_seconds(pause, held_seconds=held)
    assert 0 <= delay <= max(0, VISIBILITY_SECONDS - held)


@given(st.integers(1, 200), st.integers(1, 10), st.integers(0, 10), st.booleans(), st.integers(1, 200))
def test_receivers_stay_between_one_and_the_bound(
    current: int,
    asked: int,
    received: int,
    waited: bool,  # noqa: FBT001 - drawn
    most: int,
) -> None:
    """Whatever comes, one receiver polls and never more than allowed are asked for."""
    wanted = tuning.receivers(current, asked=asked, received=min(received, asked), waited=waited, maximum=most)
    assert 1 <= wanted <= max(most, current)


def test_full_receives_grow_and_empty_ones_shrink_the_receivers() -> None:
    """The number follows the load by one at a time."""
    assert tuning.receivers(3, asked=10, received=10, waited=False, maximum=16) == 4
    assert tuning.receivers(3, asked=10, received=4, waited=False, maximum=16) == 3
    assert tuning.receivers(3, asked=10, received=0, waited=False, maximum=16) == 2
    assert tuning.receivers(1, asked=10, received=0, waited=False, maximum=16) == 1


def test_receivers_do_not_grow_while_there_is_no_room() -> None:
    """More of them would only wait for the sink side by side."""
    assert tuning.receivers(3, asked=10, received=10, waited=True, maximum=16) == 3


@given(st.integers(1, 10_000), st.floats(0, 1e4), st.floats(0.001, 600), st.integers(1, 10_000), st.integers(1, 10_000))
def test_a_batch_stays_between_one_row_and_the_bound(
    current: int, seconds: float, target: float, floor: int, most: int
) -> None:
    """Whatever a write takes, there is a next batch and it is within the setting."""
    rows = tuning.batch_rows(min(current, most), seconds=seconds, target=target, floor=floor, maximum=most)
    assert 1 <= rows <= most


@given(st.integers(1, 10_000), st.floats(0, 1e4), st.floats(0.001, 600))
def test_a_batch_changes_only_beyond_a_fifth_of_the_target(current: int, seconds: float, target: float) -> None:
    """Smaller over 120 %, larger under 80 %, and the same between them."""
    rows = tuning.batch_rows(current, seconds=seconds, target=target, floor=1, maximum=20_000)
    if seconds > 1.2 * target:
        assert rows < current or current == 1
    elif seconds < 0.8 * target:
        assert rows > current
    else:
        assert rows == current


def test_a_batch_is_not_made_smaller_than_pays() -> None:
    """A disk that needs 100 ms for any commit is not given one row at a time."""
    assert tuning.batch_rows(500, seconds=0.1, target=0.05, floor=500, maximum=500) == 500
    assert tuning.batch_rows(500, seconds=0.1, target=0.05, floor=1, maximum=500) == 250


@given(st.floats(0, 1e4), st.floats(0, 60))
def test_a_batch_never_lingers_longer_than_allowed(write_seconds: float, most: float) -> None:
    """However slow the sink is, the setting is the longest wait."""
    assert 0 <= tuning.linger(write_seconds, maximum=most) <= most


@given(
    st.floats(0.0005, 0.5),
    st.floats(0.00001, 0.01),
    st.lists(st.integers(1, 500), min_size=60, max_size=80).filter(lambda sizes: len(set(sizes[-20:])) > 2),
)
def test_the_cost_of_a_row_is_told_apart_from_that_of_any_batch(fixed: float, row: float, sizes: list[int]) -> None:
    """From batches of different sizes: the smallest that pays spends as much on rows as on what any batch costs."""
    cost = tuning.WriteCost()
    for rows in sizes:
        cost = cost.after(rows, fixed + row * rows, weight=0.1)
    assert cost.efficient_rows(500) == pytest.approx(min(500, max(1, math.ceil(fixed / row))), abs=1.01)


def test_without_sizes_to_compare_a_batch_shrinks_by_small_steps() -> None:
    """Batches of one size do not tell what a row costs; a small step tells it at little risk."""
    cost = tuning.WriteCost().after(500, 0.1, weight=0.1).after(500, 0.12, weight=0.1)
    assert cost.efficient_rows(500) == 400


@given(
    st.integers(1, 1000),
    st.integers(1, 10_000),
    SECONDS,
    st.floats(0, 100),
    st.integers(1, 120_000),
    st.integers(0, 5),
)
def test_room_ahead_is_at_least_one_and_at_most_the_bound(
    writers: int, rows: int, write_seconds: float, receive_seconds: float, most: int, seen: int
) -> None:
    """No measurement can stop receiving or exceed the setting."""
    ahead = tuning.messages_ahead(
        writers=writers,
        rows=rows,
        write_seconds=write_seconds,
        receive_seconds=receive_seconds,
        maximum=most,
        batches_seen=seen,
    )
    assert 1 <= ahead <= most


def test_long_jobs_have_nothing_waiting_behind_them() -> None:
    """Three of four handlers do jobs of 15 minutes: one message may come; another worker can have the rest."""
    assert tuning.messages_begun(idle=1, rows=1, begun=3, maximum=2_000) == 4
    assert tuning.messages_begun(idle=0, rows=500, begun=40, maximum=2_000) == 40
    assert tuning.messages_begun(idle=0, rows=500, begun=0, maximum=2_000) == 1


def test_before_the_first_write_single_messages_have_nothing_waiting_behind_them() -> None:
    """Nobody knows yet whether a call takes a millisecond or a minute; a batch is held twice, as sinks are quick."""
    unknown = {"write_seconds": 0.0, "receive_seconds": 0.05, "maximum": 2_000, "batches_seen": 0}
    assert tuning.messages_ahead(writers=4, rows=1, **unknown) == 4  # type: ignore[arg-type] # numbers by name
    assert tuning.messages_ahead(writers=4, rows=10, **unknown) == 80  # type: ignore[arg-type] # as above


def test_a_window_that_was_set_is_kept_whatever_a_write_takes() -> None:
    """Who asks for batches of four seconds gets them; else a batch waits for as long as one write takes."""
    kept = Sizing(BatchSettings(500, 1_000, 4.0, keeps_wait=True))
    adaptive = Sizing(BatchSettings(500, 1_000, 4.0))
    for sizing in (kept, adaptive):
        sizing.written(1, 0.02)
    assert kept.wait_seconds == 4.0
    assert adaptive.wait_seconds == pytest.approx(0.02)


def test_quick_batches_have_a_full_buffer_behind_them() -> None:
    """A sink that takes 500 rows in 10 ms never waits for a receive of 40 ms."""
    ahead = tuning.messages_ahead(
        writers=2, rows=500, write_seconds=0.01, receive_seconds=0.04, maximum=20_000, batches_seen=3
    )
    assert ahead == 9_000


@given(st.floats(0, 1e6), st.integers(1, VISIBILITY_SECONDS))
def test_a_lease_is_renewed_at_half_its_time(deadline: float, lease: int) -> None:
    """Half of the lease is left for tries that fail."""
    assert tuning.renew_at(deadline, lease_seconds=lease) == deadline - lease / 2
