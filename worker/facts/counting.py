"""How a fact says what it counts as: a line above it for each metric, or one that says why it has none.

Names go without `sqs_worker_`, and the label `pipeline` comes by itself where a fact has one. What handlers or servers
may invent (`code`, `reason`) is the last label, which telemetry bounds. A line that names what the fact has not is a
TypeError when the fact is defined.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from worker.facts.fact import Fact
from worker.facts.metric import PREFIX, QUEUE_STATES, Metric

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.facts.metric import Kind

F = TypeVar("F", bound=Fact)


class Above:
    """What stands above a fact, or above several that share a metric."""

    def __init__(self, declare: Callable[[type[Fact]], None]) -> None:
        self._declare = declare

    def __call__(self, kind: type[F]) -> type[F]:
        """Declare it, and give the fact back."""
        self._declare(kind)
        return kind


def counter(name: str, documentation: str, *labels: str, adds: str = "", given: str = "") -> Above:
    """Counts facts, or adds up the numbers in *adds*; only where *given* is not 0."""
    return _above("counter", name, documentation, labels, of=_some(adds), given=given)


def gauge(name: str, documentation: str, *labels: str, shows: str, given: str = "") -> Above:
    """Shows the latest number in *shows*; only those where *given* is not 0."""
    return _above("gauge", name, documentation, labels, of=(shows,), given=given)


def histogram(name: str, documentation: str, *labels: str, of: str, bounds: tuple[float, ...]) -> Above:
    """Sorts the numbers in *of* into buckets with these *bounds*."""
    return _above("histogram", name, documentation, labels, of=(of,), bounds=bounds)


def ages(name: str, documentation: str, *, since: str, until: str) -> Above:
    """Sorts each message of a fact by its age: Unix times in *since*, seen from the one in *until*."""
    return _above("ages", name, documentation, (), of=(since, until))


def depth(name: str, documentation: str, *labels: str) -> Above:
    """Shows how many messages a queue has in each state; *name* is the full one, *labels* are all but `state`."""
    declared = Metric("depth", name, documentation, labels, of=QUEUE_STATES)
    return Above(lambda kind: _declare(kind, declared))


def info(name: str, documentation: str, *of: str) -> Above:
    """Shows the texts in *of*."""
    return _above("info", name, documentation, (), of=of)


def uncounted(why: str) -> Above:
    """The log alone tells of the fact; *why* is for those who look for its number."""

    def declare(kind: type[Fact]) -> None:
        kind.uncounted = why

    return Above(declare)


def _some(attribute: str) -> tuple[str, ...]:
    return (attribute,) if attribute else ()


def _above(
    shape: Kind,
    name: str,
    documentation: str,
    labels: tuple[str, ...],
    *,
    of: tuple[str, ...],
    given: str = "",
    bounds: tuple[float, ...] = (),
) -> Above:
    def declare(kind: type[Fact]) -> None:
        every = ("pipeline", *labels) if "pipeline" in kind.names() else labels
        _declare(kind, Metric(shape, PREFIX + name, documentation, every, of, given, bounds))

    return Above(declare)


def _declare(kind: type[Fact], metric: Metric) -> None:
    missing = [name for name in (*metric.labels, *metric.of, *_some(metric.given)) if not hasattr(kind, name)]
    if missing:
        raise TypeError(f"{kind.__name__} has no {', '.join(missing)}, which {metric.name} counts")
    kind.metrics = (metric, *kind.metrics)
