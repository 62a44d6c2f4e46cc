"""Caution: a message that ends the process costs receive counts of itself alone.

A crash always starts a process, and what it had in hand is received again when the leases end. So for the time of a
lease after the start, and again when the parent says that another process of it has crashed, a message that was
received before, and not seen through by this process, is a *suspect*: it is handled when nothing else is in hand or on
its way here, one at a time, and what became of it reaches SQS before the next one is begun. Receives ask for one
message while there is no reason to believe that more of them would not be suspects. When a minute has been spent on
suspects without a crash, only those are left that SQS has handed out for the last time: the others could bear another.

Only your own code can end the process, so for other sinks there is no caution. One object serves all pipelines of a
process, which die together. Ends with the time for which it is in force, which does not run while suspects are handled.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from math import inf
from typing import TYPE_CHECKING, Final

from worker import facts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from worker.facts import Emit
    from worker.message import Delivery

MARGIN_SECONDS: Final = 10.0
"""Beyond a lease: a renewal may have been on its way when the process ended."""
SUSPECTS: Final = 500
"""Handled alone without any sign of a crash but their receive counts: then they are taken for ordinary retries."""
SUSPECTS_SECONDS: Final = 60.0
"""Spent on suspects one by one since the start, or since a crash was heard of: a roll-out leaves hundreds of messages
that were given back, and jobs of minutes would wait behind each other for hours."""
QUIET_SECONDS: Final = 60.0
"""The longest wait for what else is in hand: a job of an hour is not waited for."""
LOOK_SECONDS: Final = 0.02
POLL_SECONDS: Final = 1
"""Longest receive while in force: a suspect waits for those that are under way."""


class Caution:
    """One per process; every method is called in its loop."""

    def __init__(self) -> None:
        self._now = asyncio.get_running_loop().time
        self._places: list[tuple[Callable[[], int], Callable[[], int]]] = []  # written by watch
        self._window = 0.0  # seconds; written by watch
        self._until = -inf  # loop time; written by watch, alarm and turn
        self._turn = asyncio.Lock()
        self._free = asyncio.Event()  # set while no suspect is in hand; written by _tell
        self._free.set()
        self._arrived: dict[str, float] = {}  # suspects that no handler has taken: id, loop time; as _free
        self._seen: set[str] = set()  # ids that this process has seen through; written by saw
        self._left = SUSPECTS  # written by turn and alarm
        self._spent = 0.0  # seconds of SUSPECTS_SECONDS; as _left
        self._taken = 0  # suspects in hand that are not begun; written by take and ended
        self.small = True
        """Receives should ask for one message. Written by `received` and `alarm`."""

    def watch(
        self, others: Callable[[], int], *, stuck: Callable[[], int] = lambda: 0, lease_seconds: float | None
    ) -> None:
        """A pipeline: how many messages it has in hand or has asked for; how many of them no handler can begin
        now; its lease, if it has a function of yours.
        """
        self._places.append((others, stuck))
        if lease_seconds is not None:
            self._window = max(self._window, lease_seconds + MARGIN_SECONDS)
            self._until = max(self._until, self._now() + self._window)

    def alarm(self) -> None:
        """A process beside this one has crashed: what it had in hand may come here."""
        self._left, self._spent, self.small = 1 << 62, 0.0, True
        if self._window:
            self._until = self._now() + self._window

    @property
    def active(self) -> bool:
        """Whether it is in force."""
        return self._now() < self._until or self._taken > 0 or bool(self._arrived)

    @property
    def occupied(self) -> bool:
        """Whether a suspect is in hand, so that nothing may be received."""
        if self._arrived:  # one that left its buffer in another way than to a handler is not waited for
            oldest = self._now() - QUIET_SECONDS
            self._arrived = {one: at for one, at in self._arrived.items() if at > oldest}
            self._tell()
        return not self._free.is_set()

    async def free(self, *, within_seconds: float) -> bool:
        """Wait until no suspect is in hand, but no longer than that; whether it is so."""
        try:
            async with asyncio.timeout(within_seconds):
                await self._free.wait()
        except TimeoutError:
            return False
        return True

    def received(self, deliveries: Sequence[Delivery], *, last: int | None = None) -> None:
        """What a receive brought, perhaps nothing: the next may bring the like."""
        suspects = [delivery.message_id for delivery in deliveries if self.suspects(delivery, last=last)]
        self.small = not deliveries or bool(suspects)
        self._arrived.update(dict.fromkeys(suspects, self._now()))
        self._tell()

    def suspects(self, delivery: Delivery, *, last: int | None = None) -> bool:
        """Whether it may have ended a process; with receive number *last* a crash beside it would be its end."""
        if delivery.receive_count < 2 or delivery.message_id in self._seen:  # noqa: PLR2004 - received before
            return False
        if last is not None and delivery.receive_count >= last:
            return True
        return self._left > 0 and self._spent < SUSPECTS_SECONDS

    def saw(self, deliveries: Sequence[Delivery]) -> None:
        """This process has lived through them, whatever has become of them."""
        self._seen.update([delivery.message_id for delivery in deliveries])
        for delivery in deliveries if self._arrived else ():
            self._arrived.pop(delivery.message_id, None)
        self._tell()

    def take(self, suspects: Sequence[Delivery]) -> None:
        """A handler has taken these, and not begun them."""
        self._taken += len(suspects)
        for suspect in suspects:
            self._arrived.pop(suspect.message_id, None)
        self._tell()

    def ended(self, count: int) -> None:
        """So many of those that were taken are over, or will not be begun."""
        self._taken -= count
        self._tell()

    def _tell(self) -> None:
        if self._taken or self._arrived:
            self._free.clear()
        else:
            self._free.set()

    @asynccontextmanager
    async def turn(self, suspect: Delivery, emit: Emit, pipeline: str) -> AsyncIterator[None]:
        """Around the handling of one suspect that is taken: alone, as far as others end in time."""
        async with self._turn:
            since = self._now()
            await self._quiet()
            began = self._now()
            self._left -= 1
            emit(facts.SuspectTried(pipeline, suspect.message_id, suspect.receive_count))
            try:
                yield
            finally:
                self.ended(1)
                self._until += self._now() - began
                self._spent += self._now() - since

    async def _quiet(self) -> None:
        """Until nothing is in hand but suspects that are not begun, and what can only begin after one of them."""
        end = self._now() + QUIET_SECONDS
        while self._begun() and self._now() < end:  # noqa: ASYNC110 - several ledgers
            await asyncio.sleep(LOOK_SECONDS)

    def _begun(self) -> bool:
        """Whether there is more than suspects taken, and in the buffers suspects, or what is stuck there with them."""
        waiting = max(len(self._arrived), sum(stuck() for _, stuck in self._places))
        return sum(others() for others, _ in self._places) > self._taken + waiting
