"""Levels that have to be said again: what nobody has said for some minutes is not shown.

A worker that stands still, or cannot ask for the depth of its queue any more, would go on to tell the last one it
knew; the maximum over workers would be that, and an autoscaler would follow it. Without a value it leaves all as it is.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from worker.telemetry.metrics.series import Number, Numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from prometheus_client.metrics_core import Metric

    from worker.telemetry.metrics.series import Plain

CURRENT_SECONDS: Final = 300.0
"""Four looks at a queue that is idle, which is looked at least often."""


class CurrentLevel(Number):
    """A level, and when it was set."""

    __slots__ = ("_clock", "at")

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self._clock = clock
        self.at = clock()

    def set(self, value: float) -> None:
        """The level is *value* now."""
        self.value, self.at = value, self._clock()


class Currents(Numbers):
    """Levels that are shown for as long as they are current."""

    def __init__(
        self,
        kind: type[Plain],
        name: str,
        documentation: str,
        labels: Sequence[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(kind, name, documentation, labels)
        self._clock = clock

    def collect(self) -> Iterable[Metric]:
        """The family as it is now."""
        family, oldest = self._family(), self._clock() - CURRENT_SECONDS
        for labels, child in tuple(self._shown.items()):
            if isinstance(child, CurrentLevel) and child.at >= oldest:
                family.add_metric(labels, child.value)
        return [family]

    def _new(self) -> CurrentLevel:
        return CurrentLevel(self._clock)
