"""Build: settings become queues, sinks, codecs and pipelines. The one place where all parts meet.

Takes frozen settings, gives open pipelines; whatever is opened is closed by the exit stack it was entered into, in
reverse order. Trouble that passes (SQS or the sink away for a moment) is tried again for a while; what only people
can mend is raised at once.
"""

from __future__ import annotations

import random
import time
from functools import partial
from typing import TYPE_CHECKING, Final

from worker import __version__, facts
from worker.codecs.registry import make_codec
from worker.errors import QueueRefused, StartRefused
from worker.patience import patiently
from worker.pipeline.attempts import most_receives
from worker.pipeline.dead_letter_depth import DeadLetterDepth
from worker.pipeline.deadletter import DeadLetters
from worker.pipeline.deduplication import make_key
from worker.pipeline.pipeline import Pipeline
from worker.pipeline.poll import PollSettings
from worker.pipeline.settle import SettleSettings
from worker.pipeline.sizing import BatchSettings
from worker.pipeline.spec import Parts, PipelineSpec
from worker.preflight import circle, inspect, memory_limit, way_of
from worker.sinks import registry as sinks
from worker.sinks.plugin import SinkContext
from worker.sqs.address import parse_address
from worker.sqs.beside import beside, neighbour

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AsyncExitStack

    from worker.facts import Emit, Fact
    from worker.finding import Finding
    from worker.pipeline.caution import Caution
    from worker.preflight import Way
    from worker.settings import PipelineSettings, WorkerSettings
    from worker.sinks.sink import Demand, Sink
    from worker.sqs.queue import Queue, QueueAttributes

DELETE_CALLS: Final = 80
"""As many as there are receives: what comes in ten at a time goes out ten at a time, over the same distance. Calls that
there is nothing for cost nothing."""
CHANGE_CALLS: Final = 8
OTHER_CALLS: Final = 16
"""Renewals, dead letters and looks at the queue's counts."""
DELETE_LINGER_SECONDS: Final = 0.05
NOT_NAMED: Final = (
    "allow the worker sqs:SendMessage and sqs:GetQueueAttributes there, or name it in SQS_DLQ_URL; until then only SQS"
    " moves messages that fail, after it has handed each out often enough, and without a reason"
)
DRAIN_WAIT_SECONDS: Final = 1.0
"""With `--drain` an empty queue is the end, so nobody waits 20 s for it."""


async def open_queue(address: str, settings: PipelineSettings, emit: Emit) -> Queue:
    """The queue at *address* (URL, ARN or name). Importing the SDK costs 0.3 s, so only who opens a queue pays it."""
    from worker.sqs.open import open_native_queue  # noqa: PLC0415 - as above
    from worker.sqs.sdk.queue import AwsQueueSpec, open_aws_queue  # noqa: PLC0415 - as the docstring says

    place = beside(address, settings.queue, region=settings.region, endpoint_url=settings.endpoint_url)
    spec = AwsQueueSpec(
        queue=address,
        pipeline=settings.name,
        region=place.region,
        endpoint_url=place.endpoint_url,
        receivers=settings.receivers,
        settlers=DELETE_CALLS + CHANGE_CALLS + OTHER_CALLS,
        visibility_timeout=settings.visibility_timeout,
        dead_letters=address != settings.queue,
    )
    if settings.transport == "sdk":
        return await open_aws_queue(spec, emit)
    return await open_native_queue(spec, emit, required=settings.transport == "native")


def make_sink(settings: PipelineSettings, emit: Emit | None = None) -> Sink:
    """The destination that the settings name; not open yet. *emit* is told what becomes of single calls."""
    context = SinkContext(
        pipeline=settings.name,
        fifo=parse_address(settings.queue).fifo,
        keyed_by_id=settings.deduplication_key is None,
        concurrency=settings.concurrency,
        emit=emit or _unheard,
    )
    return sinks.make_sink(settings.sink, settings.sink_settings, context)


