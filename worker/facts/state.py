"""What is read, not reported: the live numbers of a pipeline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PipelineState:
    """The live numbers of one pipeline, read when somebody asks. Not a fact: nothing happened."""

    buffered: int
    """Wait for a handler; what waits for an earlier one of its group to be tried again is not among them."""
    handling: int
    settling: int
    in_flight: int
    """Entries of the ledger: received and not yet settled, whatever the stage."""
    in_flight_bytes: int
    receivers: int
    receiving: bool
    """False while receiving pauses on purpose: no room, the sink away, stopping, or never asked to receive."""
    sink_available: bool
    last_receive_age: float
    """Seconds since a receive last completed, failed ones included; counted from the start before the first."""
    batch_rows_limit: int = 0
    """Most rows of the next batch."""
    batch_linger_seconds: float = 0.0
    """How long the next batch waits for more."""
    in_flight_limit: int = 0
    """Messages that may be in flight now; it follows the sink, and never passes the setting."""
    delete_calls: int = 1
    """Deletes that may be under way at a time."""
    stuck: bool = False
    """Every place for a call of your function is kept by one that hangs: nothing is received meanwhile."""
    handled: int = 0
    """Grows whenever a batch begins or ends."""
    settled: int = 0
    """Grows whenever SQS is asked to delete, give back or dead-letter."""
    write_limit_seconds: float | None = None
    """What one write may take; None: the sink has no limit."""
    order_seconds: float = 0.0
    """How long messages may wait for earlier ones of their group that somebody else may hold."""


ReadState = Callable[[], PipelineState]
"""How telemetry asks a pipeline for its numbers. Called from another thread: it reads plain attributes and no more."""
