"""The life of the worker: its start, its stop, its pipelines, and what was noticed on the way."""

from __future__ import annotations

from typing import ClassVar

from worker.facts.counting import counter, info, uncounted
from worker.facts.fact import Fact, Level, fact


@uncounted("it happens once in the life of a worker, and the log tells of it")
@fact(frozen=True, slots=True)
class WorkerStarted(Fact):
    """Everything is open; receiving begins."""

    worker_id: str
    version: str
    pipelines: tuple[str, ...]
    metrics_url: str


@uncounted("it happens once in the life of a worker, and the log tells of it")
@fact(frozen=True, slots=True)
class WorkerStopping(Fact):
    """A signal, an empty queue (`--drain`) or a failure ended receiving. `note`: what is waited for, and how long."""

    reason: str
    drain_seconds: float
    note: str = ""


@uncounted("it happens once in the life of a worker, and the log tells of it")
@fact(frozen=True, slots=True)
class WorkerStopped(Fact):
    """The last line of a run. `clean`: everything in hand was settled or released in time."""

    reason: str
    seconds: float
    clean: bool


@uncounted("settings are read once")
@fact(frozen=True, slots=True)
class SettingsNoticed(Fact):
    """Nothing is wrong with the settings, but somebody may have meant something else."""

    level: ClassVar[Level] = "warning"
    notice: str


@uncounted("/readyz says that it has not started")
@fact(frozen=True, slots=True)
class StartDelayed(Fact):
    """SQS or a sink was away at the start; the next try is in `retry_in` seconds, for a minute in all."""

    level: ClassVar[Level] = "warning"
    error: str
    detail: str
    retry_in: float


@uncounted("it happens once in the life of a worker, and the log tells of it")
@fact(frozen=True, slots=True)
class WorkerRefused(Fact):
    """The start was refused by AWS or a sink (exit code 3), or one of them stayed away for a minute (1)."""

    level: ClassVar[Level] = "error"
    error: str
    code: str
    detail: str


@uncounted("it happens once in the life of a worker, and the log tells of it")
@fact(frozen=True, slots=True)
class WorkerFailed(Fact):
    """A defect ended the worker; what was in hand becomes visible again when its leases end. Exit code 1."""

    level: ClassVar[Level] = "error"
    error: str
    traceback: str


@uncounted("it happens once in the life of a worker, and the log tells of it")
@fact(frozen=True, slots=True)
class StageLost(Fact):
    """A part of the worker ended untold, and the worker with it: exit code 1, and its leases give back what it held."""

    level: ClassVar[Level] = "error"
    stage: str
    how: str
    cause: str


@info("pipeline", "How it is made up.", "queue", "codec", "sink")
@fact(frozen=True, slots=True)
class PipelineStarted(Fact):
    """One pipeline is open."""

    pipeline: str
    queue: str
    codec: str
    sink: str
    visibility_seconds: int
    receiving: bool


@uncounted("it is chosen once, and the log tells which")
@fact(frozen=True, slots=True)
class TransportChosen(Fact):
    """How a queue is spoken to: `native` (our own request path) or `sdk`, and why."""

    pipeline: str
    queue: str
    transport: str
    reason: str


@uncounted("its account has been counted message by message")
@fact(frozen=True, slots=True)
class PipelineStopped(Fact):
    """The account of one pipeline. received = deleted + retried + rejected + released + expired + in_flight."""

    pipeline: str
    received: int
    deleted: int
    retried: int
    rejected: int
    released: int
    expired: int
    in_flight: int


@counter("event_loop_stalls", "Times the event loop was blocked too long.")
@counter("event_loop_stalled_seconds", "Time it was blocked in these.", adds="seconds")
@fact(frozen=True, slots=True)
class LoopLagged(Fact):
    """The event loop was blocked: leases, polls and health all waited."""

    level: ClassVar[Level] = "warning"
    damped: ClassVar[bool] = True
    seconds: float


@uncounted("the queue and the settings are looked at once")
@fact(frozen=True, slots=True)
class PreflightFound(Fact):
    """Something in the queue's attributes or the settings that will hurt later; `fix` says what to change."""

    level: ClassVar[Level] = "warning"
    pipeline: str
    check: str
    finding: str
    fix: str