async def open_pipeline(
    settings: PipelineSettings,
    worker: WorkerSettings,
    emit: Emit,
    *,
    drain: bool,
    into: AsyncExitStack,
    ways: list[Way],
    caution: Caution,
) -> Pipeline:
    """One pipeline, checked and open; *into* closes what it is made of.

    *ways* are those of the dead letters of the pipelines opened before; its own is added. All have the same *caution*.

    Raises:
        QueueRefused, SinkRefused, StartRefused: it will not work until somebody changes something.
        QueueUnavailable, SinkUnavailable: still away after a minute of trying.
    """
    queue = await patiently(lambda: open_queue(settings.queue, settings, emit), emit)
    into.push_async_callback(queue.close)
    attributes = await patiently(queue.attributes, emit)
    dead_letters, dead_letter_attributes = await _open_dead_letters(
        settings, worker, (queue.name, attributes), emit, into
    )
    _check(settings, worker, attributes, dead_letter_attributes, emit, ways)
    sink = make_sink(settings, emit)
    into.push_async_callback(sink.close)
    await patiently(sink.open, emit)
    spec = specify(settings, attributes, sink.demand, receiving=worker.enable_consumer, drain=drain)
    parts = Parts(
        queue=queue,
        sink=sink,
        codec=make_codec(settings.codec, settings=settings.codec_settings),
        key=make_key(settings.deduplication_key),
        dead_letters=dead_letters,
        random=random.Random(),  # noqa: S311 - jitter, not a secret
        wall=time.time,
        emit=emit,
        caution=caution,
        dead_letter_depth=_depth_of_dead_letters(settings, attributes, emit),
    )
    emit(
        facts.PipelineStarted(
            settings.name, queue.name, settings.codec, settings.sink, spec.lease_seconds, spec.receiving
        )
    )
    return Pipeline(spec, parts)


def _check(
    settings: PipelineSettings,
    worker: WorkerSettings,
    queue: QueueAttributes,
    dead_letters: QueueAttributes | None,
    emit: Emit,
    ways: list[Way],
) -> None:
    """Refuse what the preflight refuses, warn of the rest; the way of its dead letters is added to *ways*."""
    way = way_of(settings, queue, dead_letters)
    findings = inspect(settings, worker, queue, dead_letters, memory_limit=memory_limit())
    _heed(settings.name, [*findings, *circle(way, ways)], emit)
    ways.append(way)


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


async def _open_dead_letters(
    settings: PipelineSettings,
    worker: WorkerSettings,
    source: tuple[str, QueueAttributes],
    emit: Emit,
    into: AsyncExitStack,
) -> tuple[DeadLetters | None, QueueAttributes | None]:
    """The dead-letter queue of the settings; on a FIFO queue without one, that of the queue's own policy, if it may be
    read. Its attributes are only given where somebody named it.
    """
    name, theirs = source
    address = settings.dlq or (theirs.redrive.dead_letter_arn if theirs.fifo and theirs.redrive else None)
    if address is None:
        return None, None
    try:
        queue = await patiently(lambda: open_queue(address, settings, emit), emit)
        into.push_async_callback(queue.close)
        attributes = await patiently(queue.attributes, emit)
    except QueueRefused as error:
        if settings.dlq is not None:
            raise
        emit(facts.DeadLetterRefused(settings.name, address, error.code, error.detail, NOT_NAMED))
        return None, None
    letters = DeadLetters(
        queue,
        source=name,
        worker=f"{worker.worker_id} {__version__}",
        fifo=attributes.fifo,
        emit=emit,
        pipeline=settings.name,
        largest=attributes.max_message_bytes,
    )
    return letters, attributes if settings.dlq is not None else None


def _depth_of_dead_letters(settings: PipelineSettings, queue: QueueAttributes, emit: Emit) -> DeadLetterDepth | None:
    address = settings.dlq or (neighbour(settings.queue, queue.redrive.dead_letter_arn) if queue.redrive else None)
    if address is None:
        return None
    opens = partial(open_queue, address, settings, emit)
    return DeadLetterDepth(opens, address=address, random=random.Random(), emit=emit, pipeline=settings.name)  # noqa: S311 - jitter


def _heed(pipeline: str, findings: Sequence[Finding], emit: Emit) -> None:
    """Refuse what cannot work, warn of what will hurt."""
    refused = [f"{finding.finding}: {finding.fix}" for finding in findings if finding.severity == "refuse"]
    if refused:
        raise StartRefused("; ".join(refused))
    for finding in findings:
        if finding.severity == "warn":
            emit(facts.PreflightFound(pipeline, finding.check, finding.finding, finding.fix))


def _unheard(_: Fact) -> None:
    """Nobody listens to a sink that is only looked at."""
