"""Identifiers: message ids that look like UUIDs, and receipt handles as long as Amazon's. Counters, seeded, no entropy.

`Ids` belongs to one loopback, `Handles` to one queue; both are pure apart from their counters and never end.
"""

from __future__ import annotations

import base64
from itertools import count
from typing import TYPE_CHECKING, Final

from worker.loopback.errors import SqsFault

if TYPE_CHECKING:
    import random

_TAG_BYTES: Final = 108
"""144 characters of base64: with the numbers a handle weighs what one of Amazon's short ones weighs on the wire."""


class Ids:
    """Message ids, request ids and tags, unique within one loopback and the same again for the same seed."""

    def __init__(self, rng: random.Random) -> None:
        bits = rng.getrandbits(28)
        self._middle = f"-{bits & 0xFFFF:04x}-4{bits >> 16:03x}-{'89ab'[rng.getrandbits(2)]}000-"
        self._rng = rng
        self._numbers = count(1)

    def next(self) -> str:
        """A fresh id in the form of a UUID; the last twelve digits suffice for nine years at a million a second.

        The first eight are random, as all of Amazon's: an index takes ids that come in order at a fifth of the price.
        """
        numbers = self._rng.getrandbits(32), self._middle, next(self._numbers)
        return "%08x%s%012x" % numbers  # noqa: UP031 - an f-string takes twice as long

    def tag(self) -> str:
        """A random text that marks the handles of one queue as its own."""
        return base64.b64encode(self._rng.randbytes(_TAG_BYTES)).decode()


class Handles:
    """Receipt handles of one queue: `AQEB` tag `+` message number `/` receipt number `==`."""

    def __init__(self, tag: str) -> None:
        self._prefix = "AQEB" + tag + "+"

    def write(self, number: int, receipt: int) -> str:
        """The handle of a message's *receipt*."""
        return "%s%x/%x==" % (self._prefix, number, receipt)  # noqa: UP031 - as above

    def read(self, handle: str) -> tuple[int, int]:
        """The message number and receipt number of a handle that this queue wrote."""
        if handle.startswith(self._prefix) and handle.endswith("=="):
            number, _, receipt = handle[len(self._prefix) : -2].partition("/")
            try:
                return int(number, 16), int(receipt, 16)
            except ValueError:
                pass
        raise SqsFault("ReceiptHandleIsInvalid", "The input receipt handle is invalid.")
