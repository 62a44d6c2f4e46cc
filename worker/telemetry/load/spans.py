"""Where time went: seconds spent on one thing, by the second of the clock in which they were spent.

Takes spans that ended now; gives their sum over the last minute. A span of many seconds is booked to all of them, so a
long poll or a job of minutes does not look like a burst. Written by one thread, read by another without a lock, as
`rates.Meter` is.
"""

from __future__ import annotations

from typing import Final

from worker.telemetry.load.rates import SLOTS, BySecond

LONGEST_SECONDS: Final = SLOTS - 2.0
"""Of a span that is booked: what was before is out of the window, and would come round onto the newest second."""


class Spans(BySecond):
    """Seconds by the second. Several at a time may be spent in one: the sum is of all who spend them."""

    def add(self, seconds: float, now: float) -> None:
        """Book *seconds* that ended at *now*."""
        if seconds <= now - self._second < 1.0:  # nearly all: short, and not the first of a second
            self._newest[1] += seconds
        else:
            self._spread(seconds, now)

    def _spread(self, seconds: float, now: float) -> None:
        """Book *seconds* to all the seconds of the clock that they fell into."""
        second = int(now)
        inside = now - second
        if seconds <= inside:
            self._book(seconds, second)
            return
        self._book(inside, second)
        left = min(seconds, LONGEST_SECONDS) - inside
        while left > 0:
            second -= 1
            self._book(min(1.0, left), second)
            left -= 1.0
