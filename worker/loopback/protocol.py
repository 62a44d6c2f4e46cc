"""What the loopback has and says, in the words of the `Queue` protocol. Pure."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from worker.loopback.accept import sequence_number
from worker.loopback.errors import SqsFault
from worker.loopback.faults import Omitted
from worker.loopback.messages import DELAYED, IN_FLIGHT, VISIBLE
from worker.message import NO_ATTRIBUTES, Delivery
from worker.sqs.errors import entry_failed
from worker.sqs.queue import OK, UNKNOWN, EntryResult, QueueAttributes

if TYPE_CHECKING:
    from worker.loopback.messages import Stored
    from worker.loopback.state import QueueState


def attributes_of(state: QueueState) -> QueueAttributes:
    """A queue's settings, and how many messages it has."""
    settings = state.settings
    return QueueAttributes(
        arn=state.arn,
        visible=state.held[VISIBLE],
        not_visible=state.held[IN_FLIGHT],
        delayed=state.held[DELAYED],
        visibility_timeout=settings.visibility_timeout,
        retention_seconds=settings.retention_seconds,
        max_message_bytes=settings.max_message_bytes,
        wait_seconds=settings.wait_seconds,
        delay_seconds=settings.delay_seconds,
        fifo=settings.fifo,
        redrive=settings.redrive,
    )


def answer_of(answer: object) -> EntryResult:
    """How an entry of a batch call ended."""
    if isinstance(answer, SqsFault):
        return entry_failed(answer.query_code, answer.sender, answer.detail)
    return UNKNOWN if isinstance(answer, Omitted) else OK


def delivery_of(message: Stored, leased_at: float, received_at: float) -> Delivery:
    """One receipt of a message, begun at loop time *leased_at* and Unix time *received_at*."""
    return Delivery(
        message.id,
        message.handle,
        message.body,
        message.sent_at,
        received_at,
        message.receive_count,
        leased_at,
        message.group_id,
        message.deduplication_id,
        None if message.deduplication_id is None else sequence_number(message),
        message.trace_header,
        MappingProxyType(message.attributes) if message.attributes else NO_ATTRIBUTES,
    )
