"""The line of every minute, and how rates are taken."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from worker.facts import DeliveriesSettled
from worker.telemetry.load.rates import Meter
from worker.telemetry.report import Report, report_every

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.outcome import OutcomeName

    from .conftest import Clock


def settled(outcome: OutcomeName, count: int, pipeline: str = "orders") -> DeliveriesSettled:
    return DeliveriesSettled(pipeline, outcome=outcome, count=count)


def test_the_line_has_exactly_the_seven_keys(clock: Clock) -> None:
    """Names and order are what existing readers parse."""
    assert list(Report("worker-3", clock).line()) == [
        *("workerId", "messagesProcessed", "messagesFailed", "uptimeSeconds"),
        *("throughputPerSecond", "throughputPerHour", "throughputPerDay"),
    ]


def test_the_line_counts_all_pipelines_and_the_last_interval(clock: Clock) -> None:
    """Processed is deleted, failed is retried and rejected, counts are since the start and the rate since last time."""
    report = Report("worker-3", clock)
    report.observe(settled("deleted", 600))
    clock.now += 60
    report.line()
    for fact in (settled("deleted", 60), settled("deleted", 60, "other"), settled("retried", 2)):
        report.observe(fact)
    for fact in (settled("rejected", 3), settled("released", 5), settled("expired", 7)):
        report.observe(fact)
    clock.now += 60
    assert list(report.line().values()) == ["worker-3", 720, 5, 120, 2.0, 7200, 172_800]


def test_a_line_at_once_divides_by_nothing(clock: Clock) -> None:
    """The first moment has no rate."""
    report = Report("w", clock)
    report.observe(settled("deleted", 5))
    assert report.line()["throughputPerSecond"] == 0.0


async def test_lines_come_by_the_interval(clock: Clock) -> None:
    """The task writes line after line until it is cancelled."""
    lines: list[Mapping[str, object]] = []
    third = asyncio.Event()

    def write(line: Mapping[str, object]) -> None:
        lines.append(line)
        if len(lines) == 3:
            third.set()

    async with asyncio.timeout(60):
        task = asyncio.create_task(report_every(Report("w", clock), write, interval_seconds=0.001))
        await third.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert len(lines) >= 3


def test_a_meter_knows_full_seconds_only() -> None:
    """The second that is being written is left out, or every rate would look low."""
    meter = Meter(100.0)
    meter.add(10, 100.5)
    meter.add(30, 101.2)
    assert meter.rate(10, 101.9) == 10.0
    assert meter.rate(10, 102.0) == 20.0
    assert meter.rate(1, 102.0) == 30.0
    assert meter.rate(60, 300.0) == 0.0


@given(st.lists(st.tuples(st.floats(0, 500), st.integers(1, 9)), max_size=100))
def test_a_meter_agrees_with_a_list(events: list[tuple[float, int]]) -> None:
    """The ring of seconds gives what counting all events in the window gives."""
    meter, now = Meter(0.0), 500.0
    for at, count in sorted(events):
        meter.add(count, at)
    assert meter.rate(60, now) == sum(c for at, c in events if 440 <= int(at) < 500) / 60
