"""Trial: who is blamed, what is divided, and how a batch goes back that was kept for too long."""

from __future__ import annotations

from math import inf

import pytest

from worker.errors import CallHangs
from worker.outcome import Outcome, Released, Retried
from worker.pipeline.trial import HANGING_SECONDS, SHORTEST_PAUSE_SECONDS, STILL_RUNNING, Trial

HOLD_SECONDS = 60.0
AWAY = Released("sink-away")
BLAMED = Retried("sink-away")


def hanging(*, mixed: bool) -> CallHangs:
    """A call that never ends."""
    return CallHangs("late", goes_on=lambda: True, then=None, mixed=mixed)


def failed(*moments: float, taken_at: float = -inf, contended: bool = False) -> Trial:
    """A batch whose tries failed at these *moments*, each of them begun a second before."""
    trial = Trial()
    for now in moments:
        trial.failed(now - 1.0, now, taken_at=taken_at, contended=contended)
    return trial


def test_what_fails_while_others_are_taken_is_blamed_and_confirmed_by_its_next_failure() -> None:
    """Others that were taken before it was begun say nothing of it."""
    assert not failed(10.0, taken_at=8.9).blamed
    once, twice = failed(10.0, taken_at=9.0), failed(10.0, 20.0, taken_at=9.0)
    assert (once.blamed, once.confirmed) == (True, False)
    assert (twice.blamed, twice.confirmed) == (True, True)


def test_a_batch_is_divided_at_its_second_failure_and_sooner_when_part_of_it_is_to_blame() -> None:
    """By a lock, by its own trouble, or because it is half of one that was divided."""
    assert not failed(10.0).divides
    assert failed(10.0, 11.0).divides
    assert failed(10.0, contended=True).divides
    assert failed(10.0, taken_at=9.5).divides
    half = failed(10.0, 11.0).half()
    assert (half.failures, half.since, half.divides) == (0, 10.0, True)


@pytest.mark.parametrize(
    ("trial", "now", "rows", "alone", "crowded", "outcome"),
    [
        (failed(0.0), 59.0, 5, False, True, None),
        (failed(0.0), 60.0, 5, False, False, AWAY),
        (failed(0.0), 60.0, 5, True, False, None),
        (failed(0.0), 60.0, 5, True, True, AWAY),
        (failed(0.0, taken_at=0.0), 60.0, 5, False, True, None),
        (failed(0.0, taken_at=0.0), 60.0, 1, False, False, BLAMED),
        (failed(0.0, taken_at=0.0), 5.0, 1, False, True, None),
        (failed(0.0, 1.0, taken_at=0.0), 5.0, 1, False, True, BLAMED),
    ],
)
def test_a_batch_is_kept_until_its_time_is_over_or_its_room_is_needed(
    *, trial: Trial, now: float, rows: int, alone: bool, crowded: bool, outcome: Outcome | None
) -> None:
    """One that nobody blames may stay alone, to notice that the sink is back; one that is blamed pays for itself."""
    assert trial.given_up(now, rows=rows, hold_seconds=HOLD_SECONDS, alone=alone, crowded=crowded) == outcome


@pytest.mark.parametrize("crowded", [True, False])
def test_what_waits_for_a_call_that_hangs_is_kept_while_there_is_room(*, crowded: bool) -> None:
    """However long that takes."""
    trial = Trial()
    trial.wait_for(hanging(mixed=False), 5.0)
    assert (trial.hanging, trial.blamed, trial.due) == (True, True, 5.0 + HANGING_SECONDS)
    given_up = trial.given_up(1e6, rows=1, hold_seconds=HOLD_SECONDS, alone=False, crowded=crowded)
    assert given_up == (STILL_RUNNING if crowded else None)


def test_a_batch_of_which_only_some_wait_for_a_call_is_taken_apart_first() -> None:
    """The others need not wait."""
    trial = Trial()
    trial.wait_for(hanging(mixed=True), 5.0)
    assert (trial.hanging, trial.divides, trial.due) == (False, True, 5.0 + SHORTEST_PAUSE_SECONDS)
