"""What a sink wishes is followed where nobody has said otherwise, and the bounds in flight grow with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.settings import PipelineSettings, load
from worker.settings.wishes import fitted
from worker.sinks.sink import Demand

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

MIB = 1024 * 1024
COPY = Demand(rows=50_000, bytes=64 * MIB, age_seconds=60, writers=1)


def settings(**given: object) -> PipelineSettings:
    return PipelineSettings.model_validate({"queue": "orders"} | given)


def test_a_sink_that_wishes_nothing_changes_nothing() -> None:
    """Whatever it cannot take at once is another matter."""
    plain = settings()
    assert fitted(plain, Demand(max_rows=1, max_writers=2, seconds=5)) is plain


def test_wishes_stand_in_for_what_nobody_gave() -> None:
    """Rows, bytes, age and writers; and a slow write does not make large batches smaller."""
    fit = fitted(settings(), COPY)
    assert (fit.batch_max_rows, fit.batch_max_bytes, fit.batch_max_wait_ms) == (50_000, 64 * MIB, 60_000)
    assert (fit.concurrency, fit.batch_target_ms) == (1, 0)
    assert "batch_max_wait_ms" in fit.model_fields_set  # a batch waits for so long, whatever a write takes


def test_what_was_given_stays() -> None:
    """Each by itself: the others are wished all the same."""
    given = settings(batch_max_rows=1_000, batch_max_wait_ms=500, concurrency=3, batch_target_ms=70)
    fit = fitted(given, COPY)
    assert (fit.batch_max_rows, fit.batch_max_wait_ms, fit.concurrency, fit.batch_target_ms) == (1_000, 500, 3, 70)
    assert fit.batch_max_bytes == 64 * MIB


def test_bounds_hold_a_batch_for_each_writer_and_one_more() -> None:
    """Up to what SQS hands out, and to what the memory holds; never less than without a wish."""
    fit = fitted(settings(), COPY)
    assert (fit.in_flight_max_messages, fit.in_flight_max_bytes) == (100_000, 128 * MIB)
    assert fitted(settings(concurrency=4), COPY).in_flight_max_messages == 120_000
    assert fitted(settings(), COPY, most_bytes=100 * MIB).in_flight_max_bytes == 100 * MIB
    assert fitted(settings(), COPY, most_bytes=MIB).in_flight_max_bytes == 64 * MIB
    small = fitted(settings(), Demand(rows=10, bytes=MIB))
    assert (small.in_flight_max_messages, small.in_flight_max_bytes) == (2_500, 64 * MIB)


def test_writers_are_counted_as_the_sink_can_take_them() -> None:
    """Eight handlers on a sink with one thread are one writer."""
    fit = fitted(settings(), Demand(rows=5_000, max_writers=1))
    assert fit.in_flight_max_messages == 10_000


def test_bounds_that_were_given_stay() -> None:
    """Whether a batch fits into them is the preflight's question."""
    fit = fitted(settings(in_flight_max_messages=3_000, in_flight_max_bytes=2 * MIB), COPY)
    assert (fit.in_flight_max_messages, fit.in_flight_max_bytes) == (3_000, 2 * MIB)


def test_no_wish_passes_what_the_sink_can_take() -> None:
    """A function of one message at a time is given one."""
    assert fitted(settings(), Demand(rows=100, max_rows=1)).batch_max_rows == 1


def test_what_follows_from_others_is_not_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Smaller bounds make smaller batches by themselves; that is not somebody's word against the sink's wish."""
    monkeypatch.chdir(tmp_path)
    (read,) = load({"SQS_QUEUE_URL": "orders", "IN_FLIGHT_MAX_MESSAGES": "100"}).pipelines
    assert read.batch_max_rows == 100
    assert read.is_given("in_flight_max_messages")
    assert not read.is_given("batch_max_rows")
    assert fitted(read, COPY).batch_max_rows == 50_000
