"""Every fact the worker can report. Emitting one counts it and logs it; nothing else in the core logs.

A fact is a frozen dataclass named noun-past-verb. `pipeline` is the name of the pipeline it happened in, from the
closed set of configured names. Whatever becomes a label (`code`, `reason`, `operation`, `outcome`) comes from a closed
set or from the names of exception classes; ids and details go to the log line only. No fact holds a body, a receipt
handle or a secret.

Facts on the hot path stand for a whole batch, never for one message.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import ClassVar, Literal

from worker.outcome import OutcomeName  # noqa: TC001 - the facts' annotations are read at run time

Level = Literal["debug", "info", "warning", "error"]
"""debug: the course of the day · info: a change of state · warning: unexpected, but nothing lost ·
error: an operator must act."""


@dataclass(frozen=True, slots=True)
class Fact:
    """The root of all facts."""

    level: ClassVar[Level] = "info"
    """How loudly the log says it."""
    damped: ClassVar[bool] = False
    """True: said once per kind and interval, with the count of what was left unsaid."""

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The fields of the fact, in order."""
        return tuple(f.name for f in fields(cls))


Emit = Callable[[Fact], None]
"""How a stage reports a fact. Never raises, never waits."""


# ── the life of the worker ──────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class WorkerStarted(Fact):
    """Everything is open; receiving begins."""

    worker_id: str
    version: str
    pipelines: tuple[str, ...]
    metrics_url: str


@dataclass(frozen=True, slots=True)
class WorkerStopping(Fact):
    """A signal, an empty queue (`--drain`) or a failure ended receiving."""

    reason: str
    drain_seconds: float


@dataclass(frozen=True, slots=True)
class WorkerStopped(Fact):
    """The last line of a run. `clean`: everything in hand was settled or released in time."""

    reason: str
    seconds: float
    clean: bool


@dataclass(frozen=True, slots=True)
class StartDelayed(Fact):
    """SQS or a sink was away at the start; the next try is in `retry_in` seconds, for a minute in all."""

    level: ClassVar[Level] = "warning"
    error: str
    detail: str
    retry_in: float


@dataclass(frozen=True, slots=True)
class WorkerRefused(Fact):
    """The start was refused by AWS or a sink, or one of them stayed away too long. Exit code 3."""

    level: ClassVar[Level] = "error"
    error: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class WorkerFailed(Fact):
    """A defect ended the worker; what was in hand becomes visible again when its leases end. Exit code 1."""

    level: ClassVar[Level] = "error"
    error: str
    traceback: str


@dataclass(frozen=True, slots=True)
class PipelineStarted(Fact):
    """One pipeline is open."""

    pipeline: str
    queue: str
    codec: str
    sink: str
    visibility_seconds: int
    receiving: bool


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class LoopLagged(Fact):
    """The event loop was blocked: leases, polls and health all waited."""

    level: ClassVar[Level] = "warning"
    damped: ClassVar[bool] = True
    seconds: float


@dataclass(frozen=True, slots=True)
class PreflightFound(Fact):
    """Something in the queue's attributes or the settings that will hurt later; `fix` says what to change."""

    level: ClassVar[Level] = "warning"
    pipeline: str
    check: str
    finding: str
    fix: str


# ── receiving ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class MessagesReceived(Fact):
    """One receive was answered; `count` 0 is an empty one."""

    level: ClassVar[Level] = "debug"
    pipeline: str
    asked: int
    count: int
    bytes: int
    seconds: float
    sent_at: tuple[float, ...] = ()
    """Unix time at which each received message was sent; empty where nobody measures how long they waited."""
    received_at: float = 0.0
    """Unix time of the receipt; goes with `sent_at`."""


@dataclass(frozen=True, slots=True)
class ReceiveFailed(Fact):
    """One receive failed and will be tried again in `retry_in` seconds."""

    level: ClassVar[Level] = "warning"
    damped: ClassVar[bool] = True
    pipeline: str
    code: str
    detail: str
    retry_in: float
    refused: bool = False
    """True: permission or configuration (`QueueRefused`): somebody has to change something."""


@dataclass(frozen=True, slots=True)
class ReceiveRecovered(Fact):
    """Receiving works again after `failures` failed tries and `seconds` without an answer."""

    pipeline: str
    failures: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ReceiversChanged(Fact):
    """The number of receivers followed the load."""

    level: ClassVar[Level] = "debug"
    pipeline: str
    receivers: int


@dataclass(frozen=True, slots=True)
class DeliveryDamaged(Fact):
    """A received message was unusable (wrong MD5, a field missing) and left to become visible again."""

    level: ClassVar[Level] = "warning"
    damped: ClassVar[bool] = True
    pipeline: str
    reason: str
    message_id: str


