"""Size: what may be in flight against what SQS allows and what its messages weigh, and what FIFO changes.

Takes the settings and the queue's attributes, gives findings. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.plugins.finding import Finding
from worker.sqs.quotas import IN_FLIGHT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.settings import PipelineSettings
    from worker.sqs.queue import QueueAttributes

WORKERS_FEW: Final = 10
"""A fleet smaller than this is soon outgrown."""


def in_flight(settings: PipelineSettings, queue: QueueAttributes, processes: int = 1) -> Finding:
    """How many workers, of so many processes each, the queue's cap of messages in flight has room for."""
    each = settings.in_flight_max_messages
    workers = IN_FLIGHT // (each * processes)
    of = f"{each}" if processes == 1 else f"{processes} x {each}"
    room = f"SQS allows {IN_FLIGHT} messages in flight: room for {workers} workers of {of}"
    if workers >= WORKERS_FEW:
        return Finding("in flight", "ok", room)
    silent = "; above it a FIFO queue answers as if it were empty" if queue.fifo else ""
    return Finding(
        "in flight", "warn", room + silent, "lower IN_FLIGHT_MAX_MESSAGES if you start more workers than that"
    )


def message_size(settings: PipelineSettings, queue: QueueAttributes) -> Finding:
    """The byte bounds against the largest message that the queue accepts."""
    largest = queue.max_message_bytes
    if settings.in_flight_max_bytes < largest:
        finding = f"one message may have {largest} bytes, more than the bound of {settings.in_flight_max_bytes}"
        return Finding("message size", "refuse", finding, f"set IN_FLIGHT_MAX_BYTES to {largest} or more")
    if settings.batch_max_bytes < largest:
        finding = f"one message may have {largest} bytes; above {settings.batch_max_bytes} it is written alone"
        return Finding("message size", "warn", finding, f"set BATCH_MAX_BYTES to {largest} or more")
    return Finding("message size", "ok", f"a message has at most {largest} bytes, within the bounds")


def long_poll(settings: PipelineSettings) -> Finding:
    """Whether an empty queue costs money."""
    if settings.wait_seconds > 0:
        return Finding("long poll", "ok", f"a receive waits up to {settings.wait_seconds} s for messages")
    finding = "short polling: an idle worker pays for empty receives, and a receive may miss messages that are there"
    return Finding("long poll", "warn", finding, "set SQS_WAIT_TIME_SECONDS to 20")


def fifo(settings: PipelineSettings, queue: QueueAttributes) -> Iterator[Finding]:
    """What a FIFO queue means for its handling."""
    if not queue.fifo:
        return
    yield Finding("fifo", "ok", "order is kept within each message group; different groups are handled side by side")
    if queue.redrive is not None:
        yield Finding(
            "fifo dead letters",
            "warn",
            "a message that is dead-lettered lets the later ones of its group pass",
            "if they depend on it, put it back before they are handled, or leave out the redrive policy",
        )
    if queue.redrive is not None and settings.dlq is None:
        yield Finding(
            "fifo receives",
            "ok",
            f"a message that failed {queue.redrive.max_receive_count} times is sent to the queue that the redrive"
            " policy names, if this worker may send there; else SQS moves it, without the reason",
        )
