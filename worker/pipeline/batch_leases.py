"""Batch leases: what one batch holds of the queue while it waits for the sink, and whether it may still begin.

Takes the deliveries of the batch; asked at each attempt. A lease that is over keeps its record from the sink, since
another worker may have the message by now, and with order in the groups also what is behind it.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from collections.abc import Set as AbstractSet

    from worker.message import Delivery, Message
    from worker.pipeline.life import Life


class BatchLeases:
    """The leases of one batch in the writer's hands (`Leases`)."""

    def __init__(
        self,
        deliveries: Sequence[Delivery],
        *,
        life: Life,
        limit_seconds: float | None,
        ordered: bool,
        over: Callable[[int], None],
        clock: Callable[[], float],
    ) -> None:
        self._deliveries = deliveries
        self._life = life
        self._ordered = ordered
        self._limit_seconds = limit_seconds
        self._over = over
        self._now = clock
        self._farthest = [] if limit_seconds is None else [delivery.renew_until for delivery in deliveries]

    def begin(self, records: Sequence[Message]) -> AbstractSet[str]:
        """Renewing ends with the time limit of the attempt; those of *records* whose leases are over end it at once.

        With order in the groups so do those behind one whose lease is over, also if that was written a moment ago.
        """
        now = self._now()
        over = {one.message_id for one in self._deliveries if one.over(now)}
        ended = over.intersection(record.id for record in records) if over else over
        if ended:
            self._over(len(ended))
        if over and self._ordered:
            ended |= self._behind(over).intersection(record.id for record in records)
        if not ended and self._limit_seconds is not None:
            self._renew_until(now + self._limit_seconds)
        return ended

    def _behind(self, over: AbstractSet[str]) -> set[str]:
        groups: set[str | None] = set()
        behind: set[str] = set()
        for delivery in self._deliveries:
            if delivery.message_id in over:
                groups.add(delivery.group_id)
            elif delivery.group_id in groups:
                behind.add(delivery.message_id)
        return behind

    def wait(self) -> None:
        """No attempt, no limit but SQS's own."""
        if self._limit_seconds is not None:
            self._renew_until(inf)

    def _renew_until(self, until: float) -> None:
        for delivery, far in zip(self._deliveries, self._farthest, strict=True):
            self._life.renew_until(delivery, min(far, until))
