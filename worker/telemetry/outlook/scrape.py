"""The outlook of each queue as Prometheus families, read at the moment of a scrape.

What is not known has no sample; a queue that does not shrink is empty in `+Inf` seconds. The families have the label
`queue` too, because that is what dashboards, alerts and autoscalers go by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from prometheus_client.metrics_core import Metric

    from worker.telemetry.outlook.outlook import Outlook

LABELS: Final = ("pipeline", "queue")
_SAID: Final = {
    "capacity_messages_per_second": "Messages that this process finishes per second of work; idle time does not count.",
    "backlog_seconds": "Time this process alone would need for what is visible; divided by the time you want, it is"
    " the number of processes you need.",
    "arrivals_per_second": "Messages sent to the queue, as far as one process can tell: its growth and what left it"
    " here; a lower bound where several take from it.",
    "oldest_message_age_seconds": "Age of the oldest message handed out lately; it grows while what waits is not"
    " received.",
    "retention_left_seconds": "Time until SQS deletes that message unhandled.",
}
_DRAIN: Final = "Time until the queue is empty at the rates of the last minutes, and the bounds of that estimate."
_DOLLARS: Final = "What the requests to SQS cost, without free tier, discounts, transfer and keys."


class OutlookCollector(Collector):
    """Every pipeline."""

    def __init__(self, read: Callable[[], Mapping[tuple[str, str], Outlook]]) -> None:
        self._read = read
        """By pipeline and queue."""

    def describe(self) -> Iterable[Metric]:
        """The families without values, so that registering does not read."""
        return [*_levels().values(), _drain(), _dollars()]

    def collect(self) -> Iterable[Metric]:
        """As it is now."""
        levels, drain, dollars = _levels(), _drain(), _dollars()
        for labels, outlook in sorted(self._read().items()):
            for family, value in zip(levels.values(), _values(outlook), strict=True):
                if value is not None:
                    family.add_metric(labels, value)
            for bound in ("soonest", "expected", "latest"):
                seconds = getattr(outlook.empty, bound)
                if seconds is not None:
                    drain.add_metric([*labels, bound], seconds)
            dollars.add_metric(labels, outlook.dollars)
        return [*levels.values(), drain, dollars]


def _values(outlook: Outlook) -> tuple[float | None, ...]:
    """In the order of `_SAID`."""
    return (
        outlook.capacity_per_second,
        outlook.backlog_seconds,
        outlook.arrivals_per_second,
        outlook.oldest_seconds,
        outlook.retention_left_seconds,
    )


def _levels() -> dict[str, GaugeMetricFamily]:
    return {name: GaugeMetricFamily(f"sqs_worker_{name}", said, labels=LABELS) for name, said in _SAID.items()}


def _drain() -> GaugeMetricFamily:
    return GaugeMetricFamily("sqs_worker_drain_seconds", _DRAIN, labels=(*LABELS, "bound"))


def _dollars() -> CounterMetricFamily:
    return CounterMetricFamily("sqs_worker_request_dollars", _DOLLARS, labels=LABELS)
