"""A `Queue` over a simulated network: the loopback's semantics at the far end, delays and faults on the way.

Takes what every `Queue` takes, gives what the SDK's door would, its time limits and its estimate of when a lease began
included; and tells the witness what this worker asked for and was told. It ends with its process.
"""

from __future__ import annotations

import asyncio
from email.utils import formatdate
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar, cast

from worker.errors import QueueError, QueueRefused, QueueThrottled, QueueUnavailable
from worker.sqs.lease import LeaseClock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from tests.model.invariants import Witness
    from tests.model.network import Network
    from tests.model.process import SimProcess
    from worker.loopback.in_memory import MemoryQueue
    from worker.message import Delivery, Outgoing
    from worker.sqs.queue import Admission, EntryResult, QueueAttributes

T = TypeVar("T")

SETTLE_SECONDS: Final = 10.0
MARGIN_SECONDS: Final = 5.0
"""The two as in sqs/sdk: the limits of a call."""
FAR_CLOCK: Final = 1_234_567_890.7
"""What the server's clock says when the loop's says 0."""
NOTICED: Final = 0.5
"""How often SQS notices that a caller has gone before it has answered him."""


class Ticket(NamedTuple):
    """The receipt handle as it was when the request left; the ledger may put a newer one into the delivery."""

    receipt_handle: str


FRAME_BYTES: Final = 50
"""Little, so that what is expected is less than the largest."""
REST_SECONDS: Final = 0.05
"""Until the rest of an answer that had to wait for room is here."""


class SimWire:
    """One worker's client of one queue."""

    def __init__(
        self, far: MemoryQueue, *, process: SimProcess, network: Network, witness: Witness, measured: bool
    ) -> None:
        self._far = far
        self._process = process
        self._network = network
        self._witness = witness
        self._measured = measured
        self._leases = LeaseClock()

    @property
    def name(self) -> str:
        """The queue's name."""
        return self._far.name

    @property
    def frame_bytes(self) -> int | None:
        """Whether an answer is measured before it is taken in."""
        return FRAME_BYTES if self._measured else None

    async def receive(
        self, limit: int, wait: float, *, attempt_id: str | None = None, admission: Admission | None = None
    ) -> list[Delivery]:
        """At most *limit* deliveries after at most *wait* seconds."""
        self._witness.receive_asked(self._process)
        self._process.receives += 1
        try:
            deliveries = await self._receive(limit, wait, attempt_id, admission)
        finally:
            self._process.receives -= 1
        self._process.handed(deliveries)
        return deliveries

    async def _receive(
        self, limit: int, wait: float, attempt_id: str | None, admission: Admission | None
    ) -> list[Delivery]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        deliveries, date = await self._call(
            "receive", wait + MARGIN_SECONDS, lambda: self._far.receive(limit, wait, attempt_id=attempt_id)
        )
        if deliveries:  # dated when they were handed out: what comes later is its way, or its time in a socket
            date = dated(deliveries[0].leased_at)
        guess = self._leases.leased_at(began, loop.time(), wait, date)
        if self._measured and admission is not None:
            await self._admitted(deliveries, admission)
        truth = [delivery.leased_at for delivery in deliveries]
        for delivery in deliveries:
            delivery.leased_at = guess
        self._process.known_leases.received(deliveries, truth)
        return deliveries

    async def _admitted(self, deliveries: Sequence[Delivery], admission: Admission) -> None:
        """Take the answer in when there is room for it."""
        size = sum(delivery.size for delivery in deliveries) + FRAME_BYTES * len(deliveries)
        if size > admission.granted:
            try:
                await admission.admit(size)
            except asyncio.CancelledError:  # given up with its leases
                self._witness.left_unread(self._process, deliveries, size)
                raise
            await asyncio.sleep(REST_SECONDS)
        self._witness.admitted(self._process, sum(delivery.size for delivery in deliveries), admission.granted)

    async def delete(self, deliveries: Sequence[Delivery]) -> list[EntryResult]:
        """Delete 1-10 deliveries."""
        leases = self._process.known_leases
        leases.delete_asked(deliveries)
        asked = self._witness.delete_asked(self._process, deliveries)
        tickets = _tickets(deliveries)
        answers = await self._dated("delete", SETTLE_SECONDS, lambda: self._far.delete(tickets))
        self._witness.delete_answered(self._process, asked, answers)
        leases.delete_answered(deliveries, answers)
        return answers

    async def change_visibility(self, deliveries: Sequence[Delivery], seconds: Sequence[int]) -> list[EntryResult]:
        """Set when each delivery is visible again."""
        leases = self._process.known_leases
        self._witness.returned_to_queue(self._process, [d for d, s in zip(deliveries, seconds, strict=True) if not s])
        asked = leases.change_asked(deliveries)
        tickets, seconds = _tickets(deliveries), list(seconds)
        try:
            answers = await self._dated("change", SETTLE_SECONDS, lambda: self._far.change_visibility(tickets, seconds))
        except QueueError as error:
            if not isinstance(error, QueueThrottled | QueueRefused):
                leases.change_unanswered(deliveries, seconds, asked=asked)
            raise
        leases.change_answered(deliveries, seconds, answers, asked=asked)
        return answers

    async def send(self, messages: Sequence[Outgoing]) -> list[EntryResult]:
        """Send 1-10 dead letters."""
        self._witness.letters_asked(self._process, messages)
        answers = await self._dated("send", SETTLE_SECONDS, lambda: self._far.send(messages))
        self._witness.letters_answered(self._process, messages, answers)
        return answers

    async def attributes(self) -> QueueAttributes:
        """Settings and counts, read now."""
        return await self._dated("attributes", SETTLE_SECONDS, self._far.attributes)

    async def close(self) -> None:
        """Nothing is held open."""

    async def _dated(self, operation: str, seconds: float, perform: Callable[[], Awaitable[T]]) -> T:
        """Any call but a receive; its answer says what time it is at the server."""
        now = asyncio.get_running_loop().time
        began = now()
        result, date = await self._call(operation, seconds, perform)
        self._leases.answered(began, now(), date)
        return result

    async def _call(self, operation: str, seconds: float, perform: Callable[[], Awaitable[T]]) -> tuple[T, str]:
        """What was performed, and the Date of its answer."""
        now = asyncio.get_running_loop().time

        async def answer() -> tuple[T, str]:
            return await perform(), dated(now())

        try:
            async with asyncio.timeout(seconds):
                return await self._network.call(answer, noticed=NOTICED)
        except TimeoutError as error:
            raise QueueUnavailable(operation, "Timeout", "no answer") from error


def dated(at: float) -> str:
    """The Date of an answer that was made at loop time *at*."""
    return formatdate(FAR_CLOCK + at, usegmt=True)


def _tickets(deliveries: Sequence[Delivery]) -> list[Delivery]:
    return [cast("Delivery", Ticket(delivery.receipt_handle)) for delivery in deliveries]
