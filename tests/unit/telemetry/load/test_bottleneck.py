"""The verdict on what holds a worker up, and the figures that it is made from."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.facts import BatchWritten, MessagesReceived, PipelineState, RequestMade
from worker.telemetry.load.bottleneck import STAGES, WORDS, Shares, verdict
from worker.telemetry.load.load import Load
from worker.telemetry.load.performance import BATCHES_KEPT, Performance, quantile
from worker.telemetry.load.spans import LONGEST_SECONDS, Spans

if TYPE_CHECKING:
    from tests.unit.telemetry.conftest import Clock

share = st.floats(0, 1)
any_shares = st.builds(Shares, **{field.name: share for field in fields(Shares)})
NOW = 1000.0
FULL = MessagesReceived("orders", asked=10, count=10, bytes=1, seconds=0.1)
EMPTY = MessagesReceived("orders", asked=10, count=0, bytes=0, seconds=20.0)
BATCH = BatchWritten("orders", 100, 100, 1, 0.01, 0.08, 1, (), 0.0, waited_seconds=0.01)

BACKLOG = Shares(receiving=1.0)
SLOW_SINK = Shares(receiving=0.2, waiting_for_room=0.8, sink=0.96)


@pytest.mark.parametrize(
    ("shares", "word"),
    [
        pytest.param(Shares(), "unknown", id="nothing known"),
        pytest.param(Shares(waiting_for_messages=0.9, receiving=0.1), "idle", id="empty queue"),
        pytest.param(Shares(waiting_for_messages=0.9, sink=1.0), "idle", id="a slow sink that keeps up"),
        pytest.param(BACKLOG, "receiving", id="answers one after the other"),
        pytest.param(replace(BACKLOG, sink=0.6), "receiving", id="the sink has time left"),
        pytest.param(replace(BACKLOG, sink=0.9), "sink", id="the last busy stage counts"),
        pytest.param(SLOW_SINK, "sink", id="no room behind a slow sink"),
        pytest.param(replace(SLOW_SINK, sink=0.6, settling=0.3), "sink", id="mostly the sink"),
        pytest.param(replace(SLOW_SINK, sink=0.3, settling=0.7), "deleting", id="no room, waiting for deletes"),
        pytest.param(replace(SLOW_SINK, sink=0.3, deleting=0.9), "deleting", id="no room, all deletes under way"),
        pytest.param(replace(BACKLOG, deleting=0.9), "deleting", id="all deletes under way"),
        pytest.param(replace(SLOW_SINK, sink=0.3, settling=0.3), "room", id="nobody behind has enough"),
        pytest.param(replace(BACKLOG, loop=0.95), "cpu", id="the loop has no time"),
        pytest.param(replace(SLOW_SINK, loop=0.95), "cpu", id="the loop makes the sink look slow"),
        pytest.param(replace(BACKLOG, loop=0.95, decoding=0.7), "decoding", id="the loop decodes"),
        pytest.param(replace(SLOW_SINK, cpus=0.95, loop=0.4), "cpu", id="threads use all that is allowed"),
        pytest.param(Shares(receiving=0.4, waiting_for_messages=0.45, waiting_for_room=0.15), "unknown", id="balanced"),
    ],
)
def test_the_verdict_names_the_stage(shares: Shares, word: str) -> None:
    """Each way in which a worker is held up, or is not, has its word."""
    assert verdict(shares).word == word


@given(any_shares, st.booleans(), st.floats(0, 64))
def test_there_is_always_one_word_and_one_sentence(shares: Shares, available: bool, cpus_busy: float) -> None:  # noqa: FBT001 - hypothesis gives it
    """Whatever is measured, machines get a word of the closed set and people one line."""
    told = verdict(shares, sink_available=available, cpus_busy=cpus_busy)
    assert told.word in WORDS
    assert told.sentence
    assert "\n" not in told.sentence
    assert (told.word == "sink-away") is not available


@given(any_shares)
def test_who_waits_for_messages_is_idle_and_nobody_else(shares: Shares) -> None:
    """Nobody is told to buy anything while there is no backlog."""
    assert (verdict(shares).word == "idle") is (shares.waiting_for_messages >= 0.5)


@given(any_shares)
def test_a_busier_sink_never_takes_the_blame_away_from_it(shares: Shares) -> None:
    """Once the sink is the verdict, more time in it changes nothing."""
    if verdict(shares).word == "sink":
        assert verdict(replace(shares, sink=1.0)).word == "sink"


def test_the_sentence_tells_the_numbers_and_what_to_change() -> None:
    """It can be read at night without the table of the metrics."""
    assert verdict(SLOW_SINK).sentence == (
        "the sink: 96 % of the handlers' time is spent writing, receivers waited for room 80 % of theirs; "
        "raise WORKER_CONCURRENCY or give the sink more"
    )
    assert "raise WORKER_PROCESSES" in verdict(SLOW_SINK, cpus_busy=1.1).sentence
    assert verdict(Shares(receiving=0.3, loop=0.4)).sentence.endswith("that of loop with 40 %")


def test_a_span_is_booked_to_the_seconds_in_which_it_was() -> None:
    """A long poll that ended a moment ago was not a burst of twenty seconds in the last one."""
    spans = Spans()
    spans.add(20.0, NOW + 0.5)
    assert spans.total(1, NOW) == 1.0
    assert spans.total(60, NOW) == 19.5
    assert spans.total(60, NOW + 1) == 20.0
    assert spans.total(60, NOW + 70) == 0.0


@given(st.lists(st.tuples(st.floats(0, 90), st.floats(200, 290)), max_size=30))
def test_spans_agree_with_what_overlaps_the_window(spent: list[tuple[float, float]]) -> None:
    """The ring of seconds gives the sum of the parts of all spans that lie inside the window."""
    spans, last = Spans(), 290
    for seconds, at in sorted(spent, key=lambda one: one[1]):
        spans.add(seconds, at)
    inside = sum(max(0.0, min(at, last) - max(at - min(seconds, LONGEST_SECONDS), last - 60)) for seconds, at in spent)
    assert spans.total(60, float(last)) == pytest.approx(inside, abs=1e-6)


@pytest.fixture
def performance() -> Performance:
    return Performance("orders", Load(), NOW)


def test_receivers_time_is_split_by_how_full_answers_came(performance: Performance) -> None:
    """A tenth full is nine tenths of waiting; time before asking was time without room."""
    performance.received(replace(FULL, seconds=1.0, count=1), NOW + 2)
    performance.received(replace(FULL, seconds=1.0, waited_seconds=2.0), NOW + 5)
    told = performance.shares(None, NOW + 10)
    assert (told.receiving, told.waiting_for_messages, told.waiting_for_room) == pytest.approx((1.1 / 4, 0.9 / 4, 0.5))


def test_handlers_time_is_split_into_waiting_decoding_and_writing(performance: Performance) -> None:
    """The sink's share is of all the time of the handlers that had a batch; decoding is of the loop's."""
    for second in range(1, 11):
        performance.written(BATCH, NOW + second)
    told = performance.shares(None, NOW + 10)
    assert told.sink == pytest.approx(0.8)
    assert told.decoding == pytest.approx(0.01)


def test_deletes_are_told_by_calls_under_way(performance: Performance, state: PipelineState) -> None:
    """Half of two calls all the time is one call all the time; other requests do not count."""
    for second in range(1, 11):
        performance.requested(RequestMade("orders", "delete", "ok", 1.0), NOW + second)
        performance.requested(RequestMade("orders", "receive", "ok", 1.0), NOW + second)
    assert performance.shares(replace(state, delete_calls=2), NOW + 10).deleting == pytest.approx(0.5)


def test_what_waits_for_its_delete_is_a_share_of_what_is_in_flight(
    performance: Performance, state: PipelineState
) -> None:
    """Looked at with each beat; time with nothing in flight says nothing."""
    for quarter in range(41):
        settling = replace(state, in_flight=10 if quarter % 2 else 0, settling=7)
        performance.look(settling, NOW + quarter / 4)
    assert performance.shares(None, NOW + 10).settling == pytest.approx(0.7)


def test_what_is_longer_than_the_window_is_told_by_the_state(performance: Performance, state: PipelineState) -> None:
    """A write of an hour reports nothing until it ends, and no receiver has room meanwhile."""
    busy = replace(state, in_flight=10, in_flight_limit=10, handling=8)
    told = performance.report(busy, NOW + 500)
    assert told.bottleneck == "sink"
    assert (told.time_share["sink"], told.time_share["waiting_for_room"]) == (1.0, 1.0)


def test_a_long_poll_under_way_is_waiting_for_messages(performance: Performance, state: PipelineState) -> None:
    """The queue is idle before its first empty answer has come."""
    performance.received(FULL, NOW + 1)
    quiet = replace(state, in_flight=0, handling=0, last_receive_age=5.0)
    assert performance.report(quiet, NOW + 6).bottleneck == "idle"
    performance.received(EMPTY, NOW + 21)
    assert performance.report(replace(quiet, last_receive_age=0.0), NOW + 22).bottleneck == "idle"


def test_the_report_has_the_batches_of_the_minute(performance: Performance, state: PipelineState) -> None:
    """Means, median and tail of what was written lately; what is older than the window is forgotten."""
    performance.written(replace(BATCH, write_seconds=50.0), NOW)
    for number in range(100):
        performance.written(replace(BATCH, rows=number, write_seconds=number / 100), NOW + 70)
    told = performance.report(
        replace(state, batch_rows_limit=400, batch_linger_seconds=0.05), NOW + 71, deleted_per_second=12.345
    )
    assert (told.batches, told.batch_rows, told.decode_seconds) == (100, 49.5, 0.01)
    assert (told.write_seconds, told.write_seconds_p50, told.write_seconds_p95) == (0.495, 0.5, 0.95)
    assert (told.batch_rows_limit, told.batch_linger_seconds, told.receivers) == (400, 0.05, 2)
    assert told.deleted_per_second == 12.35
    assert tuple(told.time_share) == STAGES


def test_however_many_batches_there_are_few_are_kept(performance: Performance) -> None:
    """The figures of a quick sink cost no more memory than those of a slow one."""
    for _ in range(3 * BATCHES_KEPT):
        performance.written(BATCH, NOW)
    assert performance.report(None, NOW + 1).batches == BATCHES_KEPT


def test_without_anything_there_are_zeros(performance: Performance) -> None:
    """The first look of a monitor divides by nothing."""
    told = performance.report(None, NOW)
    assert (told.bottleneck, told.write_seconds, quantile([], 0.5)) == ("unknown", 0.0, 0.0)


def test_what_is_away_is_the_verdict(performance: Performance, state: PipelineState) -> None:
    """Whatever the minute was like before; a queue that refuses us does not look idle."""
    told = performance.report(replace(state, last_receive_age=20.0), NOW + 50, trouble="AccessDenied")
    assert told.bottleneck == "queue-away"
    assert "AccessDenied" in told.advice
    assert performance.report(replace(state, sink_available=False), NOW + 5).bottleneck == "sink-away"


def test_the_loop_is_busy_by_its_threads_cpu_time(clock: Clock) -> None:
    """Half of a CPU is half of the loop's time, and all of it under a quota of half a CPU."""
    used = {"loop": 0.0, "process": 0.0}
    loads = [
        Load(allowed_cpus=cpus, loop_clock=lambda: used["loop"], process_clock=lambda: used["process"])
        for cpus in (2.0, 0.5)
    ]
    for _ in range(41):
        for load in loads:
            load.beat(clock.now)
        clock.now += 0.25
        used["loop"] += 0.125
        used["process"] += 0.25
    assert [load.loop_share(60, clock.now) for load in loads] == pytest.approx([0.5, 1.0])
    assert [load.cpus_share(60, clock.now) for load in loads] == pytest.approx([0.5, 1.0])
    assert loads[0].cpus_busy(60, clock.now) == pytest.approx(1.0)


def test_before_the_first_beat_nothing_is_known_of_the_cpu() -> None:
    """A scrape may come before the loop runs."""
    assert Load().loop_share(60, NOW) == 0.0
