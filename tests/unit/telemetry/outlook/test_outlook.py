"""What becomes of a queue: rates, guesses with their spread, ages and dollars, each against numbers done by hand."""

from __future__ import annotations

import json
from math import inf
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily

from worker.facts import DeliveriesSettled, MessagesReceived, PipelineState, QueueMeasured
from worker.telemetry.metrics.current import CURRENT_SECONDS, Currents
from worker.telemetry.outlook.capacity import HALF_LIFE_SECONDS, Capacity
from worker.telemetry.outlook.cost import BILLED_BYTES, Cost
from worker.telemetry.outlook.oldest import Oldest
from worker.telemetry.outlook.outlook import Outlook, QueueWatch
from worker.telemetry.outlook.scrape import OutlookCollector
from worker.telemetry.outlook.trend import Depth, Empty, arrivals, empty, growth

if TYPE_CHECKING:
    from tests.unit.telemetry.conftest import Clock

WORKING = PipelineState(0, 10, 0, 10, 5_000, 1, receiving=True, sink_available=True, last_receive_age=0.0)
IDLE = PipelineState(0, 0, 0, 0, 0, 1, receiving=True, sink_available=True, last_receive_age=0.0)
AWAY = PipelineState(0, 10, 0, 10, 5_000, 1, receiving=False, sink_available=False, last_receive_age=0.0)


def depths(*totals: int, every: float = 10.0, removed: tuple[int, ...] = ()) -> tuple[Depth, ...]:
    """Measures at even times."""
    return tuple(
        Depth(n * every, total, 0, 0, removed[n] if removed else 0) for n, total in enumerate(totals)
    )  # fmt: skip


# ── where the queue is going ────────────────────────────────────────────────────────────────────────────────────────


def test_the_time_to_empty_is_the_queues_own_slope() -> None:
    """It shrinks by 10 a second: 900 take 90 s. Two measures make a line and say nothing of how far it is wrong."""
    fell = (Depth(0.0, 1000, 0, 100), Depth(20.0, 700, 200, 0))
    line = growth(fell)
    assert line is not None
    assert (line.per_second, line.wrong_by) == (-10.0, None)
    assert empty(fell) == Empty(None, 90.0, None)


def test_a_queue_that_does_not_shrink_is_never_empty() -> None:
    """Growing or standing is for ever, one measure or none is unknown, and nothing in it is now."""
    assert empty(depths(0, 1)).expected == inf
    assert empty(depths(5, 5, 5)) == Empty(inf, inf, inf)
    assert empty(depths(5)) == empty(()) == Empty()
    assert empty(depths(9, 0)) == Empty(0.0, 0.0, 0.0)


def test_counts_that_jump_widen_the_guess_and_do_not_move_it_far() -> None:
    """A true slope of -10 under noise of 200 messages: the truth lies inside the bounds in at least 90 of 100 runs."""
    inside = 0
    for seed in range(100):
        random = Random(seed)
        noisy = depths(*(10_000 - 150 * n + round(random.gauss(0, 200)) for n in range(12)), every=15.0)
        told = empty(noisy)
        assert told.soonest is not None
        assert told.latest is not None
        assert told.expected is not None
        assert told.soonest <= told.expected <= told.latest
        truth = noisy[-1].total / 10.0
        inside += told.soonest <= truth <= told.latest
    assert inside >= 90


def test_a_line_without_noise_has_no_spread() -> None:
    """Soonest, expected and latest are one."""
    told = empty(depths(1000, 900, 800, 700))
    assert told.soonest == pytest.approx(70.0)
    assert told.expected == pytest.approx(70.0)
    assert told.latest == pytest.approx(70.0)


def test_arrivals_are_what_the_queue_grew_by_and_what_was_taken_out() -> None:
    """It shrank by 5 a second while 20 a second were deleted here: 15 a second came in. Never below none."""
    assert arrivals(depths(1000, 950, 900, removed=(0, 200, 400))) == pytest.approx(15.0)
    assert arrivals(depths(1000, 500)) == 0.0
    assert arrivals(depths(1000)) is None


# ── capacity and backlog ────────────────────────────────────────────────────────────────────────────────────────────


