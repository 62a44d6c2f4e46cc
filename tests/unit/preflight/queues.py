"""A well-made queue with its dead-letter queue, and what the preflight says of them when something is changed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from worker.preflight import Finding, inspect
from worker.settings import PipelineSettings, WorkerSettings
from worker.sqs.queue import QueueAttributes, Redrive

if TYPE_CHECKING:
    from worker.sinks.sink import Demand

ARN = "arn:aws:sqs:eu-west-1:123456789012:"
QUEUE = QueueAttributes(
    arn=ARN + "orders",
    visible=0,
    not_visible=0,
    delayed=0,
    visibility_timeout=300,
    retention_seconds=345_600,
    max_message_bytes=1_048_576,
    wait_seconds=0,
    delay_seconds=0,
    fifo=False,
    redrive=Redrive(ARN + "orders-dlq", 3),
)
DLQ = replace(QUEUE, arn=ARN + "orders-dlq", retention_seconds=1_209_600, redrive=None)


def handler(**settings: Any) -> dict[str, Any]:
    """The fields of a pipeline with a function."""
    return {"sink": "handler", "sink_settings": {"function": "a.b"} | settings}


def found(
    queue: QueueAttributes = QUEUE,
    dlq: QueueAttributes | None = DLQ,
    *,
    drain: float = 25,
    processes: int = 1,
    memory_limit: int | None = None,
    dlq_address: str | None = None,
    round_trip: float | None = None,
    demand: Demand | None = None,
    **settings: Any,
) -> dict[str, Finding]:
    """The worst finding of each check."""
    pipeline = PipelineSettings(**({"queue": "orders", "dlq": dlq_address} | settings))
    worker = WorkerSettings(drain_seconds=drain, processes=processes)
    measured: dict[str, Any] = {"memory_limit": memory_limit, "round_trip_seconds": round_trip}
    findings = inspect(pipeline, worker, queue, dlq, demand=demand, **measured)
    worst = sorted(findings, key=lambda f: ("ok", "warn", "refuse").index(f.severity))
    return {f.check: f for f in worst}
