"""The Prometheus families of the metrics that facts declare, and how a fact is booked in them.

Takes a registry and the metrics of a kind of fact; gives a function for each metric that books one. Metrics that are
equal share a family. The account of messages is in `scrape.py`.
"""

from __future__ import annotations

from operator import attrgetter
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

    from worker.facts import Fact
    from worker.facts.metric import Kind, Metric
    from worker.telemetry.dispatch import Act


class Families:
    """Makes a family when the first fact declares it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._made: dict[Metric, Collector] = {}

    def acts(self, metrics: Sequence[Metric]) -> list[Act]:
        """The functions that book a fact in the families of *metrics*, one for each.

        Raises:
            ValueError: another metric has the name of one of them.
        """
        return [_act(self._family(metric), metric) for metric in metrics]

    def _family(self, metric: Metric) -> Collector:
        if metric not in self._made:
            self._made[metric] = family = _MAKE[metric.kind](metric)
            self._registry.register(family)
            if isinstance(family, Numbers) and not metric.labels:
                family.of()  # there is but one, which is shown before anything has happened
        return self._made[metric]


def _act(family: Any, metric: Metric) -> Act:
    book = _BOOK[metric.kind](family, metric)
    if not metric.given:
        return book
    given = attrgetter(metric.given)

    def book_if_given(fact: Fact) -> None:
        if given(fact):
            book(fact)

    return book_if_given


def _key(names: Sequence[str]) -> Callable[[Fact], tuple[Any, ...]]:
    """The function that gives the attributes *names* of a fact."""
    if len(names) > 1:
        return attrgetter(*names)
    if not names:
        return lambda _fact: ()
    only = attrgetter(names[0])
    return lambda fact: (only(fact),)


def _count(family: Any, metric: Metric) -> Act:
    child = _child(family, metric)

    def count_one(fact: Fact) -> None:
        child(fact).value += 1

    if not metric.of:
        return count_one
    amount = attrgetter(*metric.of)

    def count(fact: Fact) -> None:
        child(fact).value += amount(fact)

    return count


def _set(family: Any, metric: Metric) -> Act:
    child, value = _child(family, metric), attrgetter(*metric.of)
    return lambda fact: child(fact).set(value(fact))


def _observe(family: Any, metric: Metric) -> Act:
    child, value = _child(family, metric), attrgetter(*metric.of)
    return lambda fact: child(fact).observe(value(fact))


def _child(family: Any, metric: Metric) -> Callable[[Fact], Any]:
    """The function that finds the child of a fact."""
    at, labels = family.at, metric.labels
    if len(labels) == 1:
        only = attrgetter(labels[0])
        return lambda fact: at[(only(fact),)]
    key = _key(labels)
    return lambda fact: at[key(fact)]


def _add(family: Any, metric: Metric) -> Act:
    arguments = _key((*metric.labels, *metric.of))
    return lambda fact: family.add(*arguments(fact))


def _set_each(family: Any, metric: Metric) -> Act:
    key, values = _key(metric.labels), _key(metric.of)

    def set_each(fact: Fact) -> None:
        for state, value in zip(metric.of, values(fact), strict=True):
            family.of(*key(fact), state).set(value)

    return set_each


def _inform(family: Any, metric: Metric) -> Act:
    key, values = _key(metric.labels), _key(metric.of)
    return lambda fact: family.labels(*key(fact)).info(dict(zip(metric.of, values(fact), strict=True)))


_BOOK: Final[Mapping[Kind, Callable[[Any, Metric], Act]]] = {
    "counter": _count,
    "gauge": _set,
    "histogram": _observe,
    "ages": _add,
    "depth": _set_each,
    "info": _inform,
}


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
