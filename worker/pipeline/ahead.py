"""Ahead: how much may be in flight, so that nothing waits here for long that another worker could begin.

Follows what the sink takes for a write, and sets the bound of the room. What was received too early all the same, since
a call of your function takes far longer than those before it, goes back when it has waited for a while: that costs it a
receive count, so it is the lesser evil, and only done to what was received for the first time. Ends by cancellation.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from worker import facts
from worker.outcome import Released
from worker.pipeline import tuning

if TYPE_CHECKING:
    from worker.facts import Emit
    from worker.pipeline.aside import Aside
    from worker.pipeline.breaker import Breaker
    from worker.pipeline.buffer import Buffer
    from worker.pipeline.ledger import Ledger
    from worker.pipeline.poll import Poller
    from worker.pipeline.settle import Settler
    from worker.pipeline.sizing import Sizing
    from worker.pipeline.under_way import UnderWay

LOOK_SECONDS: Final = 1.0
WAITING_SECONDS: Final = 5.0
"""With every handler busy, and none of them free in so long, what waits goes back."""


class Ahead:
    """One per pipeline; `watch` is called once, before anything else."""

    def __init__(  # noqa: PLR0913 - it looks at all of the pipeline
        self,
        *,
        writers: int,
        max_messages: int,
        max_bytes: int,
        ledger: Ledger,
        sizing: Sizing,
        buffer: Buffer,
        aside: Aside,
        breaker: Breaker,
        under_way: UnderWay,
        emit: Emit,
        pipeline: str,
    ) -> None:
        self._writers = writers
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._ledger = ledger
        self._room = ledger.room
        self._sizing = sizing
        self._buffer = buffer
        self._aside = aside
        self._breaker = breaker
        self._under_way = under_way
        self._emit = emit
        self._pipeline = pipeline
        self._now = asyncio.get_running_loop().time
        self._stalled = False  # all handlers are in long calls; written by _look

    def watch(self, poller: Poller, settler: Settler) -> None:
        """Those who are watched."""
        self._poller, self._settler = poller, settler

    async def run(self) -> None:
        """Look at what waits, until cancelled; for functions of yours, whose calls differ."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self._look()

    def crowding(self) -> int:
        """What the sink takes last may be half of all that may be in flight; how many messages it is beyond that."""
        if 2 * self._room.bytes > self._max_bytes:
            return 1
        return self._aside.blamed() - max(1, self._max_messages // 2)

    def others(self) -> int:
        """Messages in hand, or asked for, whose end can be waited for."""
        return len(self._ledger) + self._room.asked_for - self._aside.failed - self._buffer.resting

    def stuck(self) -> int:
        """Those of `others` that no handler can begin: they are behind another message of their group."""
        return 0 if self._buffer.ready else len(self._buffer) - self._buffer.resting

    def follow(self) -> None:
        """Batches have begun or ended: hold no more than keeps the sink busy."""
        failed = self._aside.failed
        held = failed + self._buffer.resting
        self._room.max_messages = min(self._max_messages, held + self._ahead(failed))

    def _ahead(self, failed: int) -> int:
        """How many messages may be in flight beside those that *failed*."""
        under_way, rows, most = self._under_way, self._sizing.rows, self._max_messages
        if self._sizing.long or self._stalled:
            begun = under_way.handling - failed
            return tuning.messages_begun(idle=self._writers - under_way.busy, rows=rows, begun=begun, maximum=most)
        return tuning.messages_ahead(
            writers=self._writers,
            rows=rows,
            write_seconds=self._sizing.write_seconds,
            receive_seconds=self._poller.receive_seconds,
            maximum=most,
            batches_seen=under_way.batches,
        )

    def _look(self) -> None:
        waited = self._now() - self._under_way.began_at
        all_busy = self._under_way.busy >= self._writers and not self._breaker.is_open
        self._stalled = all_busy and waited >= WAITING_SECONDS
        if not self._stalled:
            return
        self.follow()
        waiting = self._buffer.take_back()
        if waiting:
            self._emit(facts.WaitingGivenBack(self._pipeline, len(waiting), round(waited, 3)))
            self._settler.settle([(delivery, Released("waiting")) for delivery in waiting])
