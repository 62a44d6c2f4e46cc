"""Poll: asks SQS for what there is room for, with as many long polls side by side as the load wants.

Takes room from the ledger, gives entered deliveries to the buffer (and already written ones to the settler). A
receiver asks, waits, enters what came, and decides whether there should be one receiver more or one fewer. It ends
when stopped, after the receive under way was answered; what such a receive brings is released.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from worker import facts
from worker.errors import QueueError
from worker.outcome import Released
from worker.pipeline import tuning
from worker.pipeline.receive_trouble import ReceiveTrouble
from worker.pipeline.receiving import Receiving
from worker.pipeline.stage import Stages

if TYPE_CHECKING:
    from random import Random

    from worker.facts import Emit
    from worker.message import Delivery
    from worker.pipeline.buffer import Buffer
    from worker.pipeline.gate import Gate
    from worker.pipeline.ledger import Ledger
    from worker.pipeline.room import Reservation
    from worker.pipeline.settle import Settler
    from worker.sqs.queue import Queue

PATIENCE_SECONDS: Final = 0.1
"""How long to wait for room for a full receive before asking for less: fewer, fuller requests."""
EMPTY_PAUSE_SECONDS: Final = 0.5
"""Floor between empty answers, should a server ignore the wait or the settings ask for none: two polls a second."""


@dataclass(frozen=True, slots=True)
class PollSettings:
    """The bounds of receiving."""

    limit: int
    """Messages asked for in one receive, 1-10."""
    wait_seconds: float
    receivers: int
    """The most receivers side by side."""
    repeatable: bool = False
    """FIFO: a receive whose answer was lost is asked again under the same attempt id, and brings the same."""


class Poller:
    """All receivers of one queue."""

    def __init__(  # noqa: PLR0913 - a stage is wired to its neighbours in one place, app/build.py
        self,
        queue: Queue,
        *,
        settings: PollSettings,
        ledger: Ledger,
        buffer: Buffer,
        settler: Settler,
        gate: Gate,
        random: Random,
        emit: Emit,
        pipeline: str,
    ) -> None:
        self._now = asyncio.get_running_loop().time
        self._settings = settings
        self._ledger = ledger
        self._room = ledger.room
        self._buffer = buffer
        self._settler = settler
        self._gate = gate
        self._random = random
        self._emit = emit
        self._pipeline = pipeline
        self._receiving = Receiving(queue, lease_seconds=ledger.lease_seconds)
        self._stop = asyncio.Event()  # set by stop
        self._stages: Stages | None = None  # written by run
        self._trouble = ReceiveTrouble(random, emit=emit, pipeline=pipeline)
        self.receivers = 0  # running now; written by _start and _receive_until_stopped
        self.wanted = 1  # as the load has it; written by the receivers
        self.progress_at = 0.0  # loop time at which a receiver last got anywhere; written by the receivers
        self.receive_seconds = 0.0  # smoothed round trip of full receives; written by the receivers
        self.empties = 0  # empty answers in a row; written by the receivers, read by draining

    async def run(self) -> None:
        """Receive until stopped."""
        self.progress_at = self._now()
        try:
            async with Stages(may_return=lambda: True) as self._stages:  # a receiver retires when there are too many
                self._start()
        finally:
            self._receiving.end()

    def stop(self) -> None:
        """Begin no receive any more; `run` returns when those under way are answered."""
        self._stop.set()
        self._gate.let_go()

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stop.is_set()

    def _start(self) -> None:
        assert self._stages is not None  # noqa: S101 - only called by run and by receivers inside it
        self.receivers += 1
        self._stages.start(self._receive_until_stopped, name=f"receive-{self._pipeline}-{self.receivers}")
        self._emit(facts.ReceiversChanged(self._pipeline, self.receivers))

    async def _receive_until_stopped(self) -> None:
        """One receiver; it retires when there are more receivers than wanted.

        What was asked for without an answer is owed: the same attempt brings the same messages, whatever is asked now.
        """
        attempt, owed, waited = self._attempt(), 0, 0.0
        now = self._now
        try:
            while not self.stopping and self.receivers <= self.wanted:
                if owed and owed > self._room.most(self._settings.limit):
                    attempt, owed = self._attempt(), 0  # never room for its answer again: the leases may run out
                began = now()
                reservation = await self._reserve(owed)
                if reservation is None:
                    waited += now() - began
                else:
                    reservation.waited_seconds += waited
                    asked, waited = reservation.messages, 0.0
                    answered = await self._receive(reservation, attempt)
                    attempt, owed = (self._attempt(), 0) if answered else (attempt, asked if attempt else 0)
        finally:
            self.receivers -= 1
            self._emit(facts.ReceiversChanged(self._pipeline, self.receivers))

    async def _reserve(self, owed: int) -> Reservation | None:
        """Room for a full receive if possible, or for less after a little patience; for what is *owed*, if anything is.

        None while nothing may be asked for, or no room is found.
        """
        if not await self._gate.opened():
            self.progress_at = self._now()
            return None
        wanted = owed or self._room.most(self._gate.most(self._settings.limit))  # more could never be taken in
        reservation = self._room.reserve_now(wanted)
        if reservation is None:
            reservation = await self._room.reserve_soon(wanted, at_least=owed or 1, within_seconds=PATIENCE_SECONDS)
        self.progress_at = self._now()
        if reservation is not None and not self._begins(reservation):
            self._room.cancel(reservation)
            return None
        return reservation

    def _begins(self, reservation: Reservation) -> bool:
        if self._gate.crowded(reservation):
            self.wanted = 1  # who is too many retires
            return False
        return not self.stopping and self._gate.lets(reservation)

    def _attempt(self) -> str | None:
        return f"{self._random.getrandbits(128):032x}" if self._settings.repeatable else None

    async def _receive(self, reservation: Reservation, attempt: str | None) -> bool:
        """One receive; whether it was answered."""
        began = self._now()
        failure: QueueError | None = None
        deliveries: list[Delivery] = []
        size = 0
        wait = self._gate.longest(self._settings.wait_seconds, asked=reservation.messages)
        try:
            deliveries = await self._receiving.receive(reservation, attempt, wait)
            size = self._enter(deliveries)
        except QueueError as error:
            failure = error
        finally:
            self._room.cancel(reservation)  # in the step in which what came took its place: others wait for it
        if failure is not None:
            await self._pause(failure, began)
            return False
        self._note(reservation, deliveries, size, self._now() - began)
        in_vain = not deliveries and self._now() - began < EMPTY_PAUSE_SECONDS
        if in_vain and (wait or not self._settings.wait_seconds):  # the one after a glance waits at SQS
            await self._rest(EMPTY_PAUSE_SECONDS)
        return True

    def _enter(self, deliveries: list[Delivery]) -> int:
        """From here on the ledger knows them: they are handled, deleted as written, or released. Their bytes."""
        entered = self._ledger.enter(deliveries)
        if entered.superseded:
            self._emit(facts.DuplicatesReceived(self._pipeline, entered.superseded))
            self._emit(facts.DeliveriesSettled(self._pipeline, "expired", entered.superseded))
        if entered.written:
            self._emit(facts.RedeliveriesRecognised(self._pipeline, len(entered.written)))
            self._buffer.written(entered.written)
            self._settler.delete_again(entered.written)
        if self.stopping:
            self._settler.settle([(delivery, Released()) for delivery in reversed(entered.fresh)])
        else:
            self._gate.received(entered.fresh)
            self._settler.settle(self._buffer.put(entered.fresh))
        return entered.size

    def _note(self, reservation: Reservation, deliveries: list[Delivery], size: int, seconds: float) -> None:
        """Count the answer and let the number of receivers follow it."""
        asked, count = reservation.messages, len(deliveries)
        self.progress_at = self._now()
        self.empties = 0 if count else self.empties + 1
        if count == asked:
            self.receive_seconds = tuning.smoothed(self.receive_seconds, seconds)
        received_at = deliveries[0].received_at if deliveries else 0.0
        sent_at = tuple([delivery.sent_at for delivery in deliveries])
        self._emit(
            facts.MessagesReceived(
                self._pipeline, asked, count, size, seconds, sent_at, received_at, reservation.waited_seconds
            )
        )
        self._trouble.answered()
        self._follow_load(asked, count, waited=reservation.waited_seconds > 0 or self._gate.small)

    def _follow_load(self, asked: int, count: int, *, waited: bool) -> None:
        self.wanted = tuning.receivers(
            self.receivers, asked=asked, received=count, waited=waited, maximum=self._settings.receivers
        )
        if self.wanted > self.receivers and not self.stopping and self._room.free(1):
            self._start()

    async def _pause(self, error: QueueError, began: float) -> None:
        """All receivers but one retire; that one waits by the kind of trouble."""
        self.wanted = 1
        seconds = self._trouble.failed(error, began)
        if self.receivers <= self.wanted:
            await self._rest(max(seconds, EMPTY_PAUSE_SECONDS))

    async def _rest(self, seconds: float) -> None:
        """Sleep, unless stopped first."""
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            self.progress_at = self._now()
