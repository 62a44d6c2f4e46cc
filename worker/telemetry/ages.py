"""A histogram of message ages that costs a fraction of a microsecond a message: the only per-message work in telemetry.

Takes the send times of a whole batch and the moment they are measured at; gives one Prometheus histogram by pipeline.
prometheus_client's own `observe` takes a lock and a walk over the buckets for each value, six times the price.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from math import fsum
from typing import TYPE_CHECKING, Final

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterable

BOUNDS: Final = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
    *(60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 14400.0, 43200.0, 86400.0, 345600.0),
)
"""From a queue that is kept empty to the four days of the default retention: a backlog has to be visible too."""
_LABELS: Final = [*(repr(b) for b in BOUNDS), "+Inf"]


class Ages(Collector):
    """One histogram family labelled by pipeline."""

    def __init__(self, name: str, documentation: str) -> None:
        self._name = name
        self._documentation = documentation
        self._counts: dict[str, list[int]] = {}
        """Messages by bucket. Written by `add` on the loop's thread, copied by `collect` on the server's."""
        self._sums: dict[str, float] = {}
        """Sum of the ages. Written and read with `_counts`."""

    def add(self, pipeline: str, sent_at: tuple[float, ...], at: float) -> None:
        """Count the ages at Unix time *at* of messages sent at *sent_at*."""
        counts = self._counts.get(pipeline)
        if counts is None:
            self._sums[pipeline] = 0.0
            counts = self._counts[pipeline] = [0] * len(_LABELS)
        for sent in sent_at:
            counts[bisect_left(BOUNDS, at - sent)] += 1
        # SQS's clock may be ahead of ours; a histogram's sum may not fall.
        self._sums[pipeline] += max(0.0, len(sent_at) * at - fsum(sent_at))

    def describe(self) -> Iterable[HistogramMetricFamily]:
        """The family without values, so that registering does not measure."""
        return [self._family()]

    def collect(self) -> Iterable[HistogramMetricFamily]:
        """The family as it is now."""
        family = self._family()
        for pipeline, counts in tuple(self._counts.items()):
            cumulated = [float(count) for count in accumulate(tuple(counts))]
            family.add_metric([pipeline], list(zip(_LABELS, cumulated, strict=True)), self._sums[pipeline])
        return [family]

    def _family(self) -> HistogramMetricFamily:
        return HistogramMetricFamily(self._name, self._documentation, labels=["pipeline"])
