"""How many workers, and at which depth more."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.deploy.arithmetic import lines
from worker.deploy.scaling import WORKERS_MAX, Plan, Wishes, Worker, Workload, plan

DAY = 86_400
BACKLOG = Workload(incoming=600_000 / DAY, backlog=2_800_000, deadline=14 * DAY)
"""Marketing events into a data warehouse: 2.8 million wait, 600,000 a day come in, 14 days."""


def test_the_backlog_of_two_point_eight_million() -> None:
    """11.2 million in 14 days are 800,000 a day: of workers of one a second (0.8 planned) 9 keep up, 12 are in time."""
    made = plan(BACKLOG, Worker(rate=1.0), Wishes())
    assert BACKLOG.needed * DAY == pytest.approx(800_000)
    assert BACKLOG.needed * BACKLOG.deadline == pytest.approx(11_200_000)
    assert (made.steady, made.minimum, made.maximum) == (9, 9, 12)
    assert made.target == 300
    assert made.seconds_to_empty(12) == pytest.approx(2_800_000 / (12 * 0.8 - 600_000 / DAY))
    assert made.seconds_to_empty(12) <= BACKLOG.deadline < made.seconds_to_empty(11)
    assert math.isinf(made.seconds_to_empty(8))


def test_the_numbers_that_were_asked_for() -> None:
    """50,000 messages a worker, 10 to 30 of them: what that means is told, not hidden."""
    made = plan(BACKLOG, Worker(rate=1.0), Wishes(target=50_000, minimum=10, maximum=30))
    assert (made.minimum, made.maximum, made.target) == (10, 30, 50_000)
    assert made.all_asked_for == 1_500_000 < BACKLOG.backlog
    said = "\n".join(lines(made))
    assert "50,000 messages a worker were given: 13.9 hours of work" in said
    assert (
        "2,800,000 waiting + 600,000 a day for 14 days = 11,200,000 messages in that time: 9.26/s (800,000 a day)"
        in said
    )


@pytest.mark.parametrize(("target", "rate", "seconds"), [(50, 1.0, 50), (50_000, 500.0, 100), (100_000, 50.0, 2000)])
def test_a_target_means_something_only_with_a_rate(target: int, rate: float, seconds: float) -> None:
    """The targets that people begin with, in the time that a message waits for its turn."""
    assert plan(Workload(), Worker(rate), Wishes(target=target)).target_seconds == pytest.approx(seconds)


def test_fewer_than_keep_up_are_told() -> None:
    """A maximum that somebody decided may be too small for ever."""
    made = plan(BACKLOG, Worker(rate=1.0), Wishes(minimum=1, maximum=4))
    said = "\n".join(lines(made))
    assert "TOO FEW: 9 workers are needed to keep up" in said
    assert "4 workers: never, they do not keep up" in said


def test_a_queue_without_a_backlog() -> None:
    """The minimum keeps up with the average, the maximum with the peak; nothing is said of a backlog."""
    made = plan(Workload(incoming=100, peak=900), Worker(rate=500, in_flight=400), Wishes(freshness=60))
    assert (made.minimum, made.maximum, made.target, made.keda_target) == (1, 3, 30_000, 30_400)
    assert made.seconds_to_empty(1) == 0
    assert not any("backlog" in line for line in lines(made))


def test_what_nobody_said_is_told() -> None:
    """No rate of arrival, no deadline: the plan is what can be said without them."""
    said = "\n".join(lines(plan(Workload(backlog=10), Worker(rate=1), Wishes())))
    assert "what comes in is not given" in said
    assert "no time by which they shall be gone" in said


def test_nothing_to_scale_between_is_told() -> None:
    """Where only an average is known the minimum is the maximum; who decided it knows."""
    words = "nothing to scale between"
    assert words in "\n".join(lines(plan(Workload(incoming=5), Worker(1.0), Wishes())))
    assert words not in "\n".join(lines(plan(Workload(incoming=5), Worker(1.0), Wishes(minimum=9, maximum=9))))


def test_from_zero() -> None:
    """A minimum of 0 is for platforms that start the first one by themselves; a maximum of 0 is nobody's wish."""
    made = plan(Workload(), Worker(rate=10), Wishes(minimum=0))
    assert (made.minimum, made.maximum) == (0, 1)


def test_contradictions_are_refused() -> None:
    """More at least than at most, and more than anybody can start."""
    with pytest.raises(ValueError, match="give a larger --max"):
        plan(Workload(), Worker(rate=1), Wishes(minimum=5, maximum=3))
    with pytest.raises(ValueError, match="check the rate of one worker"):
        plan(Workload(incoming=1e6), Worker(rate=0.1), Wishes())


rates = st.floats(0.01, 1e5, allow_nan=False)


@given(rates, rates, st.integers(0, 10**8), st.floats(60, 30 * DAY), st.floats(0.1, 1), st.floats(1, 3600))
def test_a_plan_keeps_its_promises(
    incoming: float, rate: float, backlog: int, deadline: float, busy: float, freshness: float
) -> None:
    """The minimum keeps up; the maximum is done in time and no fewer would be; the target is as fresh as asked."""
    load, worker = Workload(incoming, 0.0, backlog, deadline), Worker(rate, 0, busy)
    try:
        made: Plan = plan(load, worker, Wishes(freshness))
    except ValueError:
        assert (load.needed / worker.planned) > WORKERS_MAX - 1
        return
    assert made.minimum * worker.planned >= incoming * (1 - 1e-6)
    assert made.maximum * worker.planned >= load.needed * (1 - 1e-6)
    assert made.maximum == made.minimum or (made.maximum - 1) * worker.planned < load.needed * (1 + 1e-6)
    assert made.target == 1 or made.target_seconds <= freshness * (1 + 1e-6)
    assert (made.target + 1) / rate >= freshness * (1 - 1e-6)
    assert list(lines(made))
