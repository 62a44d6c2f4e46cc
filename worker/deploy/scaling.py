"""How many workers, and at which depth more: from what one worker does, what comes in, and until when.

Takes rates and wishes, gives a `Plan`. Pure arithmetic, all in messages and seconds; `arithmetic.py` shows it in words,
`patches.py` as files.

An autoscaler on the backlog wants `depth / target` workers. A worker that has `target` messages before it is through
with them after `target / rate` seconds: the target is how late a message may be, times the rate. How quickly a large
backlog is gone is then decided by the *maximum* alone, for as long as more than `maximum * target` messages wait.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

WORKERS_MAX: Final = 5_000
"""Tasks that one ECS service can have (ECS service quotas); more replicas than that are a mistake in a number."""


@dataclass(frozen=True, slots=True)
class Workload:
    """What has to be done."""

    incoming: float = 0.0
    """Messages a second, on average."""
    peak: float = 0.0
    """Messages a second at the worst time; nothing more than the average if it is 0."""
    backlog: int = 0
    """Messages that wait already."""
    deadline: float = math.inf
    """Seconds until the backlog shall be gone."""

    @property
    def needed(self) -> float:
        """Messages a second that have to be handled: what is to be worked off, and what comes in meanwhile."""
        return self.incoming + self.backlog / self.deadline


@dataclass(frozen=True, slots=True)
class Worker:
    """What one worker does."""

    rate: float
    """Messages a second, when there are enough."""
    in_flight: int = 0
    """Messages that it holds meanwhile: they count where an autoscaler counts them."""
    busy: float = 0.8
    """The part of its rate that is planned with; the rest is for uneven shares, restarts and retries."""

    @property
    def planned(self) -> float:
        """Messages a second that one worker is planned for."""
        return self.rate * self.busy


@dataclass(frozen=True, slots=True)
class Wishes:
    """What somebody has decided."""

    freshness: float = 300.0
    """Seconds that a message may wait while all is well."""
    target: int | None = None
    """Messages a worker, if they are given instead of following from the freshness."""
    minimum: int | None = None
    maximum: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What to tell the autoscalers."""

    load: Workload
    worker: Worker
    wishes: Wishes
    steady: int
    """Workers that keep up with what comes in on average."""
    minimum: int
    maximum: int
    target: int
    """Visible messages a worker: of an HPA (AverageValue) and of ECS (backlog per task)."""

    @property
    def keda_target(self) -> int:
        """KEDA's queueLength, where it counts those in flight as well (scaleOnInFlight, its default)."""
        return self.target + self.worker.in_flight

    @property
    def all_asked_for(self) -> int:
        """The depth from which on the maximum is asked for."""
        return self.target * self.maximum

    @property
    def target_seconds(self) -> float:
        """How long a worker needs for its target: what a message waits when the autoscaler is content."""
        return self.target / self.worker.rate

    def seconds_to_empty(self, workers: int, *, planned: bool = True) -> float:
        """How long *workers* need for the backlog while messages come in, as *planned* or at their full rate.

        Infinite if they do not keep up.
        """
        spare = workers * (self.worker.planned if planned else self.worker.rate) - self.load.incoming
        if self.load.backlog == 0:
            return 0.0 if spare >= 0 else math.inf
        return self.load.backlog / spare if spare > 0 else math.inf


def plan(load: Workload, worker: Worker, wishes: Wishes) -> Plan:
    """Minimum, maximum and target for *load*.

    Raises:
        ValueError: the numbers contradict each other, or ask for more workers than anybody can start.
    """
    steady = workers_for(load.incoming, worker)
    minimum = max(1, steady) if wishes.minimum is None else wishes.minimum
    wanted = max(minimum, 1, workers_for(max(load.needed, load.peak), worker))
    maximum = wanted if wishes.maximum is None else wishes.maximum
    target = max(1, math.floor(worker.rate * wishes.freshness)) if wishes.target is None else wishes.target
    if minimum > maximum:
        raise ValueError(f"at least {minimum} workers and at most {maximum}: give a larger --max, or a smaller --min")
    if maximum > WORKERS_MAX:
        raise ValueError(
            f"{maximum:,} workers would be needed, more than {WORKERS_MAX:,}: check the rate of one worker"
            f" ({worker.rate:g} messages a second) and the deadline"
        )
    return Plan(load, worker, wishes, steady, minimum, maximum, target)


def workers_for(per_second: float, worker: Worker) -> int:
    """Workers that handle *per_second*. What only rounding made larger is not another worker."""
    return math.ceil(per_second / worker.planned - 1e-9)
