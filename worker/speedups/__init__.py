"""Fast paths in C for two steps that look at every byte of a message: reading an answer, proving a body harmless.

Each gives exactly what Python gives for what nearly always comes, in a third of the time or less, and says None or
False to all else: then its caller takes the way in Python. So nothing depends on the extension but the CPU, and where
no compiler was at hand when the worker was installed, every answer takes the way in Python (`BUILT` is false).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from worker.message import Delivery

try:
    from worker.speedups import _speedups
except ImportError:
    BUILT = False

    def deliveries(body: bytes | bytearray, leased_at: float, received_at: float, /) -> list[Delivery] | None:  # noqa: ARG001 - as both
        """What `native.read.received` makes of *body*, if no message is damaged and no attribute holds bytes."""
        return None

    def harmless(body: str, longest: int, deepest: int, digits: int, /) -> bool:  # noqa: ARG001
        """Proof that *body* is ASCII of at most *longest* characters, *deepest* brackets and *digits* in a row."""
        return False

else:
    BUILT = True
    deliveries = _speedups.deliveries
    harmless = _speedups.harmless

__all__ = ["BUILT", "deliveries", "harmless"]
