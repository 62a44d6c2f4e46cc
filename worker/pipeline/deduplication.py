"""The deduplication key: what makes two deliveries the same record for a sink.

Takes the decoded value and its delivery, gives a text of at most 1,024 characters: the message id, or the field of the
body that `DEDUPLICATION_KEY` names. A text is its own key; a number is written behind a word, so that `1` and `"1"` are
two keys: of two messages with one key the later is deleted unwritten. Ends in `DecodeError(key)` when the field cannot
serve as a key.
"""

from __future__ import annotations

import json
from contextlib import suppress
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Final

from worker.codecs.codec import Reason
from worker.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.message import Delivery

KEY_CHARACTERS: Final = 1_024
"""Longest key: longer ones do not fit into the indexes of common databases."""
NUMBER: Final = "number:"
"""Stands before a key that is a number in the body."""
TEXT: Final = "text:"
"""Stands before a text that begins with one of these two words, and could be taken for a number else."""

_EVERY_DIGIT: Final = Context(prec=KEY_CHARACTERS)


def make_key(path: str | None) -> Callable[[object, Delivery], str]:
    """The function that finds the key: the message id for None, else the field at *path*, such as `order.id`.

    A redrive from a dead-letter queue changes the message id, a field of the body stays; FIFO queues use the message
    id as well, because one message keeps it over all its deliveries.
    """
    if path is None:
        return by_message_id
    names = tuple(path.split("."))
    if not all(names):
        raise ValueError(f"{path!r} is not a path: names joined by single dots, such as order.id")

    def by_field(value: object, delivery: Delivery) -> str:
        found = _field(value, names, path)
        if isinstance(found, float):
            return _checked(NUMBER + _digits(found, names, path, delivery), path)
        return _checked(_as_key(found, path), path)

    return by_field


def by_message_id(_value: object, delivery: Delivery) -> str:
    """The key unless a field of the body is one."""
    return delivery.message_id


def _field(value: object, names: tuple[str, ...], path: str) -> object:
    for name in names:
        if not isinstance(value, dict) or name not in value:
            raise DecodeError(Reason.KEY, f"{path} is missing at {name}")
        value = value[name]
    return value


def _as_key(value: object, path: str) -> str:
    """*value* as text. Booleans, nothing and nested values are out: they would make different messages one record."""
    if isinstance(value, str):
        if not value or value.isspace():
            raise DecodeError(Reason.KEY, f"{path} is empty")
        return TEXT + value if value.startswith((NUMBER, TEXT)) else value
    if isinstance(value, bool) or not isinstance(value, int):
        raise DecodeError(Reason.KEY, f"{path} is {type(value).__name__}; a text or a number is expected")
    return f"{NUMBER}{value}"


def _digits(value: float, names: tuple[str, ...], path: str, delivery: Delivery) -> str:
    """*value* with all digits of the body: numbers that differ only behind the seventeenth are one float."""
    with suppress(ValueError, DecodeError):  # the body of another codec, where the value is all there is
        exact = _field(json.loads(delivery.body, parse_float=Decimal), names, path)
        if isinstance(exact, Decimal) and exact != Decimal(repr(value)) and float(exact) == value:
            return str(_EVERY_DIGIT.normalize(exact))
    return repr(value)


def _checked(key: str, path: str) -> str:
    if len(key) > KEY_CHARACTERS:
        raise DecodeError(Reason.KEY, f"{path} has {len(key):,} characters, at most {KEY_CHARACTERS:,} are taken")
    return key
