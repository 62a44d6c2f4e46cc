"""What stopping says it waits for."""

from __future__ import annotations

import pytest

from worker.pipeline.farewell import IMPATIENT, Unfinished, waits_for

POLL = "for the answer of 1 receive under way (up to 20 s), so that its messages do not stay hidden"


@pytest.mark.parametrize(
    ("unfinished", "said"),
    [
        ([], "nothing is in hand: ends at once"),
        ([Unfinished(0, 20, 0)], "nothing is in hand: ends at once"),
        ([Unfinished(1, 20, 0)], f"waits {POLL}; 25 s at most in all; {IMPATIENT}"),
        ([Unfinished(0, 20, 1)], f"waits for 1 message in hand; 25 s at most in all; {IMPATIENT}"),
        (
            [Unfinished(1, 5, 7), Unfinished(3, 60, 2)],
            (
                "waits for the answer of 4 receives under way (up to 25 s), so that its messages do not stay hidden"
                f" and for 9 messages in hand; 25 s at most in all; {IMPATIENT}"
            ),
        ),
    ],
)
def test_a_person_reads_what_is_waited_for_how_long_and_how_not_to(unfinished: list[Unfinished], said: str) -> None:
    """At once, since an idle long poll takes up to 20 s; never longer than the time to drain."""
    assert waits_for(unfinished, drain_seconds=25) == said
