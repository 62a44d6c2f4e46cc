"""SQS's JSON to our types and back: its shapes, and nothing of how they travel.

Takes parsed JSON, with binary values as bytes, and gives deliveries, answers by entry and queue attributes; takes
outgoing messages and gives the entries of a batch call. Pure: what cannot be understood comes back as a value
(`Damaged`, `UNKNOWN`) or raises `ValueError`, which both ways into SQS turn into an error of ours.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from worker.message import NO_ATTRIBUTES, Attribute, Delivery
from worker.sqs.errors import entry_failed
from worker.sqs.queue import OK, UNKNOWN, EntryResult, QueueAttributes, Redrive
from worker.sqs.quotas import MESSAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from worker.message import Outgoing


Json = Mapping[str, Any]

SYSTEM_ATTRIBUTES: Final = (
    "SentTimestamp",
    "ApproximateReceiveCount",
    "MessageGroupId",
    "MessageDeduplicationId",
    "SequenceNumber",
    "AWSTraceHeader",
)
"""What `Delivery` holds, and no more: every further one is bytes on the wire for each message."""

QUEUE_ATTRIBUTES: Final = (
    "QueueArn",
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
    "VisibilityTimeout",
    "MessageRetentionPeriod",
    "MaximumMessageSize",
    "ReceiveMessageWaitTimeSeconds",
    "DelaySeconds",
    "RedrivePolicy",
)

NO_HASHES: Final[Mapping[int, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Damaged:
    """A received message that must not be handled: it stays in the queue until its lease ends."""

    reason: str
    """`message-id`, `receipt-handle`, `body`, `md5` or `attributes`."""
    message_id: str


# ── receiving ───────────────────────────────────────────────────────────────────────────────────────────────────────


def to_delivery(raw: Json, *, leased_at: float, received_at: float) -> Delivery | Damaged:
    """One entry of `Messages`, checked: required fields present, the body as SQS hashed it."""
    message_id, handle, body = raw.get("MessageId"), raw.get("ReceiptHandle"), raw.get("Body")
    if not isinstance(message_id, str) or not message_id:
        return Damaged("message-id", "")
    if not isinstance(handle, str) or not handle:
        return Damaged("receipt-handle", message_id)
    if not isinstance(body, str):
        return Damaged("body", message_id)
    if raw.get("MD5OfBody", "") not in ("", md5(body)):  # no set: what a broken server says may not be hashable
        return Damaged("md5", message_id)
    try:
        return _delivery(raw, (message_id, handle, body), leased_at=leased_at, received_at=received_at)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return Damaged("attributes", message_id)


def undamaged(messages: Sequence[Json], read: Sequence[Delivery | Damaged]) -> list[Delivery]:
    """What may be handled: of a FIFO queue nothing behind a damaged message of the same group, nor of an unknown one.

    Everything left out becomes visible when its lease ends, in its old order.
    """
    stopped: set[object] = set()
    kept: list[Delivery] = []
    for raw, one in zip(messages, read, strict=True):
        if isinstance(one, Damaged):
            system = raw.get("Attributes")
            group = system.get("MessageGroupId") if isinstance(system, dict) else None
            stopped.add(group if isinstance(group, str) else None)
        elif one.sequence_number is None or stopped.isdisjoint((None, one.group_id)):
            kept.append(one)
    return kept


def _delivery(raw: Json, ids: tuple[str, str, str], *, leased_at: float, received_at: float) -> Delivery:
    system = raw.get("Attributes") or {}
    sent = system.get("SentTimestamp")
    return Delivery(
        *ids,
        # A server that tells neither time nor count is not SQS, but losing its messages for that helps nobody.
        sent_at=int(sent) / 1000 if sent else 0.0,  # the same at each receipt: it may be half of a table's key
        received_at=received_at,
        receive_count=int(system.get("ApproximateReceiveCount", 1)),
        leased_at=leased_at,
        group_id=_text(system.get("MessageGroupId")),
        deduplication_id=_text(system.get("MessageDeduplicationId")),
        sequence_number=_number(system.get("SequenceNumber")),
        trace_header=_text(system.get("AWSTraceHeader")),
        attributes=_attributes(raw.get("MessageAttributes") or {}),
    )


def _number(value: object) -> str | None:
    """Text of digits: a FIFO queue's order goes by it."""
    text = _text(value)
    if text is not None:
        int(text)
    return text


