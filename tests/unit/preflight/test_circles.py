"""Dead letters that come back to where they were rejected are found before anything moves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.preflight.queues import ARN, DLQ, QUEUE
from worker.preflight import Way, circle, way_of
from worker.settings import PipelineSettings
from worker.sqs.queue import Redrive


def way(line: str) -> Way:
    """`a b` or `a b c`: what is rejected in a goes to b, and what is received too often there to c."""
    queue, dead, beyond = [ARN + name for name in line.split()] + [None] * (3 - len(line.split()))
    assert queue is not None
    return Way(queue, queue, dead, beyond)


@pytest.mark.parametrize(
    ("others", "last", "severity", "round_"),
    [
        ("", "a b", None, ""),
        ("b c", "a b", None, ""),
        ("b a", "a b", "refuse", "a → b → a"),
        ("b c, c a", "a b", "refuse", "a → b → c → a"),
        ("b c, c d, d b", "a b", None, ""),  # told when the last of the circle was opened
        ("", "a b a", "warn", "a → b → a"),
        ("b c a", "a b", "warn", "a → b → c → a"),
        ("", "a a", "refuse", "a → a"),
    ],
)
def test_a_way_back_is_found(others: str, last: str, severity: str | None, round_: str) -> None:
    """A circle of queues that this worker receives from stops the start; one that others may close is a warning."""
    found = list(circle(way(last), [way(one) for one in others.split(",") if one]))
    assert [one.severity for one in found] == ([] if severity is None else [severity])
    assert all(round_ in one.finding for one in found)


def test_the_way_is_what_the_attributes_say() -> None:
    """The dead-letter queue that was looked at, or the policy's; and that one's own policy."""
    settings = PipelineSettings(queue="orders")
    assert way_of(settings, QUEUE, None) == Way("default", QUEUE.arn, DLQ.arn, None)
    beyond = replace(DLQ, redrive=Redrive(QUEUE.arn, 3))
    assert way_of(settings, QUEUE, beyond) == Way("default", QUEUE.arn, DLQ.arn, QUEUE.arn)
    assert way_of(settings, replace(QUEUE, redrive=None), None).dead_letters is None
