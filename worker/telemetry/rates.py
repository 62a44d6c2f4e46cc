"""How fast: events by the second over the last minute, and a depth's slope over the last minutes.

Takes counts and the time of each; gives rates. Both are written by one thread and read by another without a lock: a
reader may miss the newest event, never more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SLOTS: Final = 64
"""Seconds that are kept: the minute that is asked for, and some room for the second being written."""
MEASURES: Final = 12
"""Depths kept for the slope. SQS's counts are approximate and late; a few minutes even that out."""


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


@dataclass(frozen=True, slots=True)
class Depth:
    """What the queue said of itself at one moment."""

    at: float
    visible: int
    not_visible: int
    delayed: int

    @property
    def total(self) -> int:
        """Everything that is not deleted."""
        return self.visible + self.not_visible + self.delayed


def slope(depths: tuple[Depth, ...]) -> float | None:
    """Messages per second by which the queue grows (or, negative, shrinks); None before a second measure.

    The queue's own slope holds the arrivals and the work of every other worker; our delete rate knows neither.
    """
    if len(depths) < 2 or depths[-1].at <= depths[0].at:  # noqa: PLR2004 - two points make a line
        return None
    return (depths[-1].total - depths[0].total) / (depths[-1].at - depths[0].at)


def seconds_to_empty(depths: tuple[Depth, ...]) -> float | None:
    """When the queue will be empty if it goes on as it did; None: it does not shrink, or nobody knows yet."""
    if depths and not depths[-1].total:
        return 0.0
    change = slope(depths)
    return depths[-1].total / -change if change is not None and change < 0 else None
