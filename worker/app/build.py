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
from worker.app.patience import patiently
from worker.app.specify import CALLS, specify
from worker.codecs.registry import make_codec
from worker.cpus import processes_of
from worker.errors import QueueRefused, StartRefused
from worker.pipeline.dead_letter_depth import DeadLetterDepth
from worker.pipeline.deadletter import DeadLetters
from worker.pipeline.deduplication import make_key
from worker.pipeline.pipeline import Pipeline
from worker.pipeline.spec import Parts
from worker.preflight import bytes_for, circle, inspect, memory_limit, way_of
from worker.settings.wishes import fitted
from worker.sinks import registry as sinks
from worker.sinks.plugin import SinkContext
from worker.sqs.address import parse_address
from worker.sqs.beside import beside, neighbour
from worker.sqs.spec import QueueSpec

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AsyncExitStack

    from worker.facts import Emit, Fact
    from worker.pipeline.caution import Caution
    from worker.plugins.finding import Finding
    from worker.preflight import Way
    from worker.settings import PipelineSettings, WorkerSettings
    from worker.sinks.sink import Demand, Sink
    from worker.sqs.queue import Queue, QueueAttributes

NOT_NAMED: Final = (
    "allow the worker sqs:SendMessage and sqs:GetQueueAttributes there, or name it in SQS_DLQ_URL; until then only SQS"
    " moves messages that fail, after it has handed each out often enough, and without a reason"
)


async def open_queue(address: str, settings: PipelineSettings, emit: Emit) -> Queue:
    """The queue at *address* (URL, ARN or name). Importing the SDK costs 0.3 s, so only who opens a queue pays it."""
    from worker.sqs.open import open_native_queue  # noqa: PLC0415 - as the docstring says
    from worker.sqs.sdk.open import open_sdk_queue  # noqa: PLC0415 - as above

    place = beside(address, settings.queue, region=settings.region, endpoint_url=settings.endpoint_url)
    spec = QueueSpec(
        queue=address,
        pipeline=settings.name,
        region=place.region,
        endpoint_url=place.endpoint_url,
        receivers=settings.receivers,
        settlers=CALLS,
        visibility_timeout=settings.visibility_timeout,
        dead_letters=address != settings.queue,
    )
    if settings.transport == "sdk":
        return await open_sdk_queue(spec, emit)
    return await open_native_queue(spec, emit, required=settings.transport == "native")


def make_sink(settings: PipelineSettings, emit: Emit | None = None) -> Sink:
    """The destination that the settings name; not open yet. *emit* is told what becomes of single calls."""
    address = parse_address(settings.queue)
    context = SinkContext(
        pipeline=settings.name,
        fifo=address.fifo,
        keyed_by_id=settings.deduplication_key is None,
        concurrency=settings.concurrency,
        emit=emit or _unheard,
        region=settings.region or address.region,
        queue=address.name,
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
    sink = make_sink(settings, emit)
    _check(settings, worker, (attributes, dead_letter_attributes), sink.demand, emit, ways)
    into.push_async_callback(sink.close)
    await patiently(sink.open, emit)
    memory = bytes_for(memory_limit(), processes_of(worker.processes))
    fit = fitted(settings, sink.demand, most_bytes=memory)
    spec = specify(fit, attributes, sink.demand, receiving=worker.enable_consumer, drain=drain)
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
    queues: tuple[QueueAttributes, QueueAttributes | None],
    demand: Demand,
    emit: Emit,
    ways: list[Way],
) -> None:
    """Refuse what the preflight refuses, warn of the rest; the way of its dead letters is added to *ways*."""
    way = way_of(settings, *queues)
    findings = inspect(settings, worker, *queues, demand=demand, memory_limit=memory_limit())
    _heed(settings.name, [*findings, *circle(way, ways)], emit)
    ways.append(way)


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
