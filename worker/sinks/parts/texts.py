"""A message as a row of plain columns, for formats that hold Unicode text and whole microseconds.

The body is the text as it was sent, attributes are JSON. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.sinks.columns import as_row

if TYPE_CHECKING:
    from worker.message import Message

PlainRow = tuple[str, str, int, int, int, str | None, str | None]
"""In the order of `COLUMNS`; times are microseconds since 1970."""


def plain_row(message: Message) -> PlainRow:
    """*message* in columns.

    Raises:
        TypeError, UnicodeEncodeError: a text of it is no Unicode.
    """
    key, body, sent_at, received_at, receive_count, group_id, attributes = as_row(message)
    for text in (key, body, group_id):
        if text is not None and not text.isascii():
            text.encode()
    return key, body, _micros(sent_at), _micros(received_at), receive_count, group_id, attributes


def _micros(seconds: float) -> int:
    return round(seconds * 1_000_000)
