"""A message as a record of a stream, and which records go into one call. Pure.

`make_record` takes a message and gives a `Record`, or how the message ends instead. `next_call` takes what is not
stored yet, in its order, and gives what is to be put next.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from worker.codecs.codec import Reason
from worker.outcome import Rejected
from worker.sinks.columns import as_json, as_object

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worker.message import Message

KEY_CHARACTERS: Final = 256
_UNWRITABLE: Final = (TypeError, ValueError, RecursionError)
"""What JSON's encoders raise for a value that they cannot hold."""


@dataclass(frozen=True, slots=True)
class RecordLimits:
    """Of one service."""

    records: int
    """In a call."""
    call_bytes: int
    """Of all records of a call together. A single one may be larger."""
    record_bytes: int
    """Of a record, its partition key included."""


@dataclass(frozen=True, slots=True)
class Record:
    """One message, ready to be put."""

    id: str
    """Of the message, as SQS gave it."""
    partition_key: str
    """Records that share it are put one after the other where order is kept."""
    data: bytes
    size: int
    """Bytes of the data and the key."""


def make_record(message: Message, partition_key: str, limits: RecordLimits) -> Record | Rejected:
    """*message* as a JSON object of the seven columns, or how it ends instead."""
    try:
        data = as_json(as_object(message))
        key = fitted(partition_key)
    except _UNWRITABLE as error:
        return Rejected("sink-data", f"no record can hold it: {type(error).__name__}")
    size = len(data) + len(key.encode())
    if size > limits.record_bytes:
        words = f"a record of {size} bytes is larger than the {limits.record_bytes} that are taken"
        return Rejected(Reason.SIZE, words)
    return Record(message.id, key, data, size)


def fitted(key: str) -> str:
    """*key* if it can be a partition key, else its SHA-256 in hex: equal keys stay equal."""
    if 0 < len(key) <= KEY_CHARACTERS and key.isascii():
        return key
    return hashlib.sha256(key.encode()).hexdigest()


def next_call(waiting: Iterable[Record], limits: RecordLimits, *, in_order: bool) -> list[Record]:
    """The first of *waiting* that fit into a call; *in_order*: of each partition key only its first.

    A service may refuse one record of a call and take a later one. So a record waits until the one before it of its
    key is stored.
    """
    call: list[Record] = []
    keys: set[str] = set()
    size = 0
    for record in waiting:
        if in_order and record.partition_key in keys:
            continue
        if call and (len(call) == limits.records or size + record.size > limits.call_bytes):
            break
        call.append(record)
        keys.add(record.partition_key)
        size += record.size
    return call
