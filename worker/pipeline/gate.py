"""Gate: whether a receive may begin, and for how much it may ask, while something is wrong.

Asked by the poller before each receive, and told what it brought. While the sink is away nothing is asked for, but when
all that is in hand has failed another message has to try it. While there is caution a receive is short, and asks for
one message if the like of it may have ended a process; one that asks for more does not wait at all, or what a crash
left behind would fall into it together. While a suspect is in hand there is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.pipeline.caution import POLL_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.message import Delivery
    from worker.pipeline.aside import Aside
    from worker.pipeline.breaker import Breaker
    from worker.pipeline.buffer import Buffer
    from worker.pipeline.caution import Caution
    from worker.pipeline.room import Reservation, Room

AWAY_SECONDS: Final = 1.0
"""Between two looks, while the sink is away, whether anything is left in hand to try it with."""


class Gate:
    """One per pipeline."""

    def __init__(
        self,
        *,
        room: Room,
        buffer: Buffer,
        aside: Aside,
        breaker: Breaker,
        caution: Caution,
        own_code: bool,
        last_receive: int | None,
    ) -> None:
        self._room = room
        self._buffer = buffer
        self._aside = aside
        self._breaker = breaker
        self._caution = caution
        self._own_code = own_code
        self._last = last_receive

    async def opened(self) -> bool:
        """Wait while nothing may be asked for, but not for long; whether that is over."""
        if self._breaker.is_open:
            await self._breaker.closed(within_seconds=AWAY_SECONDS)
        return not self._caution.occupied or await self._caution.free(within_seconds=AWAY_SECONDS)

    def let_go(self) -> None:
        """Hold nobody any longer: the poller is stopping."""
        self._breaker.let_go()

    @property
    def small(self) -> bool:
        """Whether a receive should bring one message, since a process may have crashed on the like of it."""
        return self._own_code and self._caution.active and self._caution.small

    def most(self, limit: int) -> int:
        """How many of *limit* messages a receive may ask for."""
        return 1 if self._breaker.is_open or self.small else limit

    def longest(self, seconds: float, *, asked: int) -> float:
        """How long a receive of *asked* messages may wait that else would wait for *seconds*."""
        if not self._caution.active:
            return seconds
        glance = self._own_code and (asked > 1 or not self.small)
        return 0.0 if glance else min(seconds, POLL_SECONDS)

    def crowded(self, reservation: Reservation) -> bool:
        """Whether this receive has another one beside it that it should not have."""
        return self.small and self._room.asked_for > reservation.messages

    def lets(self, reservation: Reservation) -> bool:
        """Whether this receive may begin, for which room is set aside."""
        if self._caution.occupied:
            return False
        if not self._breaker.is_open:
            return True
        failed = self._aside.failed
        alone = self._room.alone(reservation, beside=failed + self._buffer.resting)
        return alone and self._breaker.wants_another(failed)

    def received(self, fresh: Sequence[Delivery]) -> None:
        """A receive brought these, perhaps nothing."""
        if self._own_code and self._caution.active:
            self._caution.received(fresh, last=self._last)
        if fresh and self._breaker.is_open:
            self._breaker.heard_another(len(fresh))
