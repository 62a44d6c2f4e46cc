"""Parking: an answer of SQS that is here already waits for room, for as long as its leases live.

Takes the room set aside for a receive and the clock of its call; ends when the answer has been taken in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from worker.pipeline.room import Reservation
    from worker.waiting.limit import Limit

ANSWER_MARGIN_SECONDS: Final = 5.0
"""An answer later than the wait plus this is given up; the SDK alone would notice a dead long poll after 313 s."""


class Parking:
    """Room for an answer that is here already: it is waited for as long as its leases live, and SQS is not to blame."""

    def __init__(self, room: Reservation, clock: Limit, lease_seconds: float) -> None:
        self._room = room
        self._clock = clock
        self._lease_seconds = lease_seconds
        self.parked = False  # the answer is here, and there is no room for it; written by admit

    @property
    def granted(self) -> int:
        """As the reservation says."""
        return self._room.granted

    async def admit(self, size: int) -> None:
        """Wait for room, then give the rest of the answer its time."""
        self._clock.restart(self._lease_seconds)
        self.parked = True
        await self._room.admit(size)
        self.parked = False
        self._clock.restart(ANSWER_MARGIN_SECONDS)