def test_capacity_does_not_fall_while_there_is_nothing_to_do() -> None:
    """100 a second for 10 s, then an idle hour: still 100 a second."""
    capacity = Capacity(0.0)
    for second in range(1, 11):
        capacity.deleted(100)
        capacity.look(float(second), working=True)
    for second in range(11, 3611):
        capacity.look(float(second), working=False)
    assert capacity.per_second == pytest.approx(100.0)


def test_capacity_follows_the_last_minutes_of_work() -> None:
    """After a half-life at half the rate it is half way there: (100 + 50) / 2."""
    capacity = Capacity(0.0)
    now = 0.0
    for rate, seconds in ((100, 20 * HALF_LIFE_SECONDS), (50, HALF_LIFE_SECONDS)):
        for _ in range(int(seconds)):
            now += 1.0
            capacity.deleted(rate)
            capacity.look(now, working=True)
    assert capacity.per_second == pytest.approx(75.0, rel=0.01)


def test_capacity_of_long_jobs_is_measured() -> None:
    """One job at a time of a quarter of an hour: some 0.0011 a second, though most minutes delete none."""
    capacity = Capacity(0.0)
    seen = []
    for second in range(1, 40 * 900):
        if second % 900 == 450:
            capacity.deleted(1)
        capacity.look(float(second), working=True)
        if second > 30 * 900:
            seen.append(capacity.per_second or 0.0)
    assert sum(seen) / len(seen) == pytest.approx(1 / 900, rel=0.05)


def test_nothing_is_said_before_it_was_seen() -> None:
    """The first seconds, which open connections, and work that has not deleted anything yet, are no measure."""
    capacity = Capacity(0.0)
    capacity.deleted(5)
    capacity.look(1.0, working=True)
    assert capacity.per_second is None
    silent = Capacity(0.0)
    silent.look(60.0, working=True)
    assert silent.per_second is None


def watch(*, visible: int, state: PipelineState = WORKING) -> QueueWatch:
    """A pipeline that deleted 100 a second for 10 s, whose queue has *visible* messages; then 60 s in *state*."""
    one = QueueWatch(Cost(), 0.0)
    for second in range(1, 11):
        one.settled(DeliveriesSettled("orders", "deleted", 100))
        one.look(WORKING, float(second))
    one.measured(QueueMeasured("orders", "q", visible, 0, 0, retention_seconds=345_600), 10.0)
    for second in range(11, 71):
        one.look(state, float(second))
    return one


def test_the_backlog_is_the_time_one_process_would_need() -> None:
    """60,000 at 100 a second are 600 s: with 60 s wanted, ten are needed. An empty queue is none, at any rate."""
    assert watch(visible=60_000, state=IDLE).outlook(70.0, 0.0).backlog_seconds == pytest.approx(600.0)
    assert watch(visible=0).outlook(70.0, 0.0).backlog_seconds == 0.0
    assert QueueWatch(Cost(), 0.0).outlook(70.0, 0.0).backlog_seconds is None


def test_a_sink_that_is_away_calls_for_no_more_workers() -> None:
    """The minute in which nothing could be done does not make a worker look slow; one that is slow does."""
    assert watch(visible=60_000, state=AWAY).outlook(70.0, 0.0).backlog_seconds == pytest.approx(600.0)
    slow = watch(visible=60_000, state=WORKING).outlook(70.0, 0.0).backlog_seconds
    assert slow is not None
    assert slow > 3_000


def test_what_follows_from_an_old_depth_is_not_said() -> None:
    """SQS has not told the depth for five minutes: an autoscaler may not follow what it was."""
    one = watch(visible=60_000, state=IDLE)
    assert one.outlook(310.0, 0.0).backlog_seconds is not None
    late = one.outlook(311.0, 0.0)
    assert (late.backlog_seconds, late.arrivals_per_second, late.empty) == (None, None, Empty())
    assert late.capacity_per_second == pytest.approx(100.0)
    assert one.change_per_second(311.0) is None


# ── the oldest message ──────────────────────────────────────────────────────────────────────────────────────────────


def test_the_oldest_is_that_of_the_last_minutes() -> None:
    """What was received two spans ago is forgotten; a receipt of the present one never makes it younger."""
    oldest = Oldest()
    oldest.received((500.0, 400.0), 1000.0)
    oldest.received((990.0,), 1001.0)
    assert oldest.age_seconds(1001.0, waiting=True) == 601.0
    oldest.received((1055.0,), 1061.0)
    assert oldest.age_seconds(1061.0, waiting=True) == 661.0
    oldest.received((1115.0,), 1122.0)
    assert oldest.age_seconds(1122.0, waiting=True) == 67.0