@dataclass(frozen=True, slots=True)
class DuplicatesReceived(Fact):
    """Messages already in flight here came again; the newer handle replaced the older, nothing is handled twice."""

    level: ClassVar[Level] = "debug"
    pipeline: str
    count: int


@dataclass(frozen=True, slots=True)
class RedeliveriesRecognised(Fact):
    """Messages already written here came again because their delete failed: deleted, not written again."""

    level: ClassVar[Level] = "debug"
    pipeline: str
    count: int


# ── handling ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class BatchWritten(Fact):
    """One batch went through the sink, `accepted` of `rows` records were taken."""

    level: ClassVar[Level] = "debug"
    pipeline: str
    rows: int
    accepted: int
    bytes: int
    decode_seconds: float
    write_seconds: float
    writes: int
    """Calls of the sink: 1, and more where a batch was halved or tried again."""
    sent_at: tuple[float, ...]
    """Unix time at which each accepted message was sent."""
    finished_at: float
    """Unix time at which the write returned."""


@dataclass(frozen=True, slots=True)
class BatchSplit(Fact):
    """The sink refused something in a batch; it is halved to find the bad record."""

    level: ClassVar[Level] = "warning"
    damped: ClassVar[bool] = True
    pipeline: str
    rows: int
    code: str


@dataclass(frozen=True, slots=True)
class SinkLost(Fact):
    """The sink as a whole is away: receiving stops, leases are kept, one batch keeps trying."""

    level: ClassVar[Level] = "error"
    pipeline: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class SinkProbed(Fact):
    """The sink is still away; the next try is in `retry_in` seconds."""

    level: ClassVar[Level] = "warning"
    damped: ClassVar[bool] = True
    pipeline: str
    code: str
    detail: str
    retry_in: float


@dataclass(frozen=True, slots=True)
class SinkRestored(Fact):
    """The sink took a batch again after `seconds`."""

    pipeline: str
    seconds: float


@dataclass(frozen=True, slots=True)
class MessageRetried(Fact):
    """One message goes back to the queue for `delay` seconds."""

    level: ClassVar[Level] = "warning"
    damped: ClassVar[bool] = True
    pipeline: str
    message_id: str
    reason: str
    detail: str
    receive_count: int
    delay: int


@dataclass(frozen=True, slots=True)
class MessageRejected(Fact):
    """One message is out of the way: dead-lettered, or left to the redrive policy (`dead_lettered` False)."""

    level: ClassVar[Level] = "warning"
    damped: ClassVar[bool] = True
    pipeline: str
    message_id: str
    reason: str
    detail: str
    receive_count: int
    dead_lettered: bool


# ── settling and leases ─────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class DeliveriesSettled(Fact):
    """Deliveries left the ledger."""

    level: ClassVar[Level] = "debug"
    pipeline: str
    outcome: OutcomeName
    count: int


@dataclass(frozen=True, slots=True)
class SettleFailed(Fact):
    """A delete, visibility change or dead letter did not go through. `final`: given up, the lease will run out."""

    level: ClassVar[Level] = "warning"
    damped: ClassVar[bool] = True
    pipeline: str
    operation: str
    code: str
    count: int
    final: bool


@dataclass(frozen=True, slots=True)
class LeasesRenewed(Fact):
    """Leases were lengthened."""

    level: ClassVar[Level] = "debug"
    pipeline: str
    count: int


@dataclass(frozen=True, slots=True)
class LeasesLost(Fact):
    """Leases ran out or SQS called the handles void while the messages were still in hand."""

    level: ClassVar[Level] = "warning"
    damped: ClassVar[bool] = True
    pipeline: str
    code: str
    count: int


# ── SQS and the queue ───────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class RequestMade(Fact):
    """One HTTP request to SQS was answered or failed; `code` is `ok` or the error's code."""

    level: ClassVar[Level] = "debug"
    pipeline: str
    operation: str
    code: str
    seconds: float


@dataclass(frozen=True, slots=True)
class QueueMeasured(Fact):
    """The queue's own counts, polled with jitter."""

    level: ClassVar[Level] = "debug"
    pipeline: str
    queue: str
    visible: int
    not_visible: int
    delayed: int


# ── what is read, not reported ──────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class PipelineState:
    """The live numbers of one pipeline, read when somebody asks. Not a fact: nothing happened."""

    buffered: int
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


ReadState = Callable[[], PipelineState]
"""How telemetry asks a pipeline for its numbers. Called from another thread: it reads plain attributes and no more."""
