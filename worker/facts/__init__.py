"""Every fact the worker can report. Emitting one counts it and logs it; nothing else in the core logs.

A fact is an unchanging dataclass named noun-past-verb. `pipeline` is the name of the pipeline it happened in, from the
closed set of configured names. Whatever becomes a label (`code`, `reason`, `operation`, `outcome`) comes from a closed
set or from the names of exception classes; ids and details go to the log line only. No fact holds a body, a receipt
handle or a secret.

What a fact counts as stands above it, a line for each metric (`counting.py`).

Facts on the hot path stand for a whole batch, never for one message.
"""

from __future__ import annotations

from worker.facts.fact import (
    Emit,
    Fact,
    Level,
)
from worker.facts.handling import (
    BatchHeld,
    BatchSplit,
    BatchWritten,
    CallFailed,
    CallHung,
    HungCallEnded,
    MessageRejected,
    MessageRetried,
    SinkLost,
    SinkProbed,
    SinkRestored,
    SuspectTried,
    WaitingGivenBack,
)
from worker.facts.life import (
    LoopLagged,
    PipelineStarted,
    PipelineStopped,
    PreflightFound,
    SettingsNoticed,
    StageLost,
    StartDelayed,
    TransportChosen,
    WorkerFailed,
    WorkerRefused,
    WorkerStarted,
    WorkerStopped,
    WorkerStopping,
)
from worker.facts.performance import (
    PerformanceReported,
)
from worker.facts.platform import (
    TaskProtectionChanged,
    TaskProtectionFailed,
)
from worker.facts.processes import (
    ParentGaveUp,
    ParentStarted,
    ProcessEnded,
    ProcessKilled,
    ProcessLost,
    ProcessStarted,
)
from worker.facts.receiving import (
    DeliveryDamaged,
    DuplicatesReceived,
    MessagesReceived,
    ReceiveFailed,
    ReceiveRecovered,
    ReceiversChanged,
    RedeliveriesRecognised,
)
from worker.facts.requests import (
    CredentialsKept,
    CredentialsRenewed,
    DeadLettersMeasured,
    DeadLettersUnseen,
    QueueMeasured,
    RequestMade,
)
from worker.facts.settling import (
    DeadLetterRefused,
    DeliveriesSettled,
    LeasesLost,
    LeasesRenewed,
    SettleFailed,
    TransitionRefused,
)
from worker.facts.state import (
    PipelineState,
    ReadState,
)

__all__ = [
    "KINDS",
    "BatchHeld",
    "BatchSplit",
    "BatchWritten",
    "CallFailed",
    "CallHung",
    "CredentialsKept",
    "CredentialsRenewed",
    "DeadLetterRefused",
    "DeadLettersMeasured",
    "DeadLettersUnseen",
    "DeliveriesSettled",
    "DeliveryDamaged",
    "DuplicatesReceived",
    "Emit",
    "Fact",
    "HungCallEnded",
    "LeasesLost",
    "LeasesRenewed",
    "Level",
    "LoopLagged",
    "MessageRejected",
    "MessageRetried",
    "MessagesReceived",
    "ParentGaveUp",
    "ParentStarted",
    "PerformanceReported",
    "PipelineStarted",
    "PipelineState",
    "PipelineStopped",
    "PreflightFound",
    "ProcessEnded",
    "ProcessKilled",
    "ProcessLost",
    "ProcessStarted",
    "QueueMeasured",
    "ReadState",
    "ReceiveFailed",
    "ReceiveRecovered",
    "ReceiversChanged",
    "RedeliveriesRecognised",
    "RequestMade",
    "SettingsNoticed",
    "SettleFailed",
    "SinkLost",
    "SinkProbed",
    "SinkRestored",
    "StageLost",
    "StartDelayed",
    "SuspectTried",
    "TaskProtectionChanged",
    "TaskProtectionFailed",
    "TransitionRefused",
    "TransportChosen",
    "WaitingGivenBack",
    "WorkerFailed",
    "WorkerRefused",
    "WorkerStarted",
    "WorkerStopped",
    "WorkerStopping",
]

KINDS: tuple[type[Fact], ...] = tuple(
    kind
    for kind in map(globals().get, __all__)
    if isinstance(kind, type) and issubclass(kind, Fact) and kind is not Fact
)
"""All of them."""
