"""What a fact counts as: a metric, as it is declared beside the fact. A value, of which telemetry makes a family."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PREFIX = "sqs_worker_"
QUEUE_STATES = ("visible", "not_visible", "delayed")
"""Fields of a fact that tells the depth of a queue, and values of the label `state`."""

Kind = Literal["counter", "gauge", "histogram", "ages", "depth", "info"]
"""counter: a sum · gauge: the latest value · histogram: a value for each fact · ages: a value for each message, since
it was sent · depth: a gauge for each state of a queue, shown while it is current · info: texts."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One family, and what a fact books in it. Facts with equal declarations share a family."""

    kind: Kind
    name: str
    """In full, without Prometheus's `_total` and `_info`."""
    documentation: str
    labels: tuple[str, ...]
    """Attributes of the fact; for a depth `state` comes behind them."""
    of: tuple[str, ...] = ()
    """Attributes with the values; without one a counter counts facts. Of ages: when each was sent, and the present."""
    given: str = ""
    """An attribute: where it is 0, nothing is booked."""
    bounds: tuple[float, ...] = ()
    """Of the buckets of a histogram, in rising order."""
