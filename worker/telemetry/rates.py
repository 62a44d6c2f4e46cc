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


class Meter:
    """Events by the second."""

    def __init__(self, started: float) -> None:
        self._started = started
        self._slots: list[tuple[int, int]] = [(-1, 0)] * SLOTS
        """Second and count, replaced whole so that a reader never sees one without the other. Written by `add`."""

    def add(self, count: int, now: float) -> None:
        """Book *count* events."""
        second = int(now)
        stamp, before = self._slots[second % SLOTS]
        self._slots[second % SLOTS] = (second, before + count if stamp == second else count)

    def rate(self, window_seconds: int, now: float) -> float:
        """Events per second over the last *window_seconds* full seconds, or over the time since the start."""
        last = int(now)
        window = min(window_seconds, last - int(self._started))
        if window <= 0:
            return 0.0
        return sum(count for second, count in tuple(self._slots) if last - window <= second < last) / window


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
