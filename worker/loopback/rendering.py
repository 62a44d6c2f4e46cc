"""Messages and answers as SQS's JSON.

Takes what the semantics give, gives dictionaries that orjson writes; pure.
"""

from __future__ import annotations

import base64
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeVar

from worker.loopback.accept import sequence_number
from worker.loopback.digest import attributes_md5
from worker.loopback.errors import SqsFault
from worker.loopback.faults import Omitted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from worker.loopback.messages import Sent, Stored
    from worker.loopback.moves import MoveTask
    from worker.loopback.params import ReceiveParams
    from worker.loopback.state import QueueState
    from worker.message import Attribute

Json = dict[str, object]
R = TypeVar("R")

_EVERY: Final = frozenset({"All", "*", ".*"})
_SENDER_ID: Final = "AIDALOOPBACKSQSSENDER"
"""Nobody signs in here, so everybody is the same sender."""


def received_json(queue: QueueState, messages: Sequence[Stored], asked: ReceiveParams) -> list[Json]:
    """Received messages with the attributes that were asked for."""
    fifo, system, attributes = queue.settings.fifo, asked.system, asked.attributes
    return [_message(one, system, attributes, fifo=fifo) for one in messages]


def _message(message: Stored, system: tuple[str, ...], attributes: Sequence[str], *, fifo: bool) -> Json:
    shown: Json = {
        "MessageId": message.id,
        "ReceiptHandle": message.handle,
        "MD5OfBody": message.md5,
        "Body": message.body,
    }
    if system:
        common = _common(system, message.sent_at, message.receive_count, message.first_received_at)
        special = _special(message, fifo=fifo)
        shown["Attributes"] = common | _asked(special, system) if special else common
    if attributes and message.attributes:
        chosen = _chosen(message.attributes, attributes)
        if chosen:
            shown["MessageAttributes"] = {name: _attribute(one) for name, one in chosen.items()}
            shown["MD5OfMessageAttributes"] = attributes_md5(chosen)
    return shown


@lru_cache(maxsize=64)
def _common(system: tuple[str, ...], sent_at: float, receive_count: int, first_received_at: float) -> dict[str, str]:
    """What every message has. Remembered, because the messages of a batch mostly have the same; nobody writes to it."""
    known = {
        "SenderId": _SENDER_ID,
        "SentTimestamp": str(int(sent_at * 1000)),
        "ApproximateReceiveCount": str(receive_count),
        "ApproximateFirstReceiveTimestamp": str(int(first_received_at * 1000)),
    }
    return _asked(known, system)


def _special(message: Stored, *, fifo: bool) -> dict[str, str]:
    """What some messages have."""
    known = {}
    if message.group_id is not None:
        known["MessageGroupId"] = message.group_id
    if fifo:
        known["SequenceNumber"] = sequence_number(message)
        known["MessageDeduplicationId"] = message.deduplication_id or ""
    if message.trace_header is not None:
        known["AWSTraceHeader"] = message.trace_header
    if message.source_arn is not None:
        known["DeadLetterQueueSourceArn"] = message.source_arn
    return known


def _asked(known: dict[str, str], system: tuple[str, ...]) -> dict[str, str]:
    return known if "All" in system else {name: known[name] for name in system if name in known}


def _chosen(attributes: Mapping[str, Attribute], asked: Sequence[str]) -> Mapping[str, Attribute]:
    if not _EVERY.isdisjoint(asked):
        return attributes
    prefixes = tuple(one[:-2] for one in asked if one.endswith(".*"))
    return {n: one for n, one in attributes.items() if n in asked or (prefixes and n.startswith(prefixes))}


def _attribute(attribute: Attribute) -> Json:
    if isinstance(attribute.value, bytes):
        return {"DataType": attribute.data_type, "BinaryValue": base64.b64encode(attribute.value).decode()}
    return {"DataType": attribute.data_type, "StringValue": attribute.value}


def sent_json(sent: Sent) -> Json:
    """The answer to a send; what does not apply is left out."""
    shown: Json = {"MessageId": sent.id, "MD5OfMessageBody": sent.md5}
    if sent.attributes_md5 is not None:
        shown["MD5OfMessageAttributes"] = sent.attributes_md5
    if sent.system_md5 is not None:
        shown["MD5OfMessageSystemAttributes"] = sent.system_md5
    if sent.sequence_number is not None:
        shown["SequenceNumber"] = sent.sequence_number
    return shown


def no_more(_: None) -> Json:
    """A batch entry that has nothing to say but its Id."""
    return {}


def batch_json(ids: Sequence[str], answers: Sequence[R | SqsFault | Omitted], show: Callable[[R], Json]) -> Json:
    """Both halves of a batch's answer."""
    if show is no_more and not any(answers):
        return {"Successful": [{"Id": name} for name in ids]}
    successful: list[Json] = []
    failed: list[Json] = []
    for name, answer in zip(ids, answers, strict=True):
        if isinstance(answer, SqsFault):
            code = answer.query_code
            failed.append({"Id": name, "SenderFault": answer.sender, "Code": code, "Message": answer.detail})
        elif not isinstance(answer, Omitted):
            successful.append({"Id": name, **show(answer)})
    return {"Successful": successful, "Failed": failed} if failed else {"Successful": successful}


def task_json(task: MoveTask) -> Json:
    """A move task; its handle only while it runs."""
    shown: Json = {
        "Status": task.status,
        "SourceArn": task.source.arn,
        "ApproximateNumberOfMessagesMoved": task.moved,
        "ApproximateNumberOfMessagesToMove": task.to_move,
        "StartedTimestamp": int(task.started_at * 1000),
    }
    optional = {
        "TaskHandle": task.handle if task.status == "RUNNING" else None,
        "DestinationArn": task.destination_arn,
        "MaxNumberOfMessagesPerSecond": task.rate,
        "FailureReason": task.failure,
    }
    return shown | {name: value for name, value in optional.items() if value is not None}
