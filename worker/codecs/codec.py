"""What the worker asks of a format: a body in, a value out, or `DecodeError` with one of these reasons."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Reason(StrEnum):
    """Why a body was not decoded. A closed set: these become labels and travel in the dead letter."""

    EMPTY = "empty"
    DECODE = "decode"
    SCHEMA = "schema"
    NUMBER = "number"
    DEPTH = "depth"
    SIZE = "size"
    KEYS = "keys"
    UNICODE = "unicode"
    NUL = "nul"
    KEY = "key"


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """Bounds checked before the decoder sees a body, so that no body can hold the loop or the memory."""

    max_bytes: int = 1_048_576
    """SQS's own limit; a codec that inflates bounds its output by it as well."""
    max_depth: int = 64
    max_digits: int = 32
    """Digits of one integer, of a number's integer part, or of an exponent; what no double can hold never passes."""
    max_keys: int = 10_000
    """Members over all objects of one body."""
    max_nodes: int = 100_000
    """Values over the whole body: they cost 24-36 times their text in memory."""


class Codec(Protocol):
    """One format."""

    @property
    def name(self) -> str:
        """What `CODEC` calls it."""
        ...

    def decode(self, body: str) -> object:
        """The value of *body*. Pure and quick: never more than 250 ms on any body that SQS accepts.

        Raises:
            DecodeError: with a `Reason` and where in the body it was, never with the body itself.
        """
        ...
