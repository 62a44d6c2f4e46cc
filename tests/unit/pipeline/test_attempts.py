"""How often a message is tried: who counts, and what the last retry becomes."""

from __future__ import annotations

import pytest

from worker.outcome import DONE, Rejected, Released, Retried
from worker.pipeline.attempts import RECEIVES_USUAL, judged, most_receives
from worker.sqs.queue import Redrive

POLICY = Redrive("arn:aws:sqs:eu-central-1:1:dead", 5)


@pytest.mark.parametrize(
    ("own", "redrive", "dead_letters", "fifo", "most"),
    [
        (None, None, True, False, RECEIVES_USUAL),
        (None, POLICY, True, False, None),
        (3, POLICY, True, False, 3),
        (3, None, True, False, 3),
        (None, None, False, False, None),
        (None, POLICY, False, False, None),
        (None, None, True, True, RECEIVES_USUAL),
        (None, POLICY, True, True, 5),
        (3, POLICY, True, True, 3),
        (9, POLICY, True, True, 5),
        (None, None, False, True, None),
        (None, POLICY, False, True, 5),
    ],
)
def test_who_counts(
    own: int | None,
    redrive: Redrive | None,
    dead_letters: bool,  # noqa: FBT001 - a row of the table
    fifo: bool,  # noqa: FBT001 - as above
    most: int | None,
) -> None:
    """The setting first, then the redrive policy; with neither the worker, if it has somewhere to send to.

    On a FIFO queue the worker counts to the policy's number itself: SQS does not see what is tried in hand.
    """
    assert most_receives(own, redrive, dead_letters=dead_letters, fifo=fifo) == most


def test_the_last_retry_is_a_rejection_for_the_same_reason() -> None:
    """At the number itself, as SQS counts; the reason stays a label and the detail says how often."""
    again = Retried("KeyError", 5.0, "orders.py:7: 'id'")
    assert judged(again, 2, 3) is again
    assert judged(again, 3, 3) == Rejected("KeyError", "tried 3 times; the last time: orders.py:7: 'id'")
    assert judged(again, 99, None) is again
    assert isinstance(judged(Retried("timeout"), 4, 3), Rejected)


@pytest.mark.parametrize("outcome", [DONE, Rejected("bad"), Released("group")])
def test_nothing_but_a_retry_is_judged(outcome: object) -> None:
    """What was given back unhandled has not failed, however often it was received."""
    assert judged(outcome, 1_000, 3) is outcome  # type: ignore[arg-type] # an outcome of each kind
