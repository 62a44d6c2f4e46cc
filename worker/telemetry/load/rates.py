"""How fast: events by the second over the last minute.

Takes counts and the time of each; gives rates. Written by one thread and read by another without a lock: a reader may
miss the newest event, never more.
"""

from __future__ import annotations

from typing import Final

SLOTS: Final = 64
"""Seconds that are kept: the minute that is asked for, and some room for the second being written."""


class BySecond:
    """Amounts by the second of the clock in which they fell."""

    def __init__(self) -> None:
        self._newest: list[float] = [-1, 0.0]
        """A second and its amount: a record keeps its second, so a reader never sees one with the amount of another.
        Written by `_book`, as the next two; the amount by `add` too."""
        self._second = -1.0
        """That of the newest record, at hand."""
        self._slots: list[list[float]] = [self._newest] * SLOTS
        """The records of the last seconds, round and round."""

    def total(self, window_seconds: int, now: float) -> float:
        """The sum over the last *window_seconds* full seconds."""
        last = int(now)
        return sum(amount for second, amount in tuple(self._slots) if last - window_seconds <= second < last)

    def _book(self, amount: float, second: int) -> None:
        slot = second % SLOTS
        record = self._slots[slot]
        if record[0] != second:
            record = self._slots[slot] = [second, 0.0]
        record[1] += amount
        if second > self._second:
            self._newest, self._second = record, float(second)


class Meter(BySecond):
    """Events by the second."""

    def __init__(self, started: float) -> None:
        super().__init__()
        self._started = started

    def add(self, count: int, now: float) -> None:
        """Book *count* events."""
        if 0.0 <= now - self._second < 1.0:  # all but the first of a second
            self._newest[1] += count
        else:
            self._book(count, int(now))

    def rate(self, window_seconds: int, now: float) -> float:
        """Events per second over the last *window_seconds* full seconds, or over the time since the start."""
        window = min(window_seconds, int(now) - int(self._started))
        return self.total(window, now) / window if window > 0 else 0.0
