"""The event loop, and its clock: one that goes on while the machine is suspended.

`new_event_loop` gives the fastest loop there is: uvloop, where it can be had. Leases count by the loop's time, and SQS
does not wait for a laptop or a virtual machine that sleeps: after it wakes, what ran out meanwhile must look so at
once. The usual monotonic clock stands still for that long.
"""

from __future__ import annotations

import asyncio
import sys
import time
from functools import partial
from typing import Final

_CLOCK: Final[int | None] = getattr(time, "CLOCK_BOOTTIME", None)
"""Linux has it; elsewhere the loop keeps its own clock."""


def new_event_loop() -> asyncio.AbstractEventLoop:
    """A loop whose `time` counts suspension, where the system can tell."""
    if sys.platform == "win32":  # pragma: no cover - uvloop has no Windows build
        return asyncio.new_event_loop()
    import uvloop  # noqa: PLC0415 - not on every platform

    if _CLOCK is None:  # pragma: no cover - only on Linux
        return uvloop.new_event_loop()

    clock: int = _CLOCK

    class Loop(uvloop.Loop):
        """Timers go off by the usual clock, late by a suspension at the most; what they find is judged by this one."""

        time = staticmethod(partial(time.clock_gettime, clock))
        """Seconds since the machine was started. Asked more than twice a message: so no function of ours."""

    return Loop()
