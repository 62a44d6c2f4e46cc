"""The usual case, in C: six steps that are taken for every answer or message, done in a third of the time or less.

Each function answers for what nearly always comes, with exactly the result of the careful way in Python, and says None
or False to all else: then its caller takes that way. So nothing depends on the extension but the CPU, and where no
compiler was at hand when the worker was installed, every answer takes the careful way (`BUILT` is false).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.message import Delivery, Message

try:
    from worker.speedups import _speedups
except ImportError:
    BUILT = False

    def answer(data: bytes, /) -> tuple[dict[bytes, bytes], bytes] | None:  # noqa: ARG001 - as all six
        """Headers and body, if *data* is the whole of a 200 that is kept alive and no more; see `AnswerReader`."""
        return None

    def deletion(head: bytes, deliveries: Sequence[Delivery], /) -> bytes | None:  # noqa: ARG001
        """*head*, and behind it the entries that delete *deliveries*, if their handles are plain text; see `native`."""
        return None

    def deliveries(body: bytes | bytearray, leased_at: float, received_at: float, /) -> list[Delivery] | None:  # noqa: ARG001
        """What `native_read.received` makes of *body*, if every message in it is undamaged and of the simplest kind."""
        return None

    def harmless(body: str, longest: int, deepest: int, digits: int, /) -> bool:  # noqa: ARG001
        """Proof that *body* is ASCII of at most *longest* characters, *deepest* brackets and *digits* in a row."""
        return False

    def messages(deliveries: Sequence[Delivery], values: Sequence[object], now: float, /) -> list[Message] | None:  # noqa: ARG001
        """What `handle` makes of *deliveries* and their decoded *values*, keyed by message id, if all leases live.

        None also where an attribute says that one of them was a dead letter.
        """
        return None

    def values(messages: Sequence[Message], /) -> list[str | float | int | None] | None:  # noqa: ARG001
        """The values that `columns.as_values` makes of *messages*, if none of them has a group or attributes."""
        return None

else:
    BUILT = True
    answer = _speedups.answer
    deletion = _speedups.deletion
    deliveries = _speedups.deliveries
    harmless = _speedups.harmless
    messages = _speedups.messages
    values = _speedups.values

__all__ = ["BUILT", "answer", "deletion", "deliveries", "harmless", "messages", "values"]
