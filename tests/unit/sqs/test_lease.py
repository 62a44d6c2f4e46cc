"""The clock of leases: whatever an answer went through, its leases never count from later than the truth."""

from __future__ import annotations

from email.utils import formatdate
from random import Random

import pytest

from worker.sqs.lease import LeaseClock

FAR = 1_700_000_000.4
"""What the server's clock says when ours says 0."""


def date(at: float) -> str:
    """The Date of an answer made at loop time *at*."""
    return formatdate(FAR + at, usegmt=True)


def calibrated() -> LeaseClock:
    """One that has seen a few quick answers."""
    clock = LeaseClock()
    for tenth in range(10):
        began = 10 + tenth * 1.1
        clock.answered(began, began + 0.02, date(began + 0.01))
    return clock


@pytest.mark.parametrize(
    ("ended", "wait", "expected"),
    [
        pytest.param(100.4, 20, 100.0, id="quick answer counts from the request"),
        pytest.param(104.0, 0, 100.0, id="slow answer without a wait counts from the request"),
    ],
)
def test_what_may_have_been_handed_out_at_once_counts_from_the_request(
    ended: float, wait: float, expected: float
) -> None:
    """No lease can begin before it was asked for, so the request is always safe."""
    assert calibrated().leased_at(100.0, ended, wait, date(ended)) == expected


def test_a_long_poll_does_not_age_its_leases() -> None:
    """An answer after 19 of 20 seconds has leases of about two seconds at the most, not of nineteen."""
    leased = calibrated().leased_at(100.0, 119.0, 20, date(118.99))
    assert 117.0 <= leased <= 118.0


def test_an_answer_that_waited_in_the_socket_of_a_stopped_process_is_as_old_as_it_is() -> None:
    """Handed out at 103, read at 163 when the process went on: its leases are sixty seconds old, not one."""
    leased = calibrated().leased_at(100.0, 163.0, 20, date(103.0))
    assert 101.5 <= leased <= 103.0


def test_without_a_date_an_answer_counts_from_its_request() -> None:
    """Nothing says how long it waited."""
    assert LeaseClock().leased_at(100.0, 119.0, 20, "") == 100.0
    assert LeaseClock().leased_at(100.0, 119.0, 20, "yesterday") == 100.0


def test_a_servers_clock_that_was_set_is_noticed() -> None:
    """Set on by an hour or back by an hour, no lease begins too late, and soon none too early either."""
    for step in (3_600.0, -3_600.0):
        clock = calibrated()
        for _ in range(2):
            leased = clock.leased_at(200.0, 263.0, 20, date(203.0 + step))
            assert leased <= 203.0 or step > 0
            clock.answered(264.0, 264.02, date(264.01 + step))
        assert 201.0 <= clock.leased_at(300.0, 363.0, 20, date(303.0 + step)) <= 303.0


@pytest.mark.parametrize("seed", range(50))
def test_no_lease_ever_counts_from_later_than_its_hand_out(seed: int) -> None:
    """Any mixture of quick calls, long polls, slow ways and stalls: the guess is never late, and good after a while."""
    random, clock, now = Random(seed), LeaseClock(), 0.0
    for _ in range(200):
        began = now + random.random()
        if random.random() < 0.5:
            now = began + random.uniform(0.001, 3.0)
            clock.answered(began, now, date(random.uniform(began, now)))
            continue
        handed_out = began + random.choice((0.01, 5.0, 19.0)) * random.random()
        now = handed_out + random.choice((0.01, 0.5, 60.0)) * random.random()
        leased = clock.leased_at(began, now, 20, date(handed_out))
        assert began <= leased <= handed_out
