"""Batch leases: before each try, which records of one batch may still be given to the sink.

Takes the deliveries of the batch; asked at each try. A lease that is over keeps its record from the sink, since another
worker may have the message by now, and with order in the groups also what is behind it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Final

from worker import facts
from worker.outcome import Released

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from collections.abc import Set as AbstractSet

    from worker.message import Delivery, Message
    from worker.pipeline.life import Life

LEASE_OVER: Final = Released("lease-over")
"""Not begun: another worker may have it by now, or what is before it in its group."""


@dataclass(frozen=True, slots=True)
class NotBegun:
    """What a try must leave out, so that it does not begin; ids of messages."""

    over: AbstractSet[str]
    """Their leases are over."""
    behind: AbstractSet[str]
    """They are behind such a one in their group, perhaps one that is not in this try."""


class BatchLeases:
    """The leases of one batch, from the handler to the end of its write."""

    def __init__(
        self,
        deliveries: Sequence[Delivery],
        *,
        life: Life,
        limit_seconds: float | None,
        ordered: bool,
        clock: Callable[[], float],
    ) -> None:
        self._deliveries = deliveries
        self._life = life
        self._ordered = ordered
        self._limit_seconds = limit_seconds
        self._now = clock
        self._farthest = [] if limit_seconds is None else [delivery.renew_until for delivery in deliveries]

    def begin(self, records: Sequence[Message]) -> NotBegun | None:
        """A try of *records* begins, and renewing ends with its time limit; or what it must leave out first.

        With order in the groups that is also what is behind a lease that is over, written a moment ago or not.
        """
        now = self._now()
        late = [one for one in self._deliveries if one.lost or one.deadline <= now or one.lane is not None]
        over = {one.message_id for one in late if one.over(now)}
        if over:
            ids = {record.id for record in records}
            not_begun = NotBegun(ids & over, ids & self._behind(over) if self._ordered else frozenset())
            if not_begun.over or not_begun.behind:
                return not_begun
        if self._limit_seconds is not None:
            self._renew_until(now + self._limit_seconds)
        return None

    def _behind(self, over: AbstractSet[str]) -> set[str]:
        groups: set[str | None] = set()
        behind: set[str] = set()
        for delivery in self._deliveries:
            if delivery.message_id in over:
                groups.add(delivery.group_id)
            elif delivery.group_id in groups:
                behind.add(delivery.message_id)
        return behind

    def end(self) -> None:
        """The try has ended, and with it its limit: between two tries there is none but SQS's own."""
        if self._limit_seconds is not None:
            self._renew_until(inf)

    def _renew_until(self, until: float) -> None:
        for delivery, far in zip(self._deliveries, self._farthest, strict=True):
            self._life.renew_until(delivery, min(far, until))


def leases_over(pipeline: str, count: int) -> facts.LeasesLost:
    """What is told when *count* leases are found to be over before their records were begun."""
    return facts.LeasesLost(pipeline, "LeaseOver", count)
