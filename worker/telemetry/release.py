"""Memory of a burst goes back to the system once nothing is in hand: allocators keep what they were given.

Takes the accounts, asks the C library to give free pages back (where it is glibc's; others do it by themselves or
cannot). It runs until cancelled.
"""

from __future__ import annotations

import asyncio
import ctypes
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.telemetry.account import Accounts

LOOK_SECONDS: Final = 15.0
"""Idle at two looks in a row, a worker is idle. Giving back takes about 4 ms for each 100 MiB."""


def trimmer() -> Callable[[], object] | None:
    """What gives free memory back, or None where nothing does."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None
    return lambda: trim(0)


async def release_when_idle(accounts: Accounts, trim: Callable[[], object]) -> None:
    """Give memory back once after each time of work, when it is over."""
    seen = released = 0
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        every = list(accounts.by_pipeline.values())
        received = sum(one.received for one in every)
        idle = received == seen and received == sum(one.settled for one in every)
        if idle and received > released:
            trim()
            released = received
        seen = received
