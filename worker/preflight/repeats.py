"""Repeats: how long a sink remembers what it has, against how long a message can come again.

Takes the settings and the attributes of the queue and its dead-letter queue, gives a finding. Pure. It never warns:
nothing here is wrong, but whoever prunes a table or writes a handler has to know it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.plugins.finding import Finding
from worker.sinks.registry import SINKS

if TYPE_CHECKING:
    from worker.settings import PipelineSettings
    from worker.sqs.queue import QueueAttributes

_DAY: Final = 86_400


def repeats(settings: PipelineSettings, queue: QueueAttributes, dlq: QueueAttributes | None) -> Finding:
    """The time in which a message can come again, and what the sink does then."""
    horizon = queue.retention_seconds + (dlq.retention_seconds if dlq else 0)
    within = f"a message can come again for {horizon / _DAY:g} days (retention of the queue and its dead-letter queue)"
    if SINKS.find(settings.sink).guarantee.kind != "transactional":
        says = f"{within}, and {settings.sink} is then given it again: whoever reads it must tolerate repeats"
    else:
        says = f"{within}; its row stops a second one only while it is kept, so delete no younger rows"
    if settings.deduplication_key is None:
        says += ". A redrive gives it a new message id, by which it is a new message"
    return Finding("repeats", "ok", says)
