"""The oldest message: how old the oldest is that a queue handed out lately.

Takes the send times of each receive; gives an age. GetQueueAttributes does not tell the age of the oldest message (only
CloudWatch does, minutes late), but what is received carries its own. Nothing is older than what a queue in order hands
out; a standard queue is nearly in order, so the oldest of a minute or two is close.
"""

from __future__ import annotations

from math import inf
from typing import Final

SPAN_SECONDS: Final = 60.0
"""The oldest of the present span and of the one before is told."""


class Oldest:
    """One pipeline. Written on the loop's thread; `age_seconds` is read on any."""

    def __init__(self) -> None:
        self._spans = (-inf, inf, inf)
        """When the present span began, and the earliest send time of it and of the one before. Replaced whole."""
        self._latest = -inf
        """Unix time of the latest message. Written by `received`."""

    def received(self, sent_at: tuple[float, ...], at: float) -> None:
        """Note what was received at Unix time *at*; 0 is said by servers that do not know."""
        if not sent_at or not sent_at[0]:
            return
        began, present, before = self._spans
        earliest = min(sent_at)
        if at - began < SPAN_SECONDS:
            self._spans = began, min(present, earliest), before
        else:
            self._spans = at, earliest, present if at - began < 2 * SPAN_SECONDS else inf
        self._latest = at

    def age_seconds(self, now: float, *, waiting: bool) -> float | None:
        """At Unix time *now*; None before anything was received while something is *waiting* in the queue.

        When nothing was received for a while, nothing was there, so the age is 0; or what is *waiting* is not
        received, and then the oldest grows older with each second.
        """
        _, present, before = self._spans
        if present == inf or now - self._latest >= 2 * SPAN_SECONDS:
            if not waiting:
                return 0.0
            if present == inf:
                return None
        return max(0.0, now - min(present, before))
