"""The columns of a sink that was given no mapping: one place for their names, their order and their meaning.

Takes messages, gives rows or JSON-ready dictionaries. `message_id` holds the deduplication key, times are Unix seconds
with a fraction, `attributes` is an object `{name: {"data_type", "value"}}` (Binary in base64) or null.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from worker.message import Attribute, Message

COLUMNS: Final = ("message_id", "body", "sent_at", "received_at", "receive_count", "group_id", "attributes")

Row = tuple[str, str, float, float, int, str | None, str | None]
"""One message in the order of `COLUMNS`; the body as it was sent, the attributes as JSON text."""


def as_row(message: Message) -> Row:
    """*message* for a table.

    Raises:
        TypeError: an attribute holds no Unicode text.
    """
    return (
        message.key,
        message.body,
        message.sent_at,
        message.received_at,
        message.receive_count,
        message.group_id,
        orjson.dumps(as_attributes(message.attributes)).decode() if message.attributes else None,
    )


def as_object(message: Message) -> dict[str, object]:
    """*message* for a line of JSON: the same columns, with the decoded value as `body`."""
    return {
        "message_id": message.key,
        "body": message.value,
        "sent_at": message.sent_at,
        "received_at": message.received_at,
        "receive_count": message.receive_count,
        "group_id": message.group_id,
        "attributes": as_attributes(message.attributes) if message.attributes else None,
    }


def as_attributes(attributes: dict[str, Attribute]) -> dict[str, dict[str, str]]:
    """*attributes* as plain values."""
    return {name: {"data_type": a.data_type, "value": _as_text(a.value)} for name, a in attributes.items()}


def _as_text(value: str | bytes) -> str:
    return b64encode(value).decode() if isinstance(value, bytes) else value
