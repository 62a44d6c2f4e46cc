"""Others: messages received while the sink is away, to tell its trouble from that of what is in hand.

Takes how many messages have failed and how many were received meanwhile; says whether one more may be. Numbers only.
"""

from __future__ import annotations

from typing import Final

OTHERS: Final = 30
"""Messages in hand, received one at a time, to find out whether any is taken: each of them costs a receive count if it
is given back in the end, so their number is bounded, for each outage."""
OTHERS_QUICK: Final = 20
OTHERS_SECONDS: Final = 10.0
"""The first of them follow each other quickly, the rest after pauses."""


class Others:
    """Those of one outage after another."""

    def __init__(self) -> None:
        self._received = 0  # written by begin and received
        self._next_at = 0.0  # loop time of the next of them, at the earliest; as _received

    def begin(self, now: float) -> None:
        """An outage begins."""
        self._received, self._next_at = 0, now

    def wanted(self, now: float, *, failed: int) -> bool:
        """All that is in hand has *failed*, so many messages: whether one more may be received, to be tried.

        With nothing left in hand one is always wanted, after a pause: else nobody would ever notice that it is back.
        """
        if now < self._next_at:
            return False
        return not failed or (failed < OTHERS and self._received < OTHERS)

    def received(self, now: float, count: int) -> None:
        """*count* messages came."""
        self._received += count
        self._next_at = now + (0.0 if self._received < OTHERS_QUICK else OTHERS_SECONDS)
