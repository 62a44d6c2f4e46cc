"""Asks the real queue, its dead-letter queue and the real sink, then inspects what they say.

Takes one pipeline's settings and the two ways to open things; gives findings, and ends with everything closed again.
Receives nothing and leaves nothing behind: a table or file that is missing is made by a start of the worker, not here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from worker.errors import CredentialsRefused, QueueError, QueueMissing, QueueUnavailable, SinkError
from worker.facts import Emit, Fact, TransportChosen
from worker.plugins.finding import Finding
from worker.preflight.circles import circle, way_of
from worker.preflight.inspect import inspect
from worker.settings import PipelineSettings, WorkerSettings
from worker.sinks.sink import Checkable, Sink
from worker.sqs.explain import POINTED
from worker.sqs.queue import Queue

if TYPE_CHECKING:
    from worker.preflight.circles import Way
    from worker.sqs.queue import QueueAttributes

OpenQueue = Callable[[str, PipelineSettings, Emit], Awaitable[Queue]]
MakeSink = Callable[[PipelineSettings], Sink]

RIGHTS = "sqs:ReceiveMessage, sqs:DeleteMessage, sqs:ChangeMessageVisibility and sqs:GetQueueAttributes"


async def examine(
    settings: PipelineSettings,
    worker: WorkerSettings,
    *,
    open_queue: OpenQueue,
    make_sink: MakeSink,
    memory_limit: int | None = None,
    ways: list[Way] | None = None,
) -> list[Finding]:
    """Every finding about one pipeline.

    *ways* are those of the dead letters of the pipelines examined before; its own is added.
    """
    findings: list[Finding] = []
    sink = _made(settings, make_sink)
    demand = None if isinstance(sink, SinkError) else sink.demand
    try:
        queue, round_trip = await _measured(settings, open_queue, findings)
    except QueueError as error:
        findings.append(_queue_trouble(settings, error))
    else:
        findings.append(Finding("queue", "ok", f"answers: {queue.visible} visible, {queue.not_visible} in flight"))
        dlq = await _dead_letter_queue(settings, queue, open_queue, findings)
        findings += inspect(
            *(settings, worker, queue, dlq), demand=demand, memory_limit=memory_limit, round_trip_seconds=round_trip
        )
        way, ways = way_of(settings, queue, dlq), [] if ways is None else ways
        findings += circle(way, ways)
        ways.append(way)
    findings.append(await _sink(settings, sink))
    return findings


async def _measured(
    settings: PipelineSettings, open_queue: OpenQueue, findings: list[Finding]
) -> tuple[QueueAttributes, float]:
    """What the queue says, and the seconds of a round trip to it over a connection that is there already.

    By which way it is spoken to, and why (a proxy, for one), is added to *findings*.
    """
    heard: list[Fact] = []
    queue = await open_queue(settings.queue, settings, heard.append)
    now = asyncio.get_running_loop().time
    try:
        said = await queue.attributes()
        began = now()
        await queue.attributes()
        chosen = (fact for fact in heard if isinstance(fact, TransportChosen))
        findings += [Finding("transport", "ok", f"{fact.transport}: {fact.reason}") for fact in chosen]
        return said, now() - began
    finally:
        await queue.close()


async def _attributes(address: str, settings: PipelineSettings, open_queue: OpenQueue) -> QueueAttributes:
    queue = await open_queue(address, settings, _unheard)
    try:
        return await queue.attributes()
    finally:
        await queue.close()


async def _dead_letter_queue(
    settings: PipelineSettings,
    queue: QueueAttributes,
    open_queue: OpenQueue,
    findings: list[Finding],
) -> QueueAttributes | None:
    address = settings.dlq or (queue.redrive.dead_letter_arn if queue.redrive else None)
    if address is None:
        return None
    try:
        return await _attributes(address, settings, open_queue)
    except QueueMissing:
        finding = f"{address} does not exist: what is sent there would be lost"
        findings.append(Finding("dead-letter queue", "refuse", finding, "create it, or name another one"))
    except QueueError as error:
        fix = "allow sqs:GetQueueAttributes on it to have it checked; the worker itself needs sqs:SendMessage there"
        findings.append(Finding("dead-letter queue", "warn", f"could not be inspected ({error})", fix))
    return None


def _queue_trouble(settings: PipelineSettings, error: QueueError) -> Finding:
    if error.code in POINTED:
        return Finding("queue", "refuse", error.detail, "correct that, then check again")
    if isinstance(error, CredentialsRefused):
        fix = "set AWS_PROFILE, sign in, or give the task or pod a role"
        return Finding("credentials", "refuse", f"none were found, or SQS does not accept them ({error})", fix)
    if isinstance(error, QueueMissing):
        fix = f"check its name, its account and the region ({settings.region or 'from the AWS configuration'})"
        return Finding("queue", "refuse", f"{settings.queue} does not exist ({error})", fix)
    if isinstance(error, QueueUnavailable):
        fix = "check the network, the VPC endpoint and SQS_ENDPOINT_URL"
        return Finding("queue", "refuse", f"cannot be reached ({error})", fix)
    denied = "Denied" in error.code or "NotAuthorized" in error.code
    fix = (
        f"allow {RIGHTS} on the queue (`worker iam` prints it), and kms:Decrypt on its key"
        if denied
        else "correct what SQS names"
    )
    return Finding("queue", "refuse", f"refused ({error})", fix)


def _made(settings: PipelineSettings, make_sink: MakeSink) -> Sink | SinkError:
    try:
        return make_sink(settings)
    except SinkError as error:
        return error


async def _sink(settings: PipelineSettings, sink: Sink | SinkError) -> Finding:
    try:
        if isinstance(sink, SinkError):
            raise sink
        try:
            said = await _prove(sink)
        finally:
            await sink.close()
    except SinkError as error:
        return Finding("sink", "refuse", f"{settings.sink} cannot be opened: {error}", "correct that, then check again")
    return Finding("sink", "ok", f"{settings.sink} opens{said}")


async def _prove(sink: Sink) -> str:
    if isinstance(sink, Checkable):
        return f": {await sink.check()}"
    await sink.open()
    return ""


def _unheard(_: Fact) -> None:
    """Nobody listens: what matters is in the findings."""
