"""The dead-letter queue: is there one, can it take what we send, and is there only one.

Takes the settings, the queue's attributes and those of its dead-letter queue (None: none, or it could not be looked
at); gives findings. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.pipeline.attempts import most_receives
from worker.plugins.finding import Finding
from worker.sqs.address import parse_address

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.settings import PipelineSettings
    from worker.sqs.queue import QueueAttributes, Redrive

RECEIVES_MIN: Final = 3
"""Fewer, and two crashes or one slow deployment move good messages to the dead-letter queue."""
_DAY: Final = 86_400


def dead_letters(settings: PipelineSettings, queue: QueueAttributes, dlq: QueueAttributes | None) -> Iterator[Finding]:
    """Everything about the dead-letter queue."""
    if settings.dlq is None and queue.redrive is None:
        yield Finding(
            "dead-letter queue",
            "warn",
            "there is none: a message that can never be handled comes back until its retention ends, and is then lost",
            "give the queue a redrive policy, or set SQS_DLQ_URL",
        )
        return
    if queue.redrive is None:
        yield _own_count(settings)
    else:
        yield _receives(queue.redrive, settings.max_receives)
        yield from _two_ways(settings, queue.redrive)
    if dlq is not None:
        yield from _target(queue, dlq)


def _own_count(settings: PipelineSettings) -> Finding:
    count = most_receives(settings.max_receives, None, dead_letters=True, fifo=False)
    return Finding(
        "receives",
        "warn",
        f"the queue has no redrive policy: this worker dead-letters a message that fails after {count} receives"
        " (SQS_MAX_RECEIVES), but one that crashes the worker (out of memory, for example) comes back for ever",
        "give the queue a redrive policy that names the same dead-letter queue",
    )


def _receives(redrive: Redrive, own: int | None) -> Finding:
    count = redrive.max_receive_count
    if own is not None and own > count:
        finding = f"SQS_MAX_RECEIVES is {own}, but SQS moves a message after {count} receives, without a reason"
        return Finding("receives", "warn", finding, f"set SQS_MAX_RECEIVES to {count} or less, or unset it")
    if own is not None:
        return Finding("receives", "ok", f"a message that fails is sent to the dead-letter queue after {own} receives")
    if count >= RECEIVES_MIN:
        return Finding("receives", "ok", f"SQS moves a message to the dead-letter queue after {count} receives")
    return Finding(
        "receives",
        "warn",
        f"SQS moves a message after {count} receives: a crash or a deployment is enough for that",
        f"set maxReceiveCount of the redrive policy to {RECEIVES_MIN} or more",
    )


def _two_ways(settings: PipelineSettings, redrive: Redrive) -> Iterator[Finding]:
    if settings.dlq is None or parse_address(settings.dlq).same_queue(parse_address(redrive.dead_letter_arn)):
        return
    yield Finding(
        "dead-letter ways",
        "refuse",
        f"rejected messages go to {parse_address(settings.dlq).name}, those received too often to"
        f" {parse_address(redrive.dead_letter_arn).name}: one message could end in both",
        "unset SQS_DLQ_URL, or let the redrive policy name the same queue",
    )


def _target(queue: QueueAttributes, dlq: QueueAttributes) -> Iterator[Finding]:
    wrong = [*_unfit(queue, dlq)]
    yield from wrong
    if not wrong:
        days = dlq.retention_seconds / _DAY
        yield Finding("dead-letter queue", "ok", f"{parse_address(dlq.arn).name} keeps messages for {days:g} days")


def _unfit(queue: QueueAttributes, dlq: QueueAttributes) -> Iterator[Finding]:
    if dlq.arn == queue.arn:
        yield Finding("dead-letter queue", "refuse", "it is the queue itself", "name another queue")
        return
    if dlq.fifo != queue.fifo:
        kind = "FIFO" if queue.fifo else "standard"
        finding = f"it must be a {kind} queue, as the queue is one"
        yield Finding("dead-letter queue", "refuse", finding, f"create a {kind} queue for dead letters")
    if dlq.max_message_bytes < queue.max_message_bytes:
        yield _small(queue, dlq)
    if dlq.retention_seconds <= queue.retention_seconds:
        yield _short_retention(queue, dlq)


def _small(queue: QueueAttributes, dlq: QueueAttributes) -> Finding:
    what = "is left to the redrive policy" if queue.redrive else "stays in the queue until its retention ends"
    return Finding(
        "dead-letter size",
        "warn",
        f"it takes messages up to {dlq.max_message_bytes} bytes, the queue up to {queue.max_message_bytes}: a larger"
        f" one {what}",
        f"set MaximumMessageSize of the dead-letter queue to {queue.max_message_bytes}",
    )


def _short_retention(queue: QueueAttributes, dlq: QueueAttributes) -> Finding:
    why = "a new age begins there" if queue.fifo else "a message that SQS moves keeps its age"
    return Finding(
        "dead-letter retention",
        "warn",
        f"it keeps messages for {dlq.retention_seconds} s, the queue for {queue.retention_seconds} s, and {why}",
        "raise MessageRetentionPeriod of the dead-letter queue above the queue's; 14 days (1209600) is usual",
    )
