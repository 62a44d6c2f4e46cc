"""Fast paths in C for what is done for every message: reading it, proving its body harmless, copying its fields.

Each gives exactly what Python gives for what nearly always comes, in a third of the time or less, and says None or
False to all else: then its caller takes the way in Python. So nothing depends on the extension but the CPU, and where
no compiler was at hand when the worker was installed, every answer takes the way in Python (`BUILT` is false).
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

    def answer(data: bytes, /) -> tuple[dict[bytes, bytes], bytes] | None:  # noqa: ARG001 - as all
        """Headers and body, if *data* is the whole of a 200 that is kept alive and no more; see `AnswerReader`."""
        return None

    def deletion(head: bytes, deliveries: Sequence[Delivery], /) -> bytes | None:  # noqa: ARG001
        """*head*, and behind it the entries that delete *deliveries*, if their handles are plain text; see `native`."""
        return None

    def deliveries(body: bytes | bytearray, leased_at: float, received_at: float, /) -> list[Delivery] | None:  # noqa: ARG001
        """What `native.read.received` makes of *body*, if no message is damaged and no attribute holds bytes."""
        return None

    def harmless(body: str, longest: int, deepest: int, digits: int, /) -> bool:  # noqa: ARG001
        """Proof that *body* is ASCII of at most *longest* characters, *deepest* brackets and *digits* in a row."""
        return False

    def messages(deliveries: Sequence[Delivery], values: Sequence[object], now: float, /) -> list[Message] | None:  # noqa: ARG001
        """`message_of` for *deliveries* and their decoded *values*, keyed by message id, if all leases live.

        None also where an attribute says that one of them was a dead letter.
        """
        return None

    def values(
        messages: Sequence[Message],  # noqa: ARG001
        filled: tuple[int, ...],  # noqa: ARG001
        empty: tuple[int, ...],  # noqa: ARG001
        /,
    ) -> list[str | float | int | None] | None:
        """The fields at the places *filled* of all *messages* in one list, if there is nothing at the places *empty*.

        The first place of *filled* has to hold a text.
        """
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
