"""Breaker: while the sink as a whole is away, nothing is received and one batch at a time tries again.

Closed, writes pass freely. The first `SinkUnavailable` opens it: the poller waits, batches in hand keep their leases,
and one of them probes after a growing pause. The first batch that is taken closes it again. Receive counts are not
burnt, and the queue is not drained into the dead-letter queue. Open for longer than a set time, all but the probing
batch are told to go back: another worker may reach the sink that this one does not. When no batch is left that could
probe (its leases ran out), the poller may receive one.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

from worker.backoff import full_jitter
from worker.telemetry import events

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from random import Random

    from worker.errors import SinkUnavailable
    from worker.telemetry.events import Emit

PROBE_BASE_SECONDS: Final = 0.25
PROBE_MAX_SECONDS: Final = 5.0
"""Bounds the time from healing to the first write that notices it."""


class AwayTooLong(Exception):
    """The sink has been away for longer than leases are kept: give the batch back."""


class Breaker:
    """One per sink."""

    def __init__(self, *, hold_seconds: float, random: Random, emit: Emit, pipeline: str) -> None:
        self._hold_seconds = hold_seconds
        self._random = random
        self._emit = emit
        self._pipeline = pipeline
        self._probe = asyncio.Lock()
        self._pass = asyncio.Event()  # set while the poller need not wait; written by failed, succeeded, let_go
        self._pass.set()
        self._holding = True  # False once the poller is stopping; written by let_go
        self._probe_at = 0.0  # loop time of the next probe, at the earliest; written by failed
        self._failures = 0  # in a row; written by failed and succeeded
        self._opened_at = 0.0  # loop time; written by failed

    @property
    def is_open(self) -> bool:
        """Whether the sink is away."""
        return self._failures > 0

    async def closed(self, *, within_seconds: float) -> None:
        """Wait until the sink is back or the poller is told to stop, but no longer than *within_seconds*."""
        if self._pass.is_set():
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(within_seconds):
                await self._pass.wait()

    def let_go(self) -> None:
        """Hold the poller no longer, although the sink is away: it is stopping."""
        self._holding = False
        self._pass.set()

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[None]:
        """Around each write: at once while closed, one at a time and after a pause while open.

        Raises:
            AwayTooLong: another batch probes, and the time for which leases are kept is over.
        """
        if not self.is_open:
            yield
            return
        await self._turn()
        try:
            if self.is_open:
                await asyncio.sleep(self._probe_at - asyncio.get_running_loop().time())
            yield
        finally:
            self._probe.release()

    async def _turn(self) -> None:
        """Wait to be the one that probes."""
        try:
            async with asyncio.timeout_at(self._opened_at + self._hold_seconds):
                await self._probe.acquire()
        except TimeoutError:
            raise AwayTooLong from None

    def failed(self, error: SinkUnavailable) -> None:
        """A write found the sink away."""
        code, detail = type(error.__cause__ or error).__name__, str(error)
        now = asyncio.get_running_loop().time()
        self._failures += 1
        pause = max(
            0.1,
            full_jitter(self._failures, self._random, base_seconds=PROBE_BASE_SECONDS, max_seconds=PROBE_MAX_SECONDS),
        )
        if self._failures == 1:
            self._opened_at = now
            if self._holding:
                self._pass.clear()
            self._emit(events.SinkLost(self._pipeline, code, detail))
        self._probe_at = now + pause
        self._emit(events.SinkProbed(self._pipeline, code, detail, pause))

    def succeeded(self) -> None:
        """A write was answered: the sink is there."""
        if self.is_open:
            self._failures = 0
            self._pass.set()
            away = asyncio.get_running_loop().time() - self._opened_at
            self._emit(events.SinkRestored(self._pipeline, away))