def test_what_waits_and_is_not_received_grows_older() -> None:
    """A consumer that stands still is seen; a queue that is empty has no old message."""
    oldest = Oldest()
    assert oldest.age_seconds(0.0, waiting=True) is None
    assert oldest.age_seconds(0.0, waiting=False) == 0.0
    oldest.received((1000.0,), 1010.0)
    assert oldest.age_seconds(1600.0, waiting=True) == 600.0
    assert oldest.age_seconds(1600.0, waiting=False) == 0.0


def test_a_server_without_send_times_tells_no_age() -> None:
    """0 is no time, and a clock of SQS that is ahead of ours makes no negative age."""
    oldest = Oldest()
    oldest.received((0.0,), 1000.0)
    assert oldest.age_seconds(1000.0, waiting=True) is None
    oldest.received((1003.0,), 1001.0)
    assert oldest.age_seconds(1001.0, waiting=True) == 0.0


def test_time_is_left_until_retention_ends() -> None:
    """Four days are kept, the oldest waits for one: three are left; unknown while SQS has not said how long."""
    one = QueueWatch(Cost(), 0.0)
    one.received(MessagesReceived("orders", 10, 1, 100, 0.1, (1_000_000.0,), 1_086_400.0))
    assert one.outlook(0.0, 1_086_400.0).retention_left_seconds is None
    one.measured(QueueMeasured("orders", "q", 5, 0, 0, retention_seconds=345_600), 0.0)
    assert one.outlook(0.0, 1_086_400.0).retention_left_seconds == 259_200.0


# ── dollars ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_million_requests_cost_what_is_listed() -> None:
    """0.40 US dollars, and each further 64 KiB of an answer is one more request."""
    cost = Cost(0.40)
    for _ in range(999_997):
        cost.requested()
    cost.received(BILLED_BYTES)
    assert cost.billed == 999_997
    cost.received(3 * BILLED_BYTES + 1)
    assert cost.dollars == pytest.approx(0.40)


# ── how it is shown ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_cannot_be_said_in_json_is_null() -> None:
    """A queue that does not shrink has no time to empty; the document stays valid."""
    told = Outlook(None, 1.5, 2.0, Empty(inf, inf, None), 3.0, 4.0, 0.1)
    read: Any = json.loads(json.dumps(told.as_dict(), allow_nan=False))
    assert read["seconds_to_empty"] is None
    assert read["backlog_seconds"] == 1.5


def test_a_scrape_has_no_sample_for_what_is_not_known() -> None:
    """And `+Inf` for a queue that does not shrink, so that an alert on a time too long fires."""
    registry = CollectorRegistry()
    told = Outlook(None, 1.5, 2.0, Empty(5.0, inf, None), None, 4.0, 0.1)
    registry.register(OutlookCollector(lambda: {("orders", "q"): told}))

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, {"pipeline": "orders", "queue": "q", **labels})

    assert value("sqs_worker_capacity_messages_per_second") is None
    assert value("sqs_worker_oldest_message_age_seconds") is None
    assert value("sqs_worker_backlog_seconds") == 1.5
    assert value("sqs_worker_arrivals_per_second") == 2.0
    assert value("sqs_worker_retention_left_seconds") == 4.0
    assert value("sqs_worker_drain_seconds", bound="soonest") == 5.0
    assert value("sqs_worker_drain_seconds", bound="expected") == inf
    assert value("sqs_worker_drain_seconds", bound="latest") is None
    assert value("sqs_worker_request_dollars_total") == 0.1


def test_a_depth_is_shown_for_as_long_as_it_is_current(clock: Clock) -> None:
    """Five minutes after it was last told it is no longer; told again it is."""
    registry = CollectorRegistry()
    depths = Currents(GaugeMetricFamily, "depth", "Of a queue.", ["queue"], clock)
    registry.register(depths)

    def shown() -> list[float | None]:
        return [registry.get_sample_value("depth", {"queue": queue}) for queue in ("a", "b")]

    depths.of("a").set(5)
    clock.now += CURRENT_SECONDS
    depths.of("b").set(6)
    assert shown() == [5, 6]
    clock.now += 1
    assert shown() == [None, 6]
    depths.of("a").set(7)
    assert shown() == [7, 6]
