"""How a message gets into a queue: sent by a client, or moved from another queue.

Takes an `Outgoing` or a `Stored`, checks and deduplicates it, gives what the sender is told; the queue's state has it
afterwards.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from worker.loopback.contents import check_contents
from worker.loopback.digest import attributes_md5, body_md5
from worker.loopback.messages import Sent, Stored
from worker.message import Attribute

if TYPE_CHECKING:
    from worker.loopback.handles import Ids
    from worker.loopback.state import QueueState
    from worker.message import Outgoing


def accept(queue: QueueState, message: Outgoing, ids: Ids, now: float) -> Sent:
    """Take one message, or recognise it as one that was taken within the deduplication window."""
    check_contents(message, queue.settings)
    if not queue.settings.fifo:
        return _enter(queue, message, None, ids, now)
    deduplication_id = message.deduplication_id or hashlib.sha256(message.body.encode()).hexdigest()
    key = f"{message.group_id}\n{deduplication_id}" if queue.settings.group_deduplication else deduplication_id
    sent = queue.deduplication.get(key, now)
    if sent is None:
        sent = _enter(queue, message, deduplication_id, ids, now)
        queue.deduplication.put(key, sent, now)
    return sent


def _enter(queue: QueueState, message: Outgoing, deduplication_id: str | None, ids: Ids, now: float) -> Sent:
    delay = None if queue.settings.fifo else message.delay_seconds  # 0 is allowed there, and means the queue's
    stored = Stored(
        queue.next_number(),
        ids.next(),
        message.body,
        body_md5(message.body),
        now,
        message.attributes,
        message.group_id,
        deduplication_id,
        message.trace_header,
    )
    queue.enter(stored, delay_seconds=queue.settings.delay_seconds if delay is None else delay, now=now)
    queue.counts.sent += 1
    queue.note("send", stored, now)
    return Sent(
        stored.id,
        stored.md5,
        attributes_md5(message.attributes),
        _trace_md5(message.trace_header),
        sequence_number(stored) if queue.settings.fifo else None,
    )


def dead_letter(source: QueueState, message: Stored, target: QueueState, now: float) -> None:
    """Move an exhausted message: same id, and on standard queues the age it had."""
    sent_at = now if target.settings.fifo else message.sent_at
    moved = _copy(message, target, message_id=message.id, sent_at=sent_at)
    moved.source_arn = source.arn
    moved.receive_count = moved.earlier_receipts = message.receive_count
    moved.first_received_at = message.first_received_at
    source.counts.moved_out += 1
    source.forget(message, was_in_flight=True)
    source.note("move", message, now, destination=target.name, new_id=moved.id)
    _arrive(target, moved, now)


def redrive(source: QueueState, message: Stored, target: QueueState, ids: Ids, now: float) -> None:
    """What a move task does with a message it pulled: to the target it is a new one."""
    moved = _copy(message, target, message_id=ids.next(), sent_at=now)
    source.note("move", message, now, destination=target.name, new_id=moved.id)
    _arrive(target, moved, now)


def sequence_number(message: Stored) -> str:
    """Twenty digits that grow with each message of the queue."""
    return f"{18_850_000_000_000_000_000 + message.number * 256}"


def _copy(message: Stored, target: QueueState, *, message_id: str, sent_at: float) -> Stored:
    """A new object: stale heap entries of the source must not see the message's life in the target."""
    return Stored(
        target.next_number(),
        message_id,
        message.body,
        message.md5,
        sent_at,
        message.attributes,
        message.group_id,
        message.deduplication_id,
        message.trace_header,
    )


def _arrive(target: QueueState, moved: Stored, now: float) -> None:
    target.counts.moved_in += 1
    target.enter(moved, delay_seconds=0, now=now)


def _trace_md5(trace_header: str | None) -> str | None:
    return attributes_md5({"AWSTraceHeader": Attribute("String", trace_header)}) if trace_header else None
