"""The columns of a sink that was given no mapping: one place for their names, their order and their meaning.

Takes messages, gives rows or JSON-ready dictionaries. `message_id` holds the deduplication key, times are Unix seconds
with a fraction, `attributes` is an object `{name: {"data_type", "value"}}` (Binary in base64) or null.
"""

from __future__ import annotations

import json
from base64 import b64encode
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from worker import speedups
from worker.message import Message

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from worker.message import Attribute

COLUMNS: Final = ("message_id", "body", "sent_at", "received_at", "receive_count", "group_id", "attributes")
FILLED: Final = COLUMNS[:5]
"""Those that are never null. The others are null in nearly every row of a standard queue."""

_FIELDS: Final = ("key", "body", "sent_at", "received_at", "receive_count", "group_id", "attributes")
"""Of a message, in the order of `COLUMNS`."""
_PLACES: Final = tuple(map(Message._fields.index, _FIELDS))
_FILLED_PLACES: Final = _PLACES[: len(FILLED)]
_OTHER_PLACES: Final = _PLACES[len(FILLED) :]

Value = str | float | int | None
"""One column of one row."""
Row = tuple[str, str, float, float, int, str | None, str | None]
"""One message in the order of `COLUMNS`; the body as it was sent, the attributes as JSON text."""


class Rows(NamedTuple):
    """Rows of one table, as a statement takes them."""

    columns: tuple[str, ...]
    """`COLUMNS` without those that are null in every row."""
    values: list[Value]
    """Those of the first row in the order of *columns*, then those of the second, and so on."""


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
        _attributes_text(message.attributes),
    )


def as_values(messages: Sequence[Message]) -> Rows:
    """The rows of *messages* one behind the other: `as_row` for all, column by column, without columns of nulls alone.

    Each column is cut out of the fields of all messages in one step, in half the time of a tuple for each row.

    Raises:
        TypeError: an attribute holds no Unicode text, or a key is none: a statement would take its row for filling.
    """
    if (copied := speedups.values(messages, _FILLED_PLACES, _OTHER_PLACES)) is not None:
        return Rows(FILLED, copied)
    fields: list[Any] = list(chain.from_iterable(messages))
    *plain, attributes = (fields[place :: len(Message._fields)] for place in _PLACES)
    if None in plain[0]:
        raise TypeError("a message has no key")
    texts = [_attributes_text(some) if some else None for some in attributes]
    cells = dict(zip(COLUMNS, [*plain, texts], strict=True))
    columns = tuple(name for name in COLUMNS if name in FILLED or cells[name].count(None) < len(messages))
    return Rows(columns, _interleaved([cells[name] for name in columns]))


def _interleaved(columns: Sequence[Sequence[Value]]) -> list[Value]:
    """Row by row what is there column by column."""
    values: list[Value] = [None] * (len(columns) * len(columns[0]))
    for column, cells in enumerate(columns):
        values[column :: len(columns)] = cells
    return values


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


def as_json(record: Mapping[str, object]) -> bytes:
    """*record* as JSON. orjson takes no integer beyond 64 bits; for those the standard library keeps the digits.

    Raises:
        TypeError, ValueError, RecursionError: no JSON can hold it.
    """
    try:
        return orjson.dumps(record)
    except TypeError:
        return json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def as_attributes(attributes: Mapping[str, Attribute]) -> dict[str, dict[str, str]]:
    """*attributes* as plain values."""
    return {name: {"data_type": a.data_type, "value": _as_text(a.value)} for name, a in attributes.items()}


def _attributes_text(attributes: Mapping[str, Attribute]) -> str | None:
    return orjson.dumps(as_attributes(attributes)).decode() if attributes else None


def _as_text(value: str | bytes) -> str:
    return b64encode(value).decode() if isinstance(value, bytes) else value
