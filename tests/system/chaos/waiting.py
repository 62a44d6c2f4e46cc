"""Steps: how the nemesis waits without standing still, and what it keeps of each fault under way.

A fault is a generator that is stepped by one loop; it waits by yielding, never for ever, and is told whether what it
waited for came. Ends in an `Under`, which becomes the `Fault` of the evidence.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.system.chaos.evidence import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from tests.system.chaos.crew import Crew
    from tests.system.chaos.schedule import Planned

    Steps = Generator[None, None, None]
    Answered = Generator[None, None, bool]

PATIENCE_SECONDS = 90.0
"""How long one step of a fault may take before it counts as not seen. Longer than a worker's longest pause (30 s)
and a start on a busy machine together."""


@dataclass(slots=True)
class Under:
    """A fault under way. Written by its generator."""

    planned: Planned
    begin_ns: int = 0
    heal_ns: int = 0
    fired: int = 0
    recovered_ns: int = 0
    pace: dict[str, float] = field(default_factory=dict)
    """Where all requests of an operation failed: how many a second each poller still made."""

    def fault(self) -> Fault:
        """As the checker sees it."""
        p = self.planned
        return Fault(
            p.kind, p.detail, str(p.target), self.begin_ns, self.heal_ns, self.fired, self.recovered_ns, self.pace
        )


def until(holds: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> Answered:
    """Wait for *holds*, or for as long as patience lasts; whether it came to hold."""
    deadline = time.monotonic() + seconds
    while not (held := holds()) and time.monotonic() < deadline:
        yield
    return held


def pause(seconds: float) -> Steps:
    """Let *seconds* pass."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        yield


def progress(under: Under, crew: Crew, kind: str = "commit") -> Steps:
    """Past it: something was written after it was healed."""
    before = crew.seen(kind)
    if (yield from until(lambda: crew.seen(kind) > before)):
        under.recovered_ns = time.monotonic_ns()
