"""The loop's pulse: a task that wants to wake four times a second and notices when it could not.

Takes nothing; gives each beat to health and a `LoopLagged` for every beat that came too late. It runs until cancelled.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from worker.facts import LoopLagged

if TYPE_CHECKING:
    from worker.facts import Emit


class Heart(Protocol):
    """What is told of each beat."""

    def beat(self, lag_seconds: float) -> None:
        """The loop is alive; it woke *lag_seconds* later than it wanted."""
        ...


async def watch_loop(emit: Emit, health: Heart, *, interval: float = 0.25, threshold: float = 0.25) -> None:
    """Beat every *interval* seconds; report a beat that is more than *threshold* seconds late."""
    loop = asyncio.get_running_loop()
    health.beat(0.0)
    while True:
        due = loop.time() + interval
        await asyncio.sleep(interval)
        lag = max(0.0, loop.time() - due)
        health.beat(lag)
        if lag > threshold:
            emit(LoopLagged(seconds=lag))
