"""What a sink wishes of its batches is refused where it cannot be, with the numbers, and told where it can."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.preflight.queues import QUEUE, found
from worker.sinks.sink import Demand

if TYPE_CHECKING:
    from worker.plugins.finding import Finding

MIB = 1024 * 1024
COPY = Demand(rows=50_000, bytes=64 * MIB, age_seconds=60, writers=1)


def told(demand: Demand = COPY, **changes: Any) -> Finding:
    return found(demand=demand, **changes)["batches"]


def test_a_sink_without_wishes_is_not_spoken_of() -> None:
    """The settings alone count."""
    assert "batches" not in found(demand=Demand(max_rows=1, max_writers=4, seconds=3))


def test_what_fits_is_told_in_numbers() -> None:
    """So that nobody wonders why a row comes a minute later; the other checks count with the bounds that follow."""
    assert told().severity == "ok"
    assert told().finding == (
        "sqlite is given 50000 messages or 64 MiB at once, or what comes within 60 s; 100000 messages and 128 MiB"
        " may be in flight"
    )
    everything = found(demand=COPY, memory_limit=1024 * MIB, round_trip=0.3)
    assert "100000" in everything["in flight"].finding
    assert "128 MiB in flight" in everything["memory"].finding
    assert "100000 messages take" in everything["renewals"].finding


@pytest.mark.parametrize(
    ("changes", "finding", "fix"),
    [
        (
            {"in_flight_max_messages": 3_000},
            "sqlite wants batches of 50000 messages, but only 3000 may be in flight: none would ever be full",
            (
                "set IN_FLIGHT_MAX_MESSAGES to 50000 or more (100000 keeps all writers busy), or BATCH_MAX_ROWS to"
                " 3000 or less"
            ),
        ),
        (
            {"in_flight_max_bytes": 4 * MIB},
            "sqlite wants batches of 64 MiB, but only 4 MiB may be in flight: none would ever be full",
            (
                "set IN_FLIGHT_MAX_BYTES to 67108864 or more (134217728 keeps all writers busy), or BATCH_MAX_BYTES to"
                " 4194304 or less"
            ),
        ),
        (
            {"demand": replace(COPY, rows=200_000)},
            (
                "sqlite wants batches of 200000 messages, but SQS hands out 120000 at most before some are deleted:"
                " none would ever be full"
            ),
            "set BATCH_MAX_ROWS to 120000 or less",
        ),
        (
            {"processes": 4},
            (
                "sqlite wants batches of 50000 messages in each of 4 processes, but SQS hands out 120000 at most before"
                " some are deleted: none would ever be full"
            ),
            "set BATCH_MAX_ROWS to 30000 or less, or run fewer processes",
        ),
        (
            {"demand": replace(COPY, bytes=512 * MIB), "memory_limit": 1024 * MIB},
            "sqlite wants batches of 512 MiB, but the memory limit of 1024 MiB leaves 232 MiB in flight",
            "raise the memory limit to 2144 MiB, or set BATCH_MAX_BYTES to 243269632 or less",
        ),
        (
            {"demand": replace(COPY, age_seconds=40_000, seconds=3_000)},
            (
                "a message may wait 40000 s for its batch, and its write take 3000 s, but SQS takes a message back"
                " 43200 s after its receipt"
            ),
            "set BATCH_MAX_WAIT_MS, or give the sink less time",
        ),
        (
            {"queue": replace(QUEUE, retention_seconds=60)},
            "a message may wait 60 s for its batch, but the queue keeps a message 60 s",
            "raise MessageRetentionPeriod of the queue, or set BATCH_MAX_WAIT_MS to less",
        ),
    ],
)
def test_what_cannot_fit_is_refused_with_the_numbers(changes: dict[str, Any], finding: str, fix: str) -> None:
    """Before anything is received: batches that would never be full, or messages that would be taken away meanwhile."""
    refused = told(**changes)
    assert (refused.severity, refused.finding, refused.fix) == ("refuse", finding, fix)


@pytest.mark.parametrize("given", [{"in_flight_max_messages": 3_000, "batch_max_rows": 3_000}, {"batch_max_rows": 100}])
def test_whoever_gives_the_size_of_a_batch_is_not_refused_for_the_wish(given: dict[str, Any]) -> None:
    """The advice, followed, is enough."""
    assert told(**given).severity == "ok"
