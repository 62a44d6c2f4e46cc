"""Breaker: while the sink as a whole is away, hardly anything is received and one batch at a time tries again.

Closed, writes pass freely. A `SinkUnavailable` opens it: the poller waits, batches in hand keep their leases, and they
take turns at probing, a growing pause between two. The first that is taken closes it again. Receive counts are not
burnt, and the queue is not drained into the dead-letter queue. Open for longer than a set time, all but the probing
batch are told to go back: another worker may reach the sink that this one does not.

What failed while others were taken is a trouble of its own (one tenant's server, one locked row): it is *blamed*, keeps
its leases and its own pauses, and opens nothing. Whether there are others the breaker has to find out: when all that is
in hand has failed, the poller may receive another message, now and then.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from math import inf
from typing import TYPE_CHECKING, Final

from worker import facts
from worker.errors import SinkContended, SinkStuck
from worker.pipeline.backoff import full_jitter
from worker.pipeline.others import Others
from worker.pipeline.trial import SHORTEST_PAUSE_SECONDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from random import Random

    from worker.errors import SinkUnavailable
    from worker.facts import Emit
    from worker.pipeline.trial import Trial

PROBE_BASE_SECONDS: Final = 0.25
PROBE_MAX_SECONDS: Final = 5.0
"""Bounds the time from healing to the first write that notices it."""
BLAMED_MAX_SECONDS: Final = 30.0
"""A record whose own server hangs keeps a handler from others at each try, so its tries become rare."""
OPENED_AFTER: Final = 5
"""Failures in a row that open it while something is blamed or locked: the next one is likely to be more of the same."""


class AwayTooLong(Exception):
    """The sink has been away for longer than leases are kept: give the batch back."""


class Breaker:
    """One per sink."""

    def __init__(
        self, *, hold_seconds: float, random: Random, restored: Callable[[], None], emit: Emit, pipeline: str
    ) -> None:
        self.hold_seconds = hold_seconds
        self._restored = restored
        """Told that what waits for the sink may be tried at once."""
        self._random = random
        self._emit = emit
        self._pipeline = pipeline
        self._probe = asyncio.Lock()
        self._pass = asyncio.Event()  # set while the poller need not wait; written by failed, answered, let_go
        self._pass.set()
        self._holding = True  # False once the poller is stopping; written by let_go
        self._probe_at = 0.0  # loop time of the next probe, at the earliest; written by failed
        self._failures = 0  # in a row, of what is not blamed; written by failed and answered
        self._opened_at = 0.0  # loop time; written by failed
        self._taken_at = -inf  # loop time of the last batch of which something was taken; written by answered
        self._blamed_at = -inf  # loop time of the last failure of something blamed; written by failed
        self._others = Others()
        self.stuck = False
        """Open, but nothing is away: calls of your function hang. Written by _unexcused."""
        self.is_open = False
        """Whether the sink is away. Written by failed and answered."""
        self._now = asyncio.get_running_loop().time

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
    async def attempt(self, trial: Trial) -> AsyncIterator[None]:
        """Around each write: at once while closed, one at a time and after a pause while open.

        What was never tried waits for its turn, but not for long: it may be what the sink takes.

        Raises:
            AwayTooLong: another batch probes, and the time for which leases are kept is over.
        """
        if not self.is_open:
            yield
            return
        await self._turn()
        try:
            if self.is_open:
                pause = self._probe_at - self._now()
                await asyncio.sleep(pause if trial.failures else min(pause, PROBE_BASE_SECONDS))
            yield
        finally:
            self._probe.release()

    async def _turn(self) -> None:
        """Wait to be the one that probes."""
        try:
            async with asyncio.timeout_at(self._opened_at + self.hold_seconds):
                await self._probe.acquire()
        except TimeoutError:
            raise AwayTooLong from None

    def failed(self, error: SinkUnavailable, trial: Trial, *, began: float, rows: int) -> None:
        """The write of *rows* records that was *began* at that loop time found the sink away."""
        now, contended = self._now(), isinstance(error, SinkContended)
        trial.failed(began, now, taken_at=self._taken_at, contended=contended)
        code, detail = type(error.__cause__ or error).__name__, str(error)
        if trial.blamed:
            self._blamed_at = now
            pause = self._pause(1 if rows > 1 else trial.failures, most=BLAMED_MAX_SECONDS)
        else:
            partial = contended or now - self._blamed_at < BLAMED_MAX_SECONDS
            pause = self._unexcused(code, detail, partial=partial, stuck=isinstance(error, SinkStuck))
        trial.due = now + pause
        if trial.blamed or not self.is_open:
            self._emit(facts.BatchHeld(self._pipeline, code, detail, rows, pause))
        elif not self.stuck:
            self._emit(facts.SinkProbed(self._pipeline, code, detail, pause))

    def _unexcused(self, code: str, detail: str, *, partial: bool, stuck: bool) -> float:
        """One more failure that may be the sink's; returns the pause after it."""
        now = self._now()
        self._failures += 1
        pause = self._pause(self._failures, most=PROBE_MAX_SECONDS)
        self._probe_at = now + pause
        opens = not self.is_open and (self._failures >= OPENED_AFTER or not partial)
        if not stuck and (opens or (self.is_open and self.stuck)):
            self._emit(facts.SinkLost(self._pipeline, code, detail))
        self.stuck = stuck
        if opens:
            self.is_open, self._opened_at = True, now
            self._others.begin(now)
            if self._holding:
                self._pass.clear()
        return pause

    def _pause(self, failures: int, *, most: float) -> float:
        pause = full_jitter(failures, self._random, base_seconds=PROBE_BASE_SECONDS, max_seconds=most)
        return max(SHORTEST_PAUSE_SECONDS, pause)

    def answered(self, *, taken: bool) -> None:
        """A write was answered: the sink is there. What it refuses says nothing of what it takes (a full disk)."""
        now = self._now()
        self._failures = 0
        if taken:
            self._taken_at = now
        if self.is_open:
            self.is_open = False
            self._pass.set()
            if not self.stuck:
                self._emit(facts.SinkRestored(self._pipeline, now - self._opened_at))
            self._restored()

    # ── another message, to tell the sink's trouble from that of what is in hand ────────────────────────────────────

    def wants_another(self, failed: int) -> bool:
        """All that is in hand has *failed*, so many messages: whether one more may be received, to be tried."""
        return self._others.wanted(self._now(), failed=failed)

    def heard_another(self, count: int) -> None:
        """*count* messages were received while it was open."""
        self._others.received(self._now(), count)
