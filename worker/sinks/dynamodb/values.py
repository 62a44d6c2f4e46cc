"""A decoded value in DynamoDB's types, and its size as DynamoDB counts it. Pure.

`AttributeEncoder.encode` takes what codecs give (JSON's values, bytes, Decimal, dates, UUIDs) and gives an attribute
value; what cannot be stored without loss raises `Unstorable` with a reason. A number is stored as the shortest text
that reads back as the same: 38 digits, from 1e-130 to 9.99e125, and no NaN.
"""

from __future__ import annotations

from base64 import b64encode
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from worker.codecs.codec import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Attribute = dict[str, Any]
"""`{"S": "text"}`, as it stands in a request: bytes in base64."""

LEVELS: Final = 32
"""How deep maps and lists may be nested."""
_DIGITS: Final = 38
_LARGEST: Final = 125
_SMALLEST: Final = -130
"""Exponents of the first digit."""
_INTEGER_BITS: Final = 420
"""More than any number that can be stored; beyond it Python takes its time to write digits."""
_PLAIN: Final = 1e15
"""Floats from 1 up to here are written without an exponent."""
_CONTAINER_BYTES: Final = 3
_ELEMENT_BYTES: Final = 1


class Unstorable(ValueError):
    """No item can hold it; the message is for people, and without the value."""

    def __init__(self, reason: Reason, words: str) -> None:
        super().__init__(words)
        self.reason = reason


class AttributeEncoder:
    """Encodes the attributes of one item, and counts them."""

    def __init__(self) -> None:
        self.size = 0
        """Bytes of names and values so far, but for what `text` was told not to count."""

    def text(self, value: str) -> Attribute:
        """A text."""
        self.size += _bytes_of(value)
        return {"S": value}

    def name(self, value: str) -> str:
        """The name of an attribute, at the top or in a map."""
        self.size += _bytes_of(value)
        return value

    def encode(self, value: object, level: int = 0) -> Attribute:
        """Any value, below *level* maps and lists.

        Raises:
            Unstorable: it cannot be kept as it is.
        """
        way = _WAYS.get(type(value)) or _way_of(value)
        return way(self, value, level)

    def _string(self, value: str, _level: int) -> Attribute:
        return self.text(value)

    def _none(self, _value: None, _level: int) -> Attribute:
        self.size += 1
        return {"NULL": True}

    def _bool(self, value: bool, _level: int) -> Attribute:  # noqa: FBT001 - one of the ways
        self.size += 1
        return {"BOOL": value}

    def _integer(self, value: int, _level: int) -> Attribute:
        if value.bit_length() > _INTEGER_BITS:
            raise Unstorable(Reason.NUMBER, "a number has more digits than DynamoDB keeps")
        digits = str(value)
        significant = digits.lstrip("-").rstrip("0")
        return self._number(digits, len(significant), len(digits.lstrip("-")) - 1)

    def _float(self, value: float, level: int) -> Attribute:
        text = repr(value)
        if not 1 <= value < _PLAIN:
            return self._decimal(Decimal(text), level)
        whole, _, part = text.partition(".")
        digits = whole + part if part != "0" else whole
        return self._number(text, len(digits.rstrip("0")), len(whole) - 1)

    def _decimal(self, value: Decimal, _level: int) -> Attribute:
        if not value.is_finite():
            raise Unstorable(Reason.NUMBER, "NaN and infinity are no numbers of DynamoDB")
        if not value:
            return self._number("0", 0, 0)
        significant = "".join(map(str, value.as_tuple().digits)).strip("0")
        return self._number(str(value), len(significant), value.adjusted())

    def _number(self, text: str, significant: int, exponent: int) -> Attribute:
        if significant > _DIGITS:
            raise Unstorable(Reason.NUMBER, f"a number has more than {_DIGITS} digits, which DynamoDB does not keep")
        if not _SMALLEST <= exponent <= _LARGEST:
            raise Unstorable(Reason.NUMBER, "a number is too large or too small for DynamoDB")
        self.size += _bytes_of_number(significant, exponent, negative=text.startswith("-"))
        return {"N": text}

    def _binary(self, value: bytes, _level: int) -> Attribute:
        self.size += len(value)
        return {"B": b64encode(value).decode()}

    def _map(self, value: Mapping[Any, object], level: int) -> Attribute:
        _require(level)
        self.size += _CONTAINER_BYTES + _ELEMENT_BYTES * len(value)
        return {"M": {self.name(str(name)): self.encode(one, level + 1) for name, one in value.items()}}

    def _list(self, value: Sequence[object], level: int) -> Attribute:
        _require(level)
        self.size += _CONTAINER_BYTES + _ELEMENT_BYTES * len(value)
        return {"L": [self.encode(one, level + 1) for one in value]}

    def _moment(self, value: date | time, _level: int) -> Attribute:
        return self.text(value.isoformat())

    def _words(self, value: object, _level: int) -> Attribute:
        return self.text(str(value))


def _require(level: int) -> None:
    if level >= LEVELS:
        raise Unstorable(Reason.DEPTH, f"it is nested deeper than {LEVELS} levels, which DynamoDB does not take")


def _bytes_of_number(digits: int, exponent: int, *, negative: bool) -> int:
    """Two digits to a byte, counted from the point, a byte for the exponent and one for a minus."""
    if not digits:
        return 1
    straddles = digits % 2 == 0 and exponent % 2 == 0
    return 1 + (digits + 1) // 2 + straddles + negative


def _bytes_of(text: str) -> int:
    if text.isascii():
        return len(text)
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise Unstorable(Reason.UNICODE, "it holds a lone surrogate, which is no Unicode text") from None


_WAYS: Final[dict[type, Callable[[AttributeEncoder, Any, int], Attribute]]] = {
    str: AttributeEncoder._string,  # noqa: SLF001 - its own
    int: AttributeEncoder._integer,  # noqa: SLF001
    float: AttributeEncoder._float,  # noqa: SLF001
    bool: AttributeEncoder._bool,  # noqa: SLF001
    type(None): AttributeEncoder._none,  # noqa: SLF001
    dict: AttributeEncoder._map,  # noqa: SLF001
    list: AttributeEncoder._list,  # noqa: SLF001
    tuple: AttributeEncoder._list,  # noqa: SLF001
    bytes: AttributeEncoder._binary,  # noqa: SLF001
    bytearray: AttributeEncoder._binary,  # noqa: SLF001
    Decimal: AttributeEncoder._decimal,  # noqa: SLF001
    datetime: AttributeEncoder._moment,  # noqa: SLF001
    date: AttributeEncoder._moment,  # noqa: SLF001
    time: AttributeEncoder._moment,  # noqa: SLF001
    UUID: AttributeEncoder._words,  # noqa: SLF001
}


def _way_of(value: object) -> Callable[[AttributeEncoder, Any, int], Attribute]:
    """For a subclass of what is known."""
    found = next((way for kind, way in _WAYS.items() if isinstance(value, kind)), None)
    if found is None:
        raise Unstorable(Reason.SCHEMA, f"DynamoDB has no type for {type(value).__name__}")
    return found
