"""Room: how much may be in flight, in messages and in bytes, and who has set how much of it aside.

The poller sets room aside before it asks for messages, the ledger turns it into room held when they came, and gives it
back when they leave. Both bounds are hard: what is held and what is set aside never exceed them together.

How much is set aside for a receive depends on the queue. One that measures its answers before it takes them in asks for
more when the usual is not enough, and waits; for any other, every message may turn out to be the largest there is.
"""

from __future__ import annotations

import asyncio
from collections import deque
from math import inf
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

SLACK: Final = 1.25
"""Set aside this much more than the largest answer lately, so that few have to ask."""
FORGETTING: Final = 0.98
"""Of what is expected of an answer, kept at each smaller one: fifty receives after the large ones it is small again."""


RESOLUTION_SECONDS: Final = 0.001
"""uvloop's timers have whole milliseconds, and may go off that much too soon."""


class _Place(NamedTuple):
    """In the queue of receives that wait for room."""

    messages: int
    until: float
    """Loop time at which its patience is over."""
    served: asyncio.Future[Reservation | None]


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
        self._asking: deque[Reservation] = deque()
        """Answers that wait for room, the oldest first. Written by `_admit`."""
        self._freed = asyncio.Event()
        """Set at every change; cleared by who waits for one with an answer in its hands."""
        self._queueing: deque[_Place] = deque()
        """Receives that wait for room, the oldest first. Written by `reserve_soon` and `_notify`."""
        self._looking_at = inf
        """Loop time of the timer, no later than the first patience is over. Written by `_look_at` and `_look`."""
        self._timer: asyncio.TimerHandle | None = None
        """Written with `_looking_at`."""
        self._loop: asyncio.AbstractEventLoop | None = None
        """Of whoever waits. Written by `reserve_soon`."""

    def alone(self, reservation: Reservation, *, beside: int = 0) -> bool:
        """Nothing is held *beside* so many messages, and nothing else asked for."""
        return self.messages <= beside and self._reserved == reservation.messages

    @property
    def parked(self) -> int:
        """Answers that are here and wait for room."""
        return len(self._asking)

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
        if self._asking:
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
            not (self._queueing or self._asking)
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
        reservation = await self._queue_up(loop, _Place(messages, began + within_seconds, loop.create_future()))
        if reservation is None:
            fitting = self.free(messages)
            reservation = self.reserve(fitting) if fitting >= at_least else None
        if reservation is not None:
            reservation.waited_seconds = loop.time() - began
        return reservation

    async def _queue_up(self, loop: asyncio.AbstractEventLoop, place: _Place) -> Reservation | None:
        """What was set aside for *place* when its turn came; None when its patience was over first."""
        self._queueing.append(place)
        if place.until < self._looking_at:
            self._look_at(loop, place.until)
        try:
            return await place.served
        except asyncio.CancelledError:
            if place.served.cancelled():
                self._send_away([place])
            elif (unwanted := place.served.result()) is not None:
                self.cancel(unwanted)
            raise

    def _look_at(self, loop: asyncio.AbstractEventLoop, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._looking_at = loop.call_at(at, self._look, loop), at

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Send away whose patience is over, and look again when the next one's is."""
        self._timer, self._looking_at = None, inf
        now = loop.time() + RESOLUTION_SECONDS
        self._send_away([place for place in self._queueing if place.until <= now])
        if self._queueing:
            self._look_at(loop, min(place.until for place in self._queueing))

    def _send_away(self, places: Sequence[_Place]) -> None:
        """Out of the queue, unserved."""
        self._queueing = deque(place for place in self._queueing if place not in places)
        for place in places:
            if not place.served.done():
                place.served.set_result(None)
        self._notify()  # the next one may want less

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
        self._reserved_bytes -= reservation.granted
        reservation.granted = 0
        self._asking.append(reservation)
        self._notify()
        try:
            while self._asking[0] is not reservation or not self._make_room(size):
                self._freed.clear()
                await self._freed.wait()
            self._reserved_bytes += size
            reservation.granted, reservation.admitted = size, True
        finally:
            self._asking.remove(reservation)
            self._notify()

    def _make_room(self, size: int) -> bool:
        """Whether *size* bytes fit, if need be in place of what is granted to answers that are not here."""
        for reservation in self._open:
            if self.bytes_taken + size <= self.max_bytes:
                break
            if not reservation.admitted:
                self._reserved_bytes -= reservation.granted
                reservation.granted = 0
        return self.bytes_taken + size <= self.max_bytes

    def _share(self) -> int:
        """Bytes to set aside for a message."""
        return self._largest if self._frame_bytes is None else min(self._largest, self._expected + self._frame_bytes)

    def _notify(self) -> None:
        """Something was given back: let those go on who wait for it."""
        self._freed.set()
        while self._queueing and self.free(self._queueing[0].messages) == self._queueing[0].messages:
            place = self._queueing.popleft()
            if not place.served.done():
                place.served.set_result(self.reserve(place.messages))
