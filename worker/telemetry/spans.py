"""Where time went: seconds spent on one thing, by the second of the clock in which they were spent.

Takes spans that ended now; gives their sum over the last minute. A span of many seconds is booked to all of them, so a
long poll or a job of minutes does not look like a burst. Written by one thread, read by another without a lock, as
`rates.Meter` is.
"""

from __future__ import annotations

from typing import Final

from worker.telemetry.rates import SLOTS

LONGEST_SECONDS: Final = SLOTS - 2.0
"""Of a span that is booked: what was before is out of the window, and would come round onto the newest second."""


class Spans:
    """Seconds by the second. Several at a time may be spent in one: the sum is of all who spend them."""

    def __init__(self) -> None:
        self._slots: list[tuple[int, float]] = [(-1, 0.0)] * SLOTS
        """Second and seconds spent, replaced whole: a reader never sees one without the other. Written by `add`."""

    def add(self, seconds: float, now: float) -> None:
        """Book *seconds* that ended at *now*."""
        second = int(now)
        inside = now - second
        if seconds <= inside:
            self._book(second, seconds)
            return
        self._book(second, inside)
        left = min(seconds, LONGEST_SECONDS) - inside
        while left > 0:
            second -= 1
            self._book(second, min(1.0, left))
            left -= 1.0

    def total(self, window_seconds: int, now: float) -> float:
        """Seconds spent in the last *window_seconds* full seconds."""
        last = int(now)
        return sum(spent for second, spent in tuple(self._slots) if last - window_seconds <= second < last)

    def _book(self, second: int, seconds: float) -> None:
        stamp, before = self._slots[second % SLOTS]
        self._slots[second % SLOTS] = (second, before + seconds if stamp == second else seconds)
