"""How a stand-in lives as a process: until SIGTERM, which cancels its work and ends it with 0."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def until_sigterm(work: Callable[[], Awaitable[None]]) -> None:
    """Run *work*."""
    try:
        asyncio.run(_cancelled_by_sigterm(work))
    except asyncio.CancelledError:
        return


async def _cancelled_by_sigterm(work: Callable[[], Awaitable[None]]) -> None:
    whole = asyncio.current_task()
    assert whole is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, whole.cancel)
    await work()