def _text(value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError("a system attribute is text")
    return value


def _attributes(raw: Json) -> Mapping[str, Attribute]:
    if not raw:
        return NO_ATTRIBUTES
    return MappingProxyType({name: Attribute(value["DataType"], _value(value)) for name, value in raw.items()})


def _value(raw: Json) -> str | bytes:
    text, data = raw.get("StringValue"), raw.get("BinaryValue")
    value = data if str(raw["DataType"]).startswith("Binary") else text
    if not isinstance(value, str | bytes):
        raise TypeError("an attribute without a value of its type")
    return value


def md5(text: str) -> str:
    """How SQS hashes a body: to notice damage, not to guard against an attacker."""
    return hashlib.md5(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


# ── batch calls ─────────────────────────────────────────────────────────────────────────────────────────────────────


def to_entry(position: int, message: Outgoing) -> dict[str, Any]:
    """One entry of SendMessageBatch. Ids are positions: one batch may hold the same message twice."""
    entry: dict[str, Any] = {"Id": str(position), "MessageBody": message.body}
    if message.attributes:
        entry["MessageAttributes"] = {name: _wire(value) for name, value in message.attributes.items()}
    if message.trace_header is not None:
        entry["MessageSystemAttributes"] = {"AWSTraceHeader": _wire(Attribute("String", message.trace_header))}
    if message.group_id is not None:
        entry["MessageGroupId"] = message.group_id
    if message.deduplication_id is not None:
        entry["MessageDeduplicationId"] = message.deduplication_id
    if message.delay_seconds is not None:
        entry["DelaySeconds"] = message.delay_seconds
    return entry


def _wire(attribute: Attribute) -> dict[str, Any]:
    key = "BinaryValue" if attribute.transport == "binary" else "StringValue"
    return {"DataType": attribute.data_type, key: attribute.value}


def to_answers(raw: Json, asked: int, *, hashes: Mapping[int, str] = NO_HASHES) -> list[EntryResult]:
    """An answer for each of *asked* entries, by position.

    In neither list, or in both, SQS has not said what became of the entry, so it is unknown. An id that nobody asked
    about is ignored. An accepted entry whose hash is not the one in *hashes* was stored damaged, which is no success.
    """
    accepted = {str(entry.get("Id")): entry for entry in _listed(raw, "Successful")}
    failed = {str(entry.get("Id")): entry for entry in _listed(raw, "Failed")}
    return [_answer(accepted.get(str(i)), failed.get(str(i)), hashes.get(i)) for i in range(asked)]


def _answer(accepted: Json | None, failed: Json | None, expected: str | None) -> EntryResult:
    if (accepted is None) == (failed is None):
        return UNKNOWN
    if failed is not None:
        # Blame that is not stated is not ours: asking again is the safe reading.
        blame = failed.get("SenderFault") is True
        return entry_failed(str(failed.get("Code", "")), blame, str(failed.get("Message", "")))
    stored = accepted.get("MD5OfMessageBody") if accepted else None
    return UNKNOWN if expected and stored and stored != expected else OK


def hashes_of(messages: Sequence[Outgoing]) -> dict[int, str]:
    """The hash that SQS should answer with, by position.

    Left out for a message with a deduplication id: if SQS drops it as a duplicate, the hash may be that of the first
    one, and taking that for damage would send it for ever.
    """
    return {i: md5(message.body) for i, message in enumerate(messages) if message.deduplication_id is None}


def _listed(raw: Json, key: str) -> Iterable[Json]:
    entries = raw.get(key) or []
    return [entry for entry in entries if isinstance(entry, dict)]


# ── the queue ───────────────────────────────────────────────────────────────────────────────────────────────────────


def to_queue_attributes(raw: Json, name: str) -> QueueAttributes:
    """What GetQueueAttributes answered; an attribute that an emulator leaves out gets SQS's default.

    Raises:
        ValueError: the ARN is missing or a number is none, so this is no answer of SQS.
    """
    values = raw.get("Attributes") or {}
    if not values.get("QueueArn"):
        raise ValueError("no QueueArn among the queue's attributes")
    return QueueAttributes(
        arn=str(values["QueueArn"]),
        visible=int(values.get("ApproximateNumberOfMessages", 0)),
        not_visible=int(values.get("ApproximateNumberOfMessagesNotVisible", 0)),
        delayed=int(values.get("ApproximateNumberOfMessagesDelayed", 0)),
        visibility_timeout=int(values.get("VisibilityTimeout", 30)),
        retention_seconds=int(values.get("MessageRetentionPeriod", 345_600)),
        max_message_bytes=int(values.get("MaximumMessageSize", MESSAGE_BYTES)),
        wait_seconds=int(values.get("ReceiveMessageWaitTimeSeconds", 0)),
        delay_seconds=int(values.get("DelaySeconds", 0)),
        fifo=name.endswith(".fifo"),
        redrive=_redrive(values.get("RedrivePolicy")),
    )


def _redrive(policy: str | None) -> Redrive | None:
    if not policy:
        return None
    try:
        read = json.loads(policy)
        return Redrive(str(read["deadLetterTargetArn"]), int(read["maxReceiveCount"]))
    except (KeyError, TypeError) as error:
        raise ValueError(f"the redrive policy is not understood: {policy[:200]}") from error
