"""Room: how much may be in flight, in messages and in bytes, and who has set how much of it aside.

The poller sets room aside before it asks for messages, the ledger turns it into room held when they came, and gives it
back when they leave. Both bounds are hard: what is held and what is set aside never exceed them together.

How much is set aside for a receive depends on the queue. One that measures its answers before it takes them in asks for
more when the usual is not enough, and waits; for any other, every message may turn out to be the largest there is.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from worker.waiting.wait_queue import Waiter, WaitQueue

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

SLACK: Final = 1.25
"""Set aside this much more than the largest answer lately, so that few have to ask."""
FORGETTING: Final = 0.98
"""Of what is expected of an answer, kept at each smaller one: fifty receives after the large ones it is small again."""


class Reservation:
    """Room set aside for one receive: the `Admission` that its queue may ask."""

    def __init__(self, messages: int, granted: int, admit: Callable[[Reservation, int], Awaitable[None]]) -> None:
        self.messages = messages
        self.granted = granted
        """Bytes. Written by `Room`."""
        self.admitted = False
        """Its answer is here, and what is granted is for it. Written by `Room`."""
        self.waited_seconds = 0.0
        """Until there was room. Written by `Room`."""
        self._admit = admit

    async def admit(self, size: int) -> None:
        """Wait until there is room for *size* bytes, or for as much as this receive can bring."""
        await self._admit(self, size)


@dataclass(slots=True, eq=False)
class _WaitingReceive(Waiter[Reservation]):
    """A receive that waits for room."""

    messages: int
    at_least: int
    """Messages, when its patience is over."""


@dataclass(slots=True, eq=False)
class _WaitingAnswer(Waiter[Reservation]):
    """An answer that waits for room."""

    reservation: Reservation
    size: int
    """Bytes."""


class Room:
    """Both bounds of one pipeline. The poller calls `reserve` and `cancel`, the ledger what holds and leaves."""

    def __init__(self, *, max_messages: int, max_bytes: int, largest_message: int, frame_bytes: int | None) -> None:
        self.max_messages = max_messages
        """Written by the pipeline's tuning; never above the setting."""
        self.max_bytes = max_bytes
        self.messages = 0
        """Held. Written by `hold` and `leave`."""
        self.bytes = 0
        """Held. Written as `messages`."""
        self._largest = min(largest_message, max_bytes)
        self._expected = 0
        """Bytes of a message, as the latest receives brought them. Written by `expect` and `_admit`."""
        self._frame_bytes = frame_bytes
        """As `Queue.frame_bytes`: None, and every message is taken for the largest."""
        self._reserved = 0
        """Messages. Written by `reserve` and `cancel`."""
        self._reserved_bytes = 0
        """Written as `_reserved`, and by `_admit`."""
        self._open: dict[Reservation, None] = {}
        """Set aside and not cancelled. Written by `reserve` and `cancel`."""
        self._answers: WaitQueue[_WaitingAnswer, Reservation] = WaitQueue(self._offer_answer, take_back=self._revoke)
        """They have messages with leases that run, so they come before all receives."""
        self._receives: WaitQueue[_WaitingReceive, Reservation] = WaitQueue(
            self._offer_whole, last_offer=self._offer_part, take_back=self.cancel
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        """Of whoever waits. Written by `reserve_soon`."""

    def alone(self, reservation: Reservation, *, beside: int = 0) -> bool:
        """Nothing is held *beside* so many messages, and nothing else asked for."""
        return self.messages <= beside and self._reserved == reservation.messages

    @property
    def parked(self) -> int:
        """Answers that are here and wait for room."""
        return len(self._answers.waiting)

    @property
    def asked_for(self) -> int:
        """Messages that receives under way may bring."""
        return self._reserved

    @property
    def bytes_taken(self) -> int:
        """Held and set aside: never above the bound."""
        return self.bytes + self._reserved_bytes

    def free(self, limit: int) -> int:
        """How many of *limit* messages may be asked for now; none while an answer waits."""
        if self._answers.waiting:
            return 0
        messages = self.max_messages - self.messages - self._reserved
        by_bytes = (self.max_bytes - self.bytes_taken) // self._share()
        return max(0, min(limit, messages, by_bytes))

    def most(self, limit: int) -> int:
        """How many of *limit* there could ever be room for: all, unless a bound is smaller than that."""
        return max(1, min(limit, self.max_messages, self.max_bytes // self._largest))

    def reserve(self, messages: int) -> Reservation:
        """Set room aside for a receive of *messages*; the caller has asked `free` in the same step."""
        reservation = Reservation(messages, messages * self._share(), self._admit)
        self._open[reservation] = None
        self._reserved += messages
        self._reserved_bytes += reservation.granted
        return reservation

    def reserve_now(self, messages: int) -> Reservation | None:
        """Set room aside for *messages* if they fit and nobody waits for room already."""
        fit = (
            not (self._receives.waiting or self._answers.waiting)
            and self.messages + self._reserved + messages <= self.max_messages
            and self.bytes_taken + messages * self._share() <= self.max_bytes
        )
        return self.reserve(messages) if fit else None

    async def reserve_soon(self, messages: int, *, at_least: int = 1, within_seconds: float) -> Reservation | None:
        """Set room aside for *messages*, or after a little patience for as many as fit; None if *at_least* do not fit.

        Who waits is served in order, and woken only to be served: sixteen receivers that look at every change cost more
        than all the messages.
        """
        if (at_once := self.reserve_now(messages)) is not None:
            return at_once
        loop = self._loop = self._loop or asyncio.get_running_loop()
        began = loop.time()
        reservation = await self._receives.wait(_WaitingReceive(messages, at_least), until=began + within_seconds)
        if reservation is not None:
            reservation.waited_seconds = loop.time() - began
        return reservation

    def _offer_whole(self, receive: _WaitingReceive) -> Reservation | None:
        wanted = receive.messages
        return self.reserve(wanted) if self.free(wanted) == wanted else None

    def _offer_part(self, receive: _WaitingReceive) -> Reservation | None:
        fitting = self.free(receive.messages)
        return self.reserve(fitting) if fitting >= receive.at_least else None

    def cancel(self, reservation: Reservation) -> None:
        """Give the room of a receive back; what came of it is held in the same step."""
        del self._open[reservation]
        self._reserved -= reservation.messages
        self._reserved_bytes -= reservation.granted
        reservation.granted = 0
        self._notify()

    def hold(self, messages: int, size: int) -> None:
        """Deliveries came in."""
        self.messages += messages
        self.bytes += size

    def leave(self, messages: int, size: int) -> None:
        """Deliveries left."""
        self.messages -= messages
        self.bytes -= size
        self._notify()

    def expect(self, messages: int, size: int) -> None:
        """A receive brought *messages* of *size* bytes together: the next will be alike."""
        if messages:
            self._expected = max(int(self._expected * FORGETTING), int(size / messages * SLACK))

    async def _admit(self, reservation: Reservation, size: int) -> None:
        """Exchange what is granted for *size* bytes, in the order of asking.

        What was granted is given up meanwhile: many small grants that wait for each other would wait for ever. Receives
        without an answer yet give theirs up as well, or an answer here would wait, and its leases run, for as long as
        their long polls last.
        """
        size = min(size, reservation.messages * self._largest)
        if size <= reservation.granted:
            reservation.admitted = True  # there will never be more, however large the answer is on its way
            return
        self._expected = max(self._expected, size // reservation.messages)
        self._revoke(reservation)
        self._answers.advance()
        answer = _WaitingAnswer(reservation, size)
        try:
            if self._answers.waiting or not self._offer_answer(answer):
                await self._answers.wait(answer)
        finally:
            self._notify()

    def _offer_answer(self, answer: _WaitingAnswer) -> Reservation | None:
        reservation, size = answer.reservation, answer.size
        if not self._make_room(size):
            return None
        self._reserved_bytes += size
        reservation.granted, reservation.admitted = size, True
        return reservation

    def _revoke(self, reservation: Reservation) -> None:
        """Take away the bytes that are granted: its answer is not here, or does not fit, or nobody waits for it."""
        self._reserved_bytes -= reservation.granted
        reservation.granted, reservation.admitted = 0, False

    def _make_room(self, size: int) -> bool:
        """Whether *size* bytes fit, if need be in place of what is granted to answers that are not here."""
        for reservation in self._open:
            if self.bytes_taken + size <= self.max_bytes:
                break
            if not reservation.admitted:
                self._revoke(reservation)
        return self.bytes_taken + size <= self.max_bytes

    def _share(self) -> int:
        """Bytes to set aside for a message."""
        return self._largest if self._frame_bytes is None else min(self._largest, self._expected + self._frame_bytes)

    def _notify(self) -> None:
        """Something was given back: let those go on who wait for it."""
        if self._answers.waiting:
            self._answers.advance()
        if self._receives.waiting:
            self._receives.advance()
