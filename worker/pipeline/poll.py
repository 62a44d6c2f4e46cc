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
from worker.backoff import full_jitter
from worker.errors import QueueError, QueueOverLimit, QueueRefused, QueueUnavailable
from worker.limit import Limits
from worker.outcome import Released
from worker.pipeline import tuning
from worker.pipeline.parking import ANSWER_MARGIN_SECONDS, Parking
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

SILENT: Final = "no answer; the connection is given up"
UNREAD: Final = (
    "answered, but what is in hand left no room in IN_FLIGHT_MAX_BYTES for the answer while its leases lived: "
    "given up, and its messages come again, with a receive spent"
)
PATIENCE_SECONDS: Final = 0.1
"""How long to wait for room for a full receive before asking for less: fewer, fuller requests."""
REFUSED_PAUSE_SECONDS: Final = 10.0
"""Between tries after an error that only people can mend: as often as refused credentials are asked for anew."""
OVER_LIMIT_PAUSE_SECONDS: Final = 5.0
FAILED_PAUSE_BASE_SECONDS: Final = 0.5
FAILED_PAUSE_MAX_SECONDS: Final = 30.0
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

    def __init__(  # noqa: PLR0913 - a stage is wired to its neighbours in one place, app.py
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
        self._queue = queue
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
        self._limits = Limits()
        self._stop = asyncio.Event()  # set by stop
        self._stages: Stages | None = None  # written by run
        self._failures = 0  # failed receives in a row; written by the receivers
        self._failing_since = 0.0  # loop time; written with _failures
        self._failed_at = 0.0  # loop time of the last failure that counted; written with _failures
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
            self._limits.end()

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
            deliveries = await self._ask(reservation, attempt, wait)
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

    async def _ask(self, room: Reservation, attempt: str | None, wait: float) -> list[Delivery]:
        clock = self._limits.over(wait + ANSWER_MARGIN_SECONDS)
        parking = Parking(room, clock, self._ledger.lease_seconds)
        try:
            with clock:
                return await self._queue.receive(room.messages, wait, attempt_id=attempt, admission=parking)
        except TimeoutError as error:
            raise QueueUnavailable("receive", "Timeout", UNREAD if parking.parked else SILENT) from error

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
        if self._failures:
            failures, self._failures = self._failures, 0
            self._emit(facts.ReceiveRecovered(self._pipeline, failures, self.progress_at - self._failing_since))
        self._follow_load(asked, count, waited=reservation.waited_seconds > 0 or self._gate.small)

    def _follow_load(self, asked: int, count: int, *, waited: bool) -> None:
        self.wanted = tuning.receivers(
            self.receivers, asked=asked, received=count, waited=waited, maximum=self._settings.receivers
        )
        if self.wanted > self.receivers and not self.stopping and self._room.free(1):
            self._start()

    async def _pause(self, error: QueueError, began: float) -> None:
        """Wait by the kind of trouble. All receivers but one retire, and what fails side by side has failed once:
        else one bad moment of 64 long polls would be 64 failures in a row, and the longest of their pauses the last.
        """
        if not self._failures:
            self._failing_since = self._now()
        if not self._failures or began >= self._failed_at:
            self._failures += 1
            self._failed_at = self._now()
        self.wanted = 1
        match error:
            case QueueRefused():
                seconds = REFUSED_PAUSE_SECONDS
            case QueueOverLimit():
                seconds = OVER_LIMIT_PAUSE_SECONDS
            case _:
                seconds = full_jitter(
                    self._failures,
                    self._random,
                    base_seconds=FAILED_PAUSE_BASE_SECONDS,
                    max_seconds=FAILED_PAUSE_MAX_SECONDS,
                )
        refused = isinstance(error, QueueRefused)
        self._emit(facts.ReceiveFailed(self._pipeline, error.code, error.detail, seconds, refused))
        if self.receivers <= self.wanted:
            await self._rest(max(seconds, EMPTY_PAUSE_SECONDS))

    async def _rest(self, seconds: float) -> None:
        """Sleep, unless stopped first."""
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            self.progress_at = self._now()
