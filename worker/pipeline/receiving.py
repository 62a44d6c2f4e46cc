"""Receiving: one receive, with a clock of its own.

Takes the room set aside for it, gives what SQS handed out. A connection may die without a word, so an answer that is
later than the wait and a little more is given up; one that is here and waits for room, as long as its leases live.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.errors import QueueUnavailable
from worker.pipeline.parking import ANSWER_MARGIN_SECONDS, Parking
from worker.waiting.limit import Limits

if TYPE_CHECKING:
    from worker.message import Delivery
    from worker.pipeline.room import Reservation
    from worker.sqs.queue import Queue

SILENT: Final = "no answer; the connection is given up"
UNREAD: Final = (
    "SQS answered, but messages in hand left no room in IN_FLIGHT_MAX_BYTES for the answer while its leases lived: "
    "given up, and its messages come again, with a receive spent"
)


class Receiving:
    """One for all receivers of a queue."""

    def __init__(self, queue: Queue, *, lease_seconds: float) -> None:
        self._queue = queue
        self._lease_seconds = lease_seconds
        self._limits = Limits()

    async def receive(self, room: Reservation, attempt: str | None, wait: float) -> list[Delivery]:
        """What SQS hands out within *wait* seconds, at most as much as there is *room* for.

        Raises:
            QueueError: as the queue says, or `QueueUnavailable` when its time is over.
        """
        clock = self._limits.within(wait + ANSWER_MARGIN_SECONDS)
        parking = Parking(room, clock, self._lease_seconds)
        try:
            with clock:
                return await self._queue.receive(room.messages, wait, attempt_id=attempt, admission=parking)
        except TimeoutError as error:
            raise QueueUnavailable("receive", "Timeout", UNREAD if parking.parked else SILENT) from error

    def end(self) -> None:
        """No receive is open any more."""
        self._limits.end()
