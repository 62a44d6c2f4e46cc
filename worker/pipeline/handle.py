"""Handle: N coroutines, each taking a batch through decode, write and decide.

Takes batches of deliveries from the buffer, gives every one of them with its outcome to the settler: `Done` only
after the sink accepted it. A coroutine ends when the buffer is closed; cancelled, it releases the batch in hand, since
nobody knows what the sink has kept of it.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from math import inf
from typing import TYPE_CHECKING

from worker.attempts import judged
from worker.outcome import DONE, Released
from worker.telemetry import events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from worker.message import Delivery, Message
    from worker.outcome import Outcome
    from worker.pipeline.buffer import Buffer
    from worker.pipeline.decode import Batch, Decoder
    from worker.pipeline.settle import Settler
    from worker.pipeline.sizing import Sizing
    from worker.pipeline.write import Writer
    from worker.telemetry.events import Emit


class Handler:
    """What all handler coroutines of a pipeline share."""

    def __init__(  # noqa: PLR0913 - a stage is wired to its neighbours in one place
        self,
        *,
        buffer: Buffer,
        decoder: Decoder,
        writer: Writer,
        settler: Settler,
        write_limit_seconds: float | None,
        max_receives: int | None,
        sizing: Sizing,
        written: Callable[[], None],
        over: Callable[[int], None],
        wall: Callable[[], float],
        emit: Emit,
        pipeline: str,
    ) -> None:
        self._buffer = buffer
        self._decoder = decoder
        self._writer = writer
        self._settler = settler
        self._write_limit = write_limit_seconds
        self._max_receives = max_receives
        self._sizing = sizing
        self._written = written
        self._over = over
        """Told how many leases were found to be over."""
        self._wall = wall
        self._emit = emit
        self._pipeline = pipeline
        self._now = asyncio.get_running_loop().time
        self.handling = 0  # deliveries in a handler's hands; written by run and _decide
        self.batches = 0  # finished; written by _write

    async def run(self) -> None:
        """One coroutine: until the buffer is closed."""
        now = self._now
        free_since = now()
        while deliveries := await self._buffer.take():
            self.handling += len(deliveries)
            await self._handle(deliveries, waited_seconds=now() - free_since)
            free_since = now()

    async def _handle(self, deliveries: list[Delivery], *, waited_seconds: float) -> None:
        """Decode, write, decide; whatever happens, each delivery goes to the settler once."""
        began = self._now()
        with self._given_back_if_cancelled(deliveries):
            batch = await self._decoder.decode(deliveries, began)
        if batch.aside:
            self._decide(self._judged(batch.aside))
        if not batch.records:
            return
        with self._given_back_if_cancelled(batch.deliveries):
            batch.waited_seconds, batch.decode_seconds = waited_seconds, self._now() - began
            outcomes = await self._write(batch)
        decided = list(zip(batch.deliveries, outcomes, strict=True))
        self._decide(decided if outcomes.count(DONE) == len(outcomes) else self._judged(decided))

    def _judged(self, outcomes: list[tuple[Delivery, Outcome]]) -> list[tuple[Delivery, Outcome]]:
        """With a rejection for every retry that would be one too many."""
        most = self._max_receives
        return [(delivery, judged(outcome, delivery.receive_count, most)) for delivery, outcome in outcomes]

    def _decide(self, outcomes: list[tuple[Delivery, Outcome]]) -> None:
        """To the settler, with whatever of their groups these outcomes hold back."""
        self.handling -= len(outcomes)
        self._settler.settle(self._buffer.decided(outcomes))

    @contextmanager
    def _given_back_if_cancelled(self, deliveries: Sequence[Delivery]) -> Iterator[None]:
        try:
            yield
        except asyncio.CancelledError:
            self._decide([(delivery, Released()) for delivery in deliveries])
            raise

    async def _write(self, batch: Batch) -> list[Outcome]:
        began = self._now()
        leases = BatchLeases(batch.deliveries, limit_seconds=self._write_limit, over=self._over, clock=self._now)
        written = await self._writer.write(batch.records, leases=leases)
        leases.wait()  # the attempt is over, and with it its limit: what is held back may wait for another one
        seconds = self._now() - began
        self.batches += 1
        if written.writes == 1:
            self._sizing.written(len(batch.records), seconds)
        self._written()
        pairs = zip(batch.deliveries, written.answers, strict=True)
        accepted = tuple([delivery.sent_at for delivery, answer in pairs if answer is DONE])
        self._emit(
            events.BatchWritten(
                self._pipeline,
                rows=len(written.answers),
                accepted=len(accepted),
                bytes=sum([delivery.weight for delivery in batch.deliveries]),
                waited_seconds=batch.waited_seconds,
                decode_seconds=batch.decode_seconds,
                write_seconds=seconds,
                writes=written.writes,
                sent_at=accepted,
                finished_at=self._wall(),
            )
        )
        return list(written.answers)


class BatchLeases:
    """The leases of one batch in the writer's hands (`Leases`)."""

    def __init__(
        self,
        deliveries: Sequence[Delivery],
        *,
        limit_seconds: float | None,
        over: Callable[[int], None],
        clock: Callable[[], float],
    ) -> None:
        self._deliveries = deliveries
        self._limit_seconds = limit_seconds
        self._over = over
        self._now = clock
        self._farthest = [] if limit_seconds is None else [delivery.renew_until for delivery in deliveries]

    def begin(self, records: Sequence[Message]) -> AbstractSet[str]:
        """Renewing ends with the time limit of the attempt; those of *records* whose leases are over end it at once."""
        now = self._now()
        over = {one.message_id for one in self._deliveries if one.lost or now >= one.deadline}
        ended = over.intersection(record.id for record in records) if over else over
        if ended:
            self._over(len(ended))
        elif self._limit_seconds is not None:
            self._renew_until(now + self._limit_seconds)
        return ended

    def wait(self) -> None:
        """No attempt, no limit but SQS's own."""
        if self._limit_seconds is not None:
            self._renew_until(inf)

    def _renew_until(self, until: float) -> None:
        for delivery, far in zip(self._deliveries, self._farthest, strict=True):
            delivery.renew_until = min(far, until)
