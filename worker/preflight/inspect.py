"""All checks, in the order in which a person would ask them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.cpus import processes_of
from worker.preflight import bounds, leases
from worker.preflight.batches import batches
from worker.preflight.dead_letters import dead_letters
from worker.preflight.memory import bytes_for, memory
from worker.preflight.repeats import repeats
from worker.settings.wishes import fitted
from worker.sinks.plugin import Surroundings
from worker.sinks.registry import SINKS
from worker.sinks.sink import Demand

if TYPE_CHECKING:
    from worker.plugins.finding import Finding
    from worker.settings import PipelineSettings, WorkerSettings
    from worker.sqs.queue import QueueAttributes


def inspect(
    settings: PipelineSettings,
    worker: WorkerSettings,
    queue: QueueAttributes,
    dlq: QueueAttributes | None,
    *,
    demand: Demand | None = None,
    memory_limit: int | None = None,
    round_trip_seconds: float | None = None,
) -> list[Finding]:
    """Look at one pipeline.

    Args:
        settings: the pipeline's settings.
        worker: the worker's settings.
        queue: what GetQueueAttributes says of the queue.
        dlq: the same of its dead-letter queue; None if there is none, or if it could not be looked at.
        demand: of the sink; None if it could not be made.
        memory_limit: bytes that the worker, all its processes together, may have; None if there is no limit.
        round_trip_seconds: of one call to the queue; None if it was not measured.
    """
    processes, wanted = processes_of(worker.processes), demand or Demand()
    unfit = batches(settings, wanted, queue, memory_limit=memory_limit, processes=processes)
    settings = fitted(settings, wanted, most_bytes=bytes_for(memory_limit, processes))
    return [
        *unfit,
        leases.visibility(settings, queue),
        leases.renewal(settings, queue),
        *leases.renewals(settings, queue, round_trip_seconds),
        leases.retention(queue),
        *leases.drain(settings, worker),
        *SINKS.find(settings.sink).inspect(
            settings.sink_settings, Surroundings(queue.retention_seconds, worker.drain_seconds)
        ),
        *dead_letters(settings, queue, dlq),
        bounds.in_flight(settings, queue, processes),
        bounds.message_size(settings, queue),
        memory(settings, memory_limit, processes),
        bounds.long_poll(settings),
        repeats(settings, queue, dlq),
        *bounds.fifo(settings, queue),
    ]
