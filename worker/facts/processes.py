"""The processes of a worker that has several: what their parent saw of them. `process` counts from 0."""

from __future__ import annotations

from typing import ClassVar

from worker.facts.counting import uncounted
from worker.facts.fact import Fact, Level, fact


@uncounted("what a parent saw is counted by worker/process/parent/figures.py")
@fact(frozen=True, slots=True)
class ParentStarted(Fact):
    """The parent serves metrics and probes for all, and starts its processes."""

    worker_id: str
    version: str
    processes: int
    metrics_url: str


@uncounted("what a parent saw is counted by worker/process/parent/figures.py")
@fact(frozen=True, slots=True)
class ProcessStarted(Fact):
    """A process was started; its own lines follow."""

    process: int
    pid: int


@uncounted("what a parent saw is counted by worker/process/parent/figures.py")
@fact(frozen=True, slots=True)
class ProcessEnded(Fact):
    """A process ended as it was meant to, or was told to. `code` is its exit code; -9 is the signal 9."""

    process: int
    pid: int
    code: int
    seconds: float


@uncounted("what a parent saw is counted by worker/process/parent/figures.py")
@fact(frozen=True, slots=True)
class ProcessLost(Fact):
    """A process ended by itself and is started again in `restart_in` seconds.

    What it held becomes visible again when its leases end.
    """

    level: ClassVar[Level] = "warning"
    process: int
    pid: int
    code: int
    seconds: float
    restart_in: float


@uncounted("what a parent saw is counted by worker/process/parent/figures.py")
@fact(frozen=True, slots=True)
class ProcessKilled(Fact):
    """A process was still there when all time to stop was over, and was killed.

    What it held becomes visible again when its leases end.
    """

    level: ClassVar[Level] = "error"
    process: int
    pid: int


@uncounted("what a parent saw is counted by worker/process/parent/figures.py")
@fact(frozen=True, slots=True)
class ParentGaveUp(Fact):
    """No process ever started: one ended `tries` times in a row. Its last lines say why."""

    level: ClassVar[Level] = "error"
    process: int
    code: int
    tries: int
