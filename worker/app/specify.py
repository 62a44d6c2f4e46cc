"""The numbers of a pipeline: what the settings allow, the queue has, and the sink can take. Pure.

Takes settings that follow the sink's wishes already (`settings/wishes.py`); gives what the stages are made with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.pipeline.attempts import most_receives
from worker.pipeline.poll import PollSettings
from worker.pipeline.settle import SettleSettings
from worker.pipeline.sizing import BatchSettings
from worker.pipeline.spec import PipelineSpec

if TYPE_CHECKING:
    from worker.settings import PipelineSettings
    from worker.sinks.sink import Demand
    from worker.sqs.queue import QueueAttributes

DELETE_CALLS: Final = 80
"""As many as there are receives: what comes in ten at a time goes out ten at a time, over the same distance. Calls that
there is nothing for cost nothing."""
CHANGE_CALLS: Final = 8
OTHER_CALLS: Final = 16
"""Renewals, dead letters and looks at the queue's counts."""
DELETE_LINGER_SECONDS: Final = 0.05
CALLS: Final = DELETE_CALLS + CHANGE_CALLS + OTHER_CALLS
"""Beside the receives, over connections of their own."""
DRAIN_WAIT_SECONDS: Final = 1.0
"""With `--drain` an empty queue is the end, so nobody waits 20 s for it."""


def specify(
    settings: PipelineSettings, attributes: QueueAttributes, demand: Demand, *, receiving: bool, drain: bool
) -> PipelineSpec:
    """The pipeline's numbers: what the settings allow, the queue has, and the sink can take."""
    rows = settings.batch_max_rows if demand.max_rows is None else min(settings.batch_max_rows, demand.max_rows)
    wait = min(settings.wait_seconds, DRAIN_WAIT_SECONDS) if drain else settings.wait_seconds
    return PipelineSpec(
        name=settings.name,
        lease_seconds=settings.visibility_timeout or attributes.visibility_timeout,
        largest_message=attributes.max_message_bytes,
        poll=PollSettings(settings.max_messages, wait, settings.receivers, repeatable=attributes.fifo),
        batch=_batch(settings, rows),
        settle=SettleSettings(
            deletes=DELETE_CALLS,
            changes=1 if attributes.fifo else CHANGE_CALLS,
            linger_seconds=DELETE_LINGER_SECONDS,
            retry_base_seconds=settings.retry_base_seconds,
            retry_max_seconds=settings.retry_max_seconds,
        ),
        writers=min(settings.concurrency, demand.max_writers or settings.concurrency),
        max_messages=settings.in_flight_max_messages,
        max_bytes=settings.in_flight_max_bytes,
        fifo=attributes.fifo,
        hold_seconds=settings.sink_hold_seconds,
        receiving=receiving,
        write_limit_seconds=demand.seconds,
        own_code=demand.own_code,
        max_receives=most_receives(
            settings.max_receives, attributes.redrive, dead_letters=settings.dlq is not None, fifo=attributes.fifo
        ),
        redrive_count=attributes.redrive.max_receive_count if attributes.redrive else None,
    )


def _batch(settings: PipelineSettings, rows: int) -> BatchSettings:
    return BatchSettings(
        rows,
        settings.batch_max_bytes,
        settings.batch_max_wait_ms / 1000 if rows > 1 else 0.0,
        keeps_wait="batch_max_wait_ms" in settings.model_fields_set,
        target_seconds=settings.batch_target_ms / 1000 or None,
    )
