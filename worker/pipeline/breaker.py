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
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING, Final

from worker import facts
from worker.backoff import full_jitter
from worker.errors import SinkContended, SinkStuck
from worker.outcome import Released, Retried

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from random import Random

    from worker.errors import CallHangs, SinkUnavailable
    from worker.facts import Emit
    from worker.outcome import Outcome

PROBE_BASE_SECONDS: Final = 0.25
PROBE_MAX_SECONDS: Final = 5.0
"""Bounds the time from healing to the first write that notices it."""
BLAMED_MAX_SECONDS: Final = 30.0
"""A record whose own server hangs keeps a handler from others at each try, so its tries become rare."""
SHORTEST_PAUSE_SECONDS: Final = 0.1
HANGING_SECONDS: Final = 1.0
"""Between two looks whether a call has ended after all."""
STILL_RUNNING: Final = Retried("still-running", 60.0, "its call has not ended, and others need its room")
DIVIDED_AFTER: Final = 2
"""Tries of a batch in vain; then its halves are tried: one record may be to blame for all of it."""
OPENED_AFTER: Final = 5
"""Failures in a row that open it while something is blamed or locked: the next one is likely to be more of the same."""
OTHERS: Final = 30
"""Messages in hand, received one at a time, to find out whether any is taken: each of them costs a receive count if it
is given back in the end, so their number is bounded, for each outage."""
OTHERS_QUICK: Final = 20
OTHERS_SECONDS: Final = 10.0
"""The first of them follow each other quickly, the rest after pauses."""


class AwayTooLong(Exception):
    """The sink has been away for longer than leases are kept: give the batch back."""


@dataclass(slots=True, eq=False)
class Trial:
    """What the sink made so far of one batch. Written by the breaker."""

    failures: int = 0
    since: float | None = None
    """Loop time of the first failure, of the whole batch; None: none yet."""
    failed_at: float = 0.0
    """Loop time of the last one."""
    due: float = 0.0
    """Loop time of the next try."""
    blamed: bool = False
    """Others were taken meanwhile."""
    confirmed: bool = False
    """It has failed again since: the first blame may be the end of an outage, which another write noticed earlier."""
    divides: bool = False
    """Its halves are to be tried."""
    hangs: CallHangs | None = None
    """It waits for the end of this call of your function, and not for the sink."""

    @property
    def hanging(self) -> bool:
        """Whether that has not come yet."""
        return self.hangs is not None and self.hangs.goes_on()

    def wait_for(self, hangs: CallHangs, now: float) -> None:
        """It is kept until the call ends; or, if that concerns only some of it, until it has been taken apart."""
        if hangs.mixed:
            self.divides, self.due = True, now + SHORTEST_PAUSE_SECONDS
        else:
            self.hangs, self.blamed, self.due = hangs, True, now + HANGING_SECONDS

    def half(self) -> Trial:
        """Of a part of the same batch: it has its own failures from now on, and is divided at the first of them."""
        return replace(self, failures=0)


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
        self._others = 0  # messages received to find out; written by failed and heard_another
        self._others_at = 0.0  # loop time of the next of them, at the earliest; written as _others
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
        trial.confirmed = trial.blamed
        trial.blamed = trial.blamed or self._taken_at >= (began if trial.since is None else trial.failed_at)
        trial.since, trial.failed_at = now if trial.since is None else trial.since, now
        trial.failures += 1
        trial.divides = trial.divides or trial.blamed or contended or trial.failures >= DIVIDED_AFTER
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
            self._others, self._others_at = 0, now
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

    def gives_up(self, trial: Trial, rows: int, *, alone: bool, crowded: bool) -> Outcome | None:
        """How a batch of *rows* goes back that failed for too long; None: it is kept.

        A blamed record is tried later, which costs a receive count of its own. Else another worker may have more luck;
        one batch is kept, *alone*, to notice when the sink is back. *crowded*: others have too little room beside it.
        """
        if trial.hangs is not None:
            return STILL_RUNNING if crowded else None
        over = trial.since is not None and self._now() - trial.since >= self.hold_seconds
        if trial.blamed:
            return Retried("sink-away") if rows == 1 and (over or (crowded and trial.confirmed)) else None
        return Released("sink-away") if over and (crowded or not alone) else None

    # ── another message, to tell the sink's trouble from that of what is in hand ────────────────────────────────────

    def wants_another(self, failed: int) -> bool:
        """All that is in hand has *failed*, so many messages: whether one more may be received, to be tried.

        With nothing left in hand one is always wanted, after a pause: else nobody would ever notice that it is back.
        """
        if self._now() < self._others_at:
            return False
        return not failed or (failed < OTHERS and self._others < OTHERS)

    def heard_another(self, count: int) -> None:
        """*count* messages were received while it was open."""
        self._others += count
        self._others_at = self._now() + (0.0 if self._others < OTHERS_QUICK else OTHERS_SECONDS)
