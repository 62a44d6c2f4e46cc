"""Where a queue is going: how fast it grows or shrinks, how much is sent to it, and when it will be empty.

Takes its depth at the last measures; gives a straight line through them, with how far the line may be wrong. SQS's
counts are approximate and late, so a guess without its spread would look better than it is. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, sqrt
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

MEASURES: Final = 12
"""Depths kept: three minutes while there is work. More would take longer to see a change."""
SURE: Final = 2.0
"""Standard errors to either side: 95 of 100 lines are inside."""
_LINE: Final = 2
"""Points that a line takes; only more of them say how far it may be wrong."""


@dataclass(frozen=True, slots=True)
class Depth:
    """What the queue said of itself at one moment."""

    at: float
    visible: int
    not_visible: int
    delayed: int
    removed: int = 0
    """Messages that this process had taken out of the queue by then."""

    @property
    def total(self) -> int:
        """Everything that is not deleted."""
        return self.visible + self.not_visible + self.delayed


@dataclass(frozen=True, slots=True)
class Line:
    """A rate, and how far it may be wrong to either side; None: nobody can say yet."""

    per_second: float
    wrong_by: float | None


@dataclass(frozen=True, slots=True)
class Empty:
    """Seconds until the queue is empty if it goes on like this: inf when it does not shrink, None when nobody knows."""

    soonest: float | None = None
    expected: float | None = None
    latest: float | None = None


def growth(depths: Sequence[Depth]) -> Line | None:
    """Messages per second by which the queue grows (or, negative, shrinks); None before a second measure.

    The queue's own slope holds the arrivals and the work of every other worker; our delete rate knows neither.
    """
    return _line([(depth.at, float(depth.total)) for depth in depths])


def arrivals(depths: Sequence[Depth]) -> float | None:
    """Messages sent each second, as far as one process can tell: what the queue grew by, and what was taken out here.

    What other workers take out at the same time is missing, so it is the least there can be.
    """
    line = _line([(depth.at, float(depth.total + depth.removed)) for depth in depths])
    return None if line is None else max(0.0, line.per_second)


def empty(depths: Sequence[Depth]) -> Empty:
    """When the queue will be empty, with the spread of that."""
    if depths and not depths[-1].total:
        return Empty(0.0, 0.0, 0.0)
    line = growth(depths)
    if line is None:
        return Empty()
    left, change, wrong_by = depths[-1].total, line.per_second, line.wrong_by
    expected = _until(left, change)
    if wrong_by is None:
        return Empty(expected=expected)
    return Empty(_until(left, change - wrong_by), expected, _until(left, change + wrong_by))


def _until(left: int, change: float) -> float:
    return left / -change if change < 0 else inf


def _line(points: Sequence[tuple[float, float]]) -> Line | None:
    """The least squares through *points*."""
    count = len(points)
    if count < _LINE or points[-1][0] <= points[0][0]:
        return None
    mean_x, mean_y = (sum(values) / count for values in zip(*points, strict=True))
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    if count == _LINE:
        return Line(slope, None)
    missed = sum((y - mean_y - slope * (x - mean_x)) ** 2 for x, y in points)
    return Line(slope, SURE * sqrt(missed / (count - _LINE) / spread))
