"""A message as PostgreSQL takes it: text without NUL, times as timestamptz, attributes as jsonb.

Takes a message, gives its values in the order of `COLUMNS`, or why no text of PostgreSQL can hold it. Pure.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from worker.codecs.codec import Reason
from worker.outcome import Rejected
from worker.sinks.columns import as_row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.message import Message

Values = tuple[str, str, datetime, datetime, int, str | None, str | None]
"""One message in the order of `COLUMNS`."""


def as_values(message: Message) -> Values | Rejected:
    """*message* for the table, or how it ends instead."""
    for what, text in _texts(message):
        if "\0" in text:
            return Rejected(Reason.NUL, f"{what} holds a NUL character, which PostgreSQL cannot store")
        if not text.isascii() and not _is_unicode(text):
            return Rejected(Reason.UNICODE, f"{what} holds a lone surrogate, which is no Unicode text")
    key, body, sent_at, received_at, receive_count, group_id, attributes = as_row(message)
    return key, body, _moment(sent_at), _moment(received_at), receive_count, group_id, attributes


def _texts(message: Message) -> Iterator[tuple[str, str]]:
    """Everything of *message* that becomes text, with its name."""
    yield "the key", message.key
    yield "the body", message.body
    if message.group_id is not None:
        yield "the group id", message.group_id
    for name, attribute in message.attributes.items():
        yield "an attribute's name", name
        yield "an attribute's type", attribute.data_type
        if isinstance(attribute.value, str):
            yield "an attribute", attribute.value


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
