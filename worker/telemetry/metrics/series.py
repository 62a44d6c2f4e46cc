"""Families of numbers and of histograms whose children are written by the loop's thread alone, so without a lock.

Takes values with their labels; gives Prometheus families at a scrape. prometheus_client's own children take a lock for
each value and walk over the buckets, six times the price. Label values are bounded: whatever a handler or a server
invents, a family never grows past `CHILDREN_MAX` children, the rest is `other`.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from bisect import bisect_left
from itertools import accumulate
from math import inf
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from worker.telemetry.memo import Memo

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from prometheus_client.metrics_core import Metric

    Plain = CounterMetricFamily | GaugeMetricFamily

CHILDREN_MAX: Final = 200
LABEL_CHARACTERS: Final = 64
OTHER: Final = "other"
_ODD: Final = re.compile(r"[^A-Za-z0-9_.:-]")


def label(value: str | bool) -> str:  # noqa: FBT001 - a value, no switch
    """*value* as a label: short, and of plain characters only; `yes` or `no` where it is one of two."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _ODD.sub("_", value)[:LABEL_CHARACTERS] or "none"


class Number:
    """A count or a level. Written on the loop's thread, read at a scrape."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def inc(self, amount: float = 1) -> None:
        """Count *amount* more."""
        self.value += amount

    def set(self, value: float) -> None:
        """The level is *value* now."""
        self.value = value


class Spread:
    """A histogram. Written on the loop's thread; a scrape may see a value in a bucket and not yet in the sum."""

    __slots__ = ("_bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        """Values by bucket, not cumulated; the last is that of all above the bounds."""
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count *value*."""
        self.counts[bisect_left(self._bounds, value)] += 1
        self.sum += value

    def observe_ages(self, sent_at: Sequence[float], at: float) -> None:
        """Count the ages at Unix time *at* of messages sent at *sent_at*, one of them at least.

        Sorting and searching are done in C, and a batch falls into few buckets: there is no step for each message.
        """
        bounds, counts, ordered = self._bounds, self.counts, sorted(sent_at)
        count, counted = len(ordered), 0
        bucket = bisect_left(bounds, at - ordered[0])  # that of the oldest; the others are in it or below
        while bucket and (older := bisect_left(ordered, at - bounds[bucket - 1])) < count:
            counts[bucket] += older - counted
            counted = older
            bucket -= 1
        counts[bucket] += count - counted
        # Good to some microseconds a message, and SQS tells the time in milliseconds: `fsum` costs four times as much.
        ages = count * at - sum(ordered)
        if ages > 0:  # SQS's clock may be ahead of ours; a histogram's sum may not fall
            self.sum += ages


S = TypeVar("S", Number, Spread)


class Labelled(Collector, Generic[S]):
    """A family with its children at hand. The label that may be invented by others stands last."""

    def __init__(self, name: str, documentation: str, labels: Sequence[str]) -> None:
        self._name = name
        self._documentation = documentation
        self._labels = labels
        self.at: Memo[tuple[str, ...], S] = Memo(self._child, most=CHILDREN_MAX)
        """`of` without a call, for the facts that come with every batch: children by the labels asked for."""
        self._shown: dict[tuple[str, ...], S] = {}
        """Children by the labels they are shown with. Written by `_child`; `collect` reads a copy on its thread."""

    def of(self, *labels: str) -> S:
        """The child for *labels*."""
        return self.at[labels]

    def describe(self) -> Iterable[Metric]:
        """The family without values, so that registering does not read."""
        return [self._family()]

    def _child(self, labels: tuple[str, ...]) -> S:
        if len(self.at) >= CHILDREN_MAX:  # `at` is full and holds no more, or the unbounded names would fill that
            labels = (*labels[:-1], OTHER)
        plain = tuple(map(label, labels))
        child = self._shown.get(plain)
        if child is None:
            child = self._shown[plain] = self._new()
        return child

    @abstractmethod
    def _family(self) -> Metric: ...

    @abstractmethod
    def _new(self) -> S: ...


class Numbers(Labelled[Number]):
    """Counters or gauges, as *kind* says."""

    def __init__(self, kind: type[Plain], name: str, documentation: str, labels: Sequence[str]) -> None:
        super().__init__(name, documentation, labels)
        self._kind = kind

    def collect(self) -> Iterable[Metric]:
        """The family as it is now."""
        family = self._family()
        for labels, child in tuple(self._shown.items()):
            family.add_metric(labels, child.value)
        return [family]

    def _family(self) -> Plain:
        return self._kind(self._name, self._documentation, labels=self._labels)

    def _new(self) -> Number:
        return Number()


class Spreads(Labelled[Spread]):
    """Histograms with the same *bounds*, in rising order."""

    def __init__(self, name: str, documentation: str, labels: Sequence[str], bounds: Iterable[float]) -> None:
        super().__init__(name, documentation, labels)
        self._bounds = tuple(map(float, bounds))
        self._le = [floatToGoString(b) for b in (*self._bounds, inf)]  # type: ignore[no-untyped-call] # the library's

    def collect(self) -> Iterable[Metric]:
        """The family as it is now."""
        family = self._family()
        for labels, child in tuple(self._shown.items()):
            cumulated = [float(count) for count in accumulate(tuple(child.counts))]
            family.add_metric(labels, list(zip(self._le, cumulated, strict=True)), child.sum)
        return [family]

    def _family(self) -> HistogramMetricFamily:
        return HistogramMetricFamily(self._name, self._documentation, labels=self._labels)

    def _new(self) -> Spread:
        return Spread(self._bounds)
