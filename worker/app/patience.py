"""Patience: trouble that passes (SQS or a sink away for a moment) is tried again for a while at the start.

Takes an attempt, gives what it returns; what only people can mend is raised at once.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeVar

from tenacity import AsyncRetrying, retry_if_exception_type, wait_random_exponential

from worker import facts
from worker.errors import QueueUnavailable, SinkUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tenacity import RetryCallState

    from worker.facts import Emit

T = TypeVar("T")

START_SECONDS: Final = 60.0
"""How long SQS or a sink may be away before the start is given up: longer than a container's neighbours need."""
PAUSE_MAX_SECONDS: Final = 5.0
"""Between two tries."""


async def patiently(attempt: Callable[[], Awaitable[T]], emit: Emit) -> T:
    """*attempt*, again for a minute while the trouble is of the passing kind."""
    now = asyncio.get_running_loop().time
    until = now() + START_SECONDS

    def tell(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        emit(facts.StartDelayed(type(error).__name__, str(error), round(state.upcoming_sleep, 3)))

    async for retry in AsyncRetrying(
        retry=retry_if_exception_type((QueueUnavailable, SinkUnavailable)),
        wait=wait_random_exponential(multiplier=0.5, max=PAUSE_MAX_SECONDS),
        stop=lambda _: now() >= until,
        before_sleep=tell,
        reraise=True,
    ):
        with retry:
            return await attempt()
    raise AssertionError("tenacity returns or raises")  # pragma: no cover - for the type checker
