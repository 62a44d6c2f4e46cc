"""The deduplication key: what makes two deliveries the same record for a sink.

Takes the decoded value and its delivery, gives a text of at most 1,024 characters: the message id, or the field of the
body that `DEDUPLICATION_KEY` names. Ends in `DecodeError(key)` when the field cannot serve as a key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.codecs.codec import Reason
from worker.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.message import Delivery

KEY_CHARACTERS: Final = 1_024
"""Longest key: longer ones do not fit into the indexes of common databases."""


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
    return lambda value, _delivery: _as_key(_field(value, names, path), path)


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
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise DecodeError(Reason.KEY, f"{path} is {type(value).__name__}; a text or a number is expected")
    key = str(value)
    if not key or key.isspace():
        raise DecodeError(Reason.KEY, f"{path} is empty")
    if len(key) > KEY_CHARACTERS:
        raise DecodeError(Reason.KEY, f"{path} has {len(key):,} characters, at most {KEY_CHARACTERS:,} are taken")
    return key
