"""What the end of a process means."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.process.parent.ends import (
    PAUSE_MAX_SECONDS,
    PAUSE_SECONDS,
    STEADY_SECONDS,
    End,
    hopeless,
    in_a_row,
    pause_seconds,
    worst,
)


@pytest.mark.parametrize(
    ("codes", "code"),
    [([], 0), ([0, 0], 0), ([0, 3], 3), ([3, 1, 0], 1), ([0, -9], 1), ([3, -15], 1), ([2, 3], 2), ([0, 77], 1)],
)
def test_the_worst_of_the_exit_codes_is_that_of_the_whole(codes: list[int], code: int) -> None:
    """A defect is worse than a refusal, a refusal worse than success; killed by a signal is a defect."""
    assert worst(codes) == code


@given(st.integers(1, 10_000), st.integers(0, 2**32))
def test_the_pause_grows_to_its_bound_and_is_never_none(row: int, seed: int) -> None:
    """Half of it is chance, so that a crowd does not come back as one."""
    pause = pause_seconds(row, random.Random(seed))
    assert PAUSE_SECONDS / 2 <= pause <= PAUSE_MAX_SECONDS
    assert pause <= PAUSE_SECONDS * 2.0 ** min(row - 1, 62)


def test_who_ran_steadily_begins_anew() -> None:
    """An end after a minute of work has nothing to do with those before it; one at the start has."""
    assert in_a_row(7, End(1, STEADY_SECONDS, started=True)) == 1
    assert in_a_row(7, End(1, STEADY_SECONDS - 1, started=True)) == 8
    assert in_a_row(7, End(3, STEADY_SECONDS + 1, started=False)) == 8


def test_three_times_from_the_beginning_is_hopeless_unless_another_runs() -> None:
    """A process that has started once shows that settings, queue and sink can work."""
    assert [hopeless(row, any_started=False) for row in (1, 2, 3)] == [False, False, True]
    assert not hopeless(100, any_started=True)
