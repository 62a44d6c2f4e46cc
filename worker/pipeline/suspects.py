"""Suspects: a batch is taken apart while there is caution, and what may have ended a process is handled alone.

Takes a batch as the buffer gave it; what is above suspicion goes to the handler at once, the rest to a coroutine of
its own: one by one, in turns with all others of the process. They keep no handler, since what they wait for needs one.
Ends with an outcome for each; closed or cancelled, it releases what it has not begun.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.outcome import Released
from worker.pipeline.channel import Channel
from worker.pipeline.lane import HELD_BACK, group_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from worker.facts import Emit
    from worker.message import Delivery
    from worker.outcome import Outcome
    from worker.pipeline.caution import Caution


class Suspects:
    """One per pipeline with a function of yours."""

    def __init__(self, caution: Caution, *, last_receive: int | None, ordered: bool, emit: Emit, pipeline: str) -> None:
        self._caution = caution
        self._last = last_receive
        """Number of the receive after which SQS redrives; None: never."""
        self._ordered = ordered
        self._emit = emit
        self._pipeline = pipeline
        self._waiting: Channel[Delivery] = Channel()  # held, and not begun

    @property
    def looked_for(self) -> bool:
        """Whether there may be any."""
        return self._caution.active

    def none_in(self, deliveries: Sequence[Delivery]) -> bool:
        """Whether all of *deliveries* are above suspicion."""
        return not any(self._caution.suspects(delivery, last=self._last) for delivery in deliveries)

    def saw(self, outcomes: Sequence[tuple[Delivery, Outcome]]) -> None:
        """These have been lived through, all but those that were not begun after all."""
        self._caution.saw([delivery for delivery, outcome in outcomes if outcome != HELD_BACK])

    async def handle(
        self,
        deliveries: Sequence[Delivery],
        *,
        handle: Callable[[list[Delivery]], Awaitable[None]],
        decide: Callable[[list[tuple[Delivery, Outcome]]], None],
    ) -> None:
        """What of *deliveries* is free of suspicion, by *handle*; the rest waits for its turn and keeps no handler."""
        free, suspects, behind = self._apart(deliveries)
        if behind:
            decide([(delivery, HELD_BACK) for delivery in behind])
        if self._waiting.closed:
            decide([(delivery, Released()) for delivery in suspects])
        else:
            self._caution.take(suspects)
            self._waiting.put(suspects)
        if free:
            await handle(free)

    async def run(
        self,
        *,
        handle: Callable[[list[Delivery]], Awaitable[None]],
        decide: Callable[[list[tuple[Delivery, Outcome]]], None],
    ) -> None:
        """All suspects by *handle*, one by one; closed or cancelled, it gives back by *decide* those not begun."""
        suspects: list[Delivery] = []
        try:
            while suspects := await self._waiting.take(1):
                if self._waiting.closed:
                    break
                async with self._caution.turn(suspects[0], self._emit, self._pipeline):
                    await handle([suspects.pop()])
        finally:
            left = suspects + self._waiting.empty()
            decide([(delivery, Released()) for delivery in left])
            self._caution.ended(len(left))

    def close(self) -> None:
        """Begin none any more."""
        self._waiting.close()

    def _apart(self, deliveries: Sequence[Delivery]) -> tuple[list[Delivery], list[Delivery], list[Delivery]]:
        """Free of suspicion; suspects; and, with order in the groups, what is behind a suspect in one of them."""
        free: list[Delivery] = []
        suspects: list[Delivery] = []
        behind: list[Delivery] = []
        stopped: set[str] = set()
        for delivery in deliveries:
            if self._ordered and group_of(delivery) in stopped:
                behind.append(delivery)
            elif self._caution.suspects(delivery, last=self._last):
                suspects.append(delivery)
                stopped.add(group_of(delivery))
            else:
                free.append(delivery)
        return free, sorted(suspects, key=_receipts), behind


def _receipts(delivery: Delivery) -> int:
    """Those received least often first: they are the least likely to end the process, and then they are done."""
    return delivery.receive_count
