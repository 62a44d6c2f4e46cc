"""How busy the process is: the event loop's thread, and all of its threads together.

Takes the CPU clocks at each beat of the loop; gives shares of the last minute. The loop runs on one thread and so on
one CPU: where that is busy all the time, nothing but another process makes the worker quicker.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from worker.telemetry.load.spans import Spans

if TYPE_CHECKING:
    from collections.abc import Callable


class Load:
    """One per process. `beat` is called on the loop's thread, whose CPU time it reads; the rest on any."""

    def __init__(
        self,
        *,
        allowed_cpus: float = 1.0,
        loop_clock: Callable[[], float] = time.thread_time,
        process_clock: Callable[[], float] = time.process_time,
    ) -> None:
        self.allowed_cpus = allowed_cpus
        """By affinity and quota; a fraction under some quotas."""
        self._loop_clock = loop_clock
        self._process_clock = process_clock
        self._last: tuple[float, float] | None = None
        """Both clocks at the latest beat. Written by `beat`."""
        self._started = 0.0
        """The first beat. Written by it."""
        self._loop = Spans()
        self._process = Spans()

    def beat(self, now: float) -> None:
        """Book the CPU time since the last beat."""
        before, self._last = self._last, (self._loop_clock(), self._process_clock())
        if before is None:
            self._started = now
            return
        self._loop.add(max(0.0, self._last[0] - before[0]), now)
        self._process.add(max(0.0, self._last[1] - before[1]), now)

    def loop_share(self, window_seconds: int, now: float) -> float:
        """Of the loop's thread: CPU time by wall time, or by what the quota leaves of it."""
        return min(1.0, self._per_second(self._loop, window_seconds, now) / min(1.0, self.allowed_cpus))

    def cpus_busy(self, window_seconds: int, now: float) -> float:
        """CPUs that all threads together kept busy."""
        return self._per_second(self._process, window_seconds, now)

    def cpus_share(self, window_seconds: int, now: float) -> float:
        """The same as a share of what the process may use."""
        return min(1.0, self.cpus_busy(window_seconds, now) / self.allowed_cpus)

    def _per_second(self, spent: Spans, window_seconds: int, now: float) -> float:
        window = min(window_seconds, int(now) - int(self._started))
        return spent.total(window, now) / window if window > 0 and self._last is not None else 0.0
