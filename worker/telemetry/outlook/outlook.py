"""Outlook: what becomes of one queue, as far as one of its workers can tell.

Takes facts and looks on the loop's thread; gives, on any thread, the figures that people plan, scale and wake up by:
how much work waits, when the queue is empty, when its oldest message is lost, and what the requests cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

from worker.telemetry.metrics.current import CURRENT_SECONDS
from worker.telemetry.outlook.capacity import Capacity
from worker.telemetry.outlook.oldest import Oldest
from worker.telemetry.outlook.trend import MEASURES, Depth, Empty, arrivals, empty, growth

if TYPE_CHECKING:
    from worker import facts
    from worker.facts import PipelineState
    from worker.telemetry.outlook.cost import Cost

_REMOVED = frozenset({"deleted", "rejected"})
"""Outcomes after which a message is not in its queue any more, or soon is not."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """The figures of one moment; None: not known, or not yet."""

    capacity_per_second: float | None
    backlog_seconds: float | None
    """Of this process alone with all that is visible: divided by the time one wants, it is how many are needed."""
    arrivals_per_second: float | None
    empty: Empty
    oldest_seconds: float | None
    """Age of the oldest message."""
    retention_left_seconds: float | None
    """Until SQS deletes it; below 0 it is past that."""
    dollars: float

    def as_dict(self) -> dict[str, object]:
        """For `/status`: what is not finite cannot be said in JSON, and is null as well."""
        return {
            "capacity_per_second": _rounded(self.capacity_per_second, 2),
            "backlog_seconds": _rounded(self.backlog_seconds, 1),
            "arrivals_per_second": _rounded(self.arrivals_per_second, 2),
            "seconds_to_empty": _rounded(self.empty.expected),
            "seconds_to_empty_soonest": _rounded(self.empty.soonest),
            "seconds_to_empty_latest": _rounded(self.empty.latest),
            "oldest_message_seconds": _rounded(self.oldest_seconds, 1),
            "retention_left_seconds": _rounded(self.retention_left_seconds),
            "request_dollars": _rounded(self.dollars, 6),
        }


class QueueWatch:
    """One pipeline. Each attribute is written by one method on the loop's thread."""

    def __init__(self, cost: Cost, now: float) -> None:
        self.depths: tuple[Depth, ...] = ()
        """The last measures, oldest first. Written by `measured`."""
        self._capacity = Capacity(now)
        self._oldest = Oldest()
        self._cost = cost
        self._removed = 0
        """Written by `settled`."""
        self._retention = 0
        """Seconds that SQS keeps a message; 0: unknown. Written by `measured`."""

    # ── on the loop's thread ────────────────────────────────────────────────────────────────────────────────────────

    def received(self, fact: facts.MessagesReceived) -> None:
        """Note how old the messages are, and what they cost."""
        self._oldest.received(fact.sent_at, fact.received_at)
        self._cost.received(fact.bytes)

    def settled(self, fact: facts.DeliveriesSettled) -> None:
        """Count what left the queue."""
        if fact.outcome in _REMOVED:
            self._removed += fact.count
            self._capacity.deleted(fact.count)

    def requested(self) -> None:
        """Count a request."""
        self._cost.requested()

    def measured(self, fact: facts.QueueMeasured, now: float) -> None:
        """Keep the depth."""
        depth = Depth(now, fact.visible, fact.not_visible, fact.delayed, self._removed)
        self.depths = (*self.depths, depth)[-MEASURES:]
        self._retention = fact.retention_seconds

    def look(self, state: PipelineState, now: float) -> None:
        """See whether there is work in hand that can go on."""
        working = state.in_flight > 0 and state.sink_available and not state.stuck
        self._capacity.look(now, working=working)

    # ── on any thread ───────────────────────────────────────────────────────────────────────────────────────────────

    def change_per_second(self, now: float) -> float | None:
        """By which the queue grows, or, negative, shrinks."""
        line = growth(self._current(now))
        return None if line is None else line.per_second

    def outlook(self, now: float, unix_now: float) -> Outlook:
        """All figures; what follows from a depth that is not current is not known."""
        depths, rate = self._current(now), self._capacity.per_second
        visible = depths[-1].visible if depths else None
        age = self._oldest.age_seconds(unix_now, waiting=not self.depths or self.depths[-1].visible > 0)
        return Outlook(
            capacity_per_second=rate,
            backlog_seconds=_backlog(visible, rate),
            arrivals_per_second=arrivals(depths),
            empty=empty(depths),
            oldest_seconds=age,
            retention_left_seconds=None if age is None or not self._retention else self._retention - age,
            dollars=self._cost.dollars,
        )

    def _current(self, now: float) -> tuple[Depth, ...]:
        return self.depths if self.depths and now - self.depths[-1].at <= CURRENT_SECONDS else ()


def _backlog(visible: int | None, rate: float | None) -> float | None:
    if visible == 0:
        return 0.0
    return visible / rate if visible is not None and rate is not None else None


def _rounded(value: float | None, digits: int = 0) -> float | int | None:
    if value is None or not isfinite(value):
        return None
    return round(value, digits) if digits else round(value)
