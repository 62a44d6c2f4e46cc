"""Requests to SQS, and what the queue says of itself."""

from __future__ import annotations

from typing import ClassVar

from worker.telemetry.events.fact import Fact, Level, fact


@fact(frozen=True, slots=True)
class RequestMade(Fact):
    """One HTTP request to SQS was answered or failed; `code` is `ok` or the error's code."""

    level: ClassVar[Level] = "debug"
    pipeline: str
    operation: str
    code: str
    seconds: float


@fact(frozen=True, slots=True)
class QueueMeasured(Fact):
    """The queue's own counts, polled with jitter."""

    level: ClassVar[Level] = "debug"
    pipeline: str
    queue: str
    visible: int
    not_visible: int
    delayed: int
