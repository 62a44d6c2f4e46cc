"""The conformance suite over a sound sink and over broken ones: run by `test_sink_suite.py` in a process of its own.

Of a broken sink only the tests run that have to find its defect; the others belong to other defects.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest

from tests.contract.broken import sinks
from tests.contract.broken.sound import Sound, sound_case
from worker.testing.sinks import Case, SinkConformance

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Defect:
    """A broken sink, and how it is found out."""

    kind: type[Sound]
    test: str
    """Of the suite."""
    words: str
    """In the failure."""
    patience_seconds: float = 30.0


STORED = "what write() accepted is stored when it returns"
ONCE = "a key is stored once"
ALONE = "the record that cannot be stored is rejected, and no other"
WHILE_AWAY = "write() raises SinkUnavailable while the destination is away"
GOOD = "good records are accepted: None for each"
DEFECTS: Final = (
    Defect(sinks.LosesTheLast, "test_an_accepted_batch_is_in_the_destination_when_write_returns", STORED),
    Defect(sinks.WritesBehind, "test_an_accepted_batch_is_in_the_destination_when_write_returns", STORED),
    Defect(sinks.Shuffles, "test_an_accepted_batch_is_in_the_destination_when_write_returns", "in the order of their"),
    Defect(sinks.AnswersOnce, "test_every_record_has_its_answer", "1 answers for 2 records"),
    Defect(sinks.ChokesOnNothing, "test_an_empty_batch_is_nothing", "write() raises SinkUnavailable or SinkRefused"),
    Defect(sinks.Doubles, "test_the_same_batch_twice_loses_nothing", ONCE),
    Defect(sinks.RefusesRepeats, "test_one_key_twice_in_a_batch_is_accepted", GOOD),
    Defect(sinks.OneAtATime, "test_writes_side_by_side_are_all_kept", "every accepted record is stored"),
    Defect(sinks.AsciiOnly, "test_large_and_strange_bodies_are_taken", "UnicodeEncodeError"),
    Defect(sinks.ByTheClock, "test_a_redelivery_is_known_by_its_key_whatever_the_clock_says", ONCE),
    Defect(sinks.Shuffles, "test_a_group_keeps_its_order", "in the order of its messages"),
    Defect(sinks.TakesNeighboursAlong, "test_a_bad_record_never_takes_its_neighbours_with_it", ALONE),
    Defect(sinks.AnswersOutOfOrder, "test_a_bad_record_never_takes_its_neighbours_with_it", ALONE),
    Defect(sinks.SwallowsRefusals, "test_a_bad_record_never_takes_its_neighbours_with_it", ALONE),
    Defect(sinks.QuotesBodies, "test_a_bad_record_never_takes_its_neighbours_with_it", "reasons never hold the body"),
    Defect(sinks.SwallowsRefusals, "test_one_bad_record_in_five_hundred_is_found", ALONE),
    Defect(sinks.WaitsForEver, "test_what_is_beyond_a_limit_is_rejected_alone", "is refused, not waited for"),
    Defect(sinks.AcceptsWhileAway, "test_away_for_a_minute_is_unavailable_and_then_over", WHILE_AWAY),
    Defect(sinks.BlamesTheRecords, "test_away_for_a_minute_is_unavailable_and_then_over", WHILE_AWAY),
    Defect(sinks.NeverComesBack, "test_away_for_a_minute_is_unavailable_and_then_over", "that is back takes records"),
    Defect(sinks.GivesUpAtTheStart, "test_away_at_the_start_is_waited_for", "so that it is waited for"),
    Defect(sinks.HoldsUpTheLoop, "test_a_slow_destination_does_not_hold_up_the_loop", "it stood still for"),
    Defect(sinks.HoldsUpAll, "test_a_locked_record_holds_up_itself_alone", "held up: ['m-0', 'm-1', 'm-2']"),
    Defect(sinks.RefusesTheLocked, "test_a_locked_record_holds_up_itself_alone", GOOD),
    Defect(sinks.StartsAnew, "test_opening_twice_is_opening_once", "open() of an open sink loses nothing"),
    Defect(sinks.WishesTooLate, "test_what_it_demands_can_be_given", "known only then: {'rows': 5000}"),
    Defect(sinks.DemandsNothing, "test_what_it_demands_can_be_given", "more than nothing"),
    Defect(sinks.ForgetsAtTheEnd, "test_a_batch_outlives_the_sink", "what is stored outlives the sink"),
    Defect(sinks.OpensAnything, "test_what_can_never_work_is_refused_at_open", "it opened"),
    Defect(sinks.OpensWithoutWords, "test_what_can_never_work_is_refused_at_open", "open() raises SinkRefused"),
    Defect(sinks.ClosesOnlyTheOpen, "test_what_was_never_opened_can_be_closed", "close() raises nothing"),
    Defect(sinks.ChecksByWriting, "test_a_check_stores_nothing_and_says_what_is_there", "check() leaves everything"),
    Defect(sinks.BlocksOnClose, "test_closed_while_writing_nothing_accepted_is_lost", "close() ends", 1.0),
    Defect(sinks.LosesWhatIsUnderWay, "test_closed_while_writing_nothing_accepted_is_lost", " lost"),
    Defect(sinks.BreaksWhenCancelled, "test_cancelled_while_writing_the_batch_can_be_written_again", "back takes"),
    Defect(sinks.SwallowsCancellation, "test_cancelled_while_writing_the_batch_can_be_written_again", "as cancelled"),
    Defect(sinks.AcceptsAfterClose, "test_a_write_after_close_is_not_lost", "accepted and lost"),
    Defect(sinks.WritesBehind, "test_killed_at_any_moment_what_was_accepted_is_there", "before the process was killed"),
    Defect(sinks.CommitsInParts, "test_killed_at_each_step_a_batch_is_written_again_as_if_new", "whole or not at all"),
)
SOUND: Final = Defect(Sound, "", "")


@pytest.fixture(params=(SOUND, *DEFECTS), ids=lambda defect: f"{defect.kind.__name__}:{defect.test}")
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    defect: Defect = request.param
    if defect.test and request.function.__name__ != defect.test:
        pytest.skip("another defect's")
    return sound_case(tmp_path, defect.kind, defect.patience_seconds)


class TestSuite(SinkConformance):
    """Every test of it."""
