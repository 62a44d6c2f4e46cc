"""The life of the worker: its start, its stop, its pipelines, and what was noticed on the way."""

from __future__ import annotations

from typing import ClassVar

from worker.facts.counting import counter, info, uncounted
from worker.facts.fact import Fact, Level, fact


@uncounted("it happens once in the life of a worker, and the log tells of it")
@fact(frozen=True, slots=True)
class WorkerStarted(Fact):
    """Everything is open and receiving begins. Metrics, probes and status answer at `metrics_url`."""

    worker_id: str
    version: str
    pipelines: tuple[str, ...]
    metrics_url: str


@uncounted("it happens once in the life of a worker, and the log tells of it")
@fact(frozen=True, slots=True)
class WorkerStopping(Fact):
    """Receiving has ended, for `reason`. `note` says what the worker waits for, and for how long at most."""

    reason: str
    drain_seconds: float
    note: str = ""


@uncounted("it happens once in the life of a worker, and the log tells of it")
@fact(frozen=True, slots=True)
class WorkerStopped(Fact):
    """The last line of a run. `clean`: everything in hand was settled or given back in time.

    If it is false, what was left becomes visible again when its leases end.
    """

    reason: str
    seconds: float
    clean: bool


@uncounted("settings are read once")
@fact(frozen=True, slots=True)
class SettingsNoticed(Fact):
    """The settings work, but `notice` names something that may have been meant otherwise."""

    level: ClassVar[Level] = "warning"
    notice: str


@uncounted("/readyz says that it has not started")
@fact(frozen=True, slots=True)
class StartDelayed(Fact):
    """SQS or a sink was unavailable at the start. The next try is in `retry_in` seconds, for a minute in all."""

    level: ClassVar[Level] = "warning"
    error: str
    detail: str
    retry_in: float


@uncounted("it happens once in the life of a worker, and the log tells of it")
@fact(frozen=True, slots=True)
class WorkerRefused(Fact):
    """AWS or a sink refused the start (exit code 3), or was unavailable for a minute (1); `detail` says what to do."""

    level: ClassVar[Level] = "error"
    error: str
    code: str
    detail: str


@uncounted("it happens once in the life of a worker, and the log tells of it")
@fact(frozen=True, slots=True)
class WorkerFailed(Fact):
    """A defect ended the worker (exit code 1); what it held becomes visible again when its leases end. Report it."""

    level: ClassVar[Level] = "error"
    error: str
    traceback: str


@uncounted("it happens once in the life of a worker, and the log tells of it")
@fact(frozen=True, slots=True)
class StageLost(Fact):
    """A part of the worker ended before it was told to, and so the worker ends (exit code 1); `cause` says why.

    What it held becomes visible again when its leases end.
    """

    level: ClassVar[Level] = "error"
    stage: str
    how: str
    cause: str


@info("pipeline", "What a pipeline is made of.", "queue", "codec", "sink")
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
    """By which transport a queue is spoken to, and why: `native` (our own request path) or `sdk`."""

    pipeline: str
    queue: str
    transport: str
    reason: str


@uncounted("its account has been counted message by message")
@fact(frozen=True, slots=True)
class PipelineStopped(Fact):
    """The last account of a pipeline. received = deleted + retried + rejected + released + expired + in_flight."""

    pipeline: str
    received: int
    deleted: int
    retried: int
    rejected: int
    released: int
    expired: int
    in_flight: int


@counter("event_loop_stalls", "Times the event loop was blocked too long.")
@counter("event_loop_stalled_seconds", "Time the event loop was blocked in these stalls.", adds="seconds")
@fact(frozen=True, slots=True)
class LoopLagged(Fact):
    """The event loop was blocked for `seconds`: leases, polls and probes all waited.

    Usually a coroutine computes or calls something that blocks. Make it a plain function, which runs in a thread.
    """

    level: ClassVar[Level] = "warning"
    damped: ClassVar[bool] = True
    seconds: float


@uncounted("the queue and the settings are looked at once")
@fact(frozen=True, slots=True)
class PreflightFound(Fact):
    """Something in the queue's attributes or the settings will hurt later; `fix` says what to change."""

    level: ClassVar[Level] = "warning"
    pipeline: str
    check: str
    finding: str
    fix: str
