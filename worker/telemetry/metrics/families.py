"""The Prometheus families of the metrics that facts declare, and how a fact is booked in them.

Takes a registry and the metrics of a kind of fact; gives the function that books one. Metrics that are equal share a
family. The account of messages is in `scrape.py`.

The function is written out as source, a line for each metric: it runs for every batch and every request, and closures
that look labels and values up by name take twice as long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from prometheus_client import Info
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from worker.telemetry.metrics.ages import Ages
from worker.telemetry.metrics.current import Currents
from worker.telemetry.metrics.series import Numbers, Spreads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from prometheus_client import CollectorRegistry
    from prometheus_client.registry import Collector

    from worker.facts.metric import Kind, Metric
    from worker.telemetry.dispatch import Act


class Families:
    """Makes a family when the first fact declares it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._made: dict[Metric, Collector] = {}

    def act(self, metrics: Sequence[Metric]) -> Act:
        """The function that books a fact in the families of all *metrics*.

        Raises:
            ValueError: another metric has the name of one of them.
        """
        known: dict[str, Any] = {f"family_{n}": self._family(metric) for n, metric in enumerate(metrics)}
        exec(source(metrics), known)  # noqa: S102 - names of attributes, which the facts have; see above
        act: Act = known["book"]
        return act

    def _family(self, metric: Metric) -> Collector:
        if metric not in self._made:
            self._made[metric] = family = _MAKE[metric.kind](metric)
            self._registry.register(family)
            if isinstance(family, Numbers) and not metric.labels:
                family.of()  # there is but one, which is shown before anything has happened
        return self._made[metric]


def source(metrics: Sequence[Metric]) -> str:
    """The function that books a fact, as text: `family_0` is the family of the first metric."""
    lines = [f"    {_when(metric)}{line}" for n, metric in enumerate(metrics) for line in _lines(f"family_{n}", metric)]
    return "\n".join(["def book(fact):", *lines])


def _when(metric: Metric) -> str:
    return f"if fact.{metric.given}: " if metric.given else ""


def _lines(family: str, metric: Metric) -> list[str]:
    values = [f"fact.{name}" for name in metric.of]
    labels = "".join(f"fact.{name}, " for name in metric.labels)
    child = f"{family}.at[({labels})]"
    match metric.kind:
        case "counter":
            return [f"{child}.value += {values[0] if values else 1}"]
        case "gauge":
            return [f"{child}.set({values[0]})"]
        case "histogram":
            return [f"{child}.observe({values[0]})"]
        case "ages":
            return [f"{family}.add({labels}{', '.join(values)})"]
        case "depth":
            states = zip(metric.of, values, strict=True)
            return [f"{family}.of({labels}{state!r}).set({value})" for state, value in states]
        case "info":
            texts = ", ".join(f"{name!r}: {value}" for name, value in zip(metric.of, values, strict=True))
            return [f"{family}.labels({labels}).info({{{texts}}})"]


def _depth(metric: Metric) -> Collector:
    return Currents(GaugeMetricFamily, metric.name, metric.documentation, [*metric.labels, "state"])


_MAKE: Final[Mapping[Kind, Callable[[Metric], Collector]]] = {
    "counter": lambda m: Numbers(CounterMetricFamily, m.name, m.documentation, m.labels),
    "gauge": lambda m: Numbers(GaugeMetricFamily, m.name, m.documentation, m.labels),
    "histogram": lambda m: Spreads(m.name, m.documentation, m.labels, m.bounds),
    "ages": lambda m: Ages(m.name, m.documentation),
    "depth": _depth,
    "info": lambda m: Info(m.name, m.documentation, m.labels, registry=None),
}
