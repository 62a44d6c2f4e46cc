"""Tries: a batch is given to the writer, and each of its messages is decided or waits for the next try.

Takes a batch, new or from aside; hands on what has an outcome, puts aside what the sink did not take, in halves where
that helps to find the bad record, and gives back what was aside for too long. Cancelled, it releases the batch in hand.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from worker import facts
from worker.outcome import DONE
from worker.pipeline.batch_leases import BatchLeases
from worker.pipeline.lane import HELD_BACK
from worker.pipeline.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.facts import Emit
    from worker.message import Delivery
    from worker.outcome import Outcome
    from worker.pipeline.aside import Aside
    from worker.pipeline.batch import Batch
    from worker.pipeline.buffer import Buffer
    from worker.pipeline.decide import Decider
    from worker.pipeline.life import Life
    from worker.pipeline.sizing import Sizing
    from worker.pipeline.under_way import UnderWay
    from worker.pipeline.write import Writer, Written


class Tries:
    """One per pipeline."""

    def __init__(  # noqa: PLR0913 - a stage is wired to its neighbours in one place
        self,
        *,
        life: Life,
        buffer: Buffer,
        writer: Writer,
        aside: Aside,
        decider: Decider,
        sizing: Sizing,
        under_way: UnderWay,
        ordered: bool,
        limit_seconds: float | None,
        hold_seconds: float,
        crowding: Callable[[], int],
        wall: Callable[[], float],
        emit: Emit,
        pipeline: str,
    ) -> None:
        self._life = life
        self._buffer = buffer
        self._writer = writer
        self._aside = aside
        self._decider = decider
        self._sizing = sizing
        self._under_way = under_way
        self._ordered = ordered
        self._limit_seconds = limit_seconds
        self._hold_seconds = hold_seconds
        self._crowding = crowding
        """How many messages are aside that others should have the room of."""
        self._wall = wall
        self._emit = emit
        self._pipeline = pipeline
        self._now = asyncio.get_running_loop().time

    @property
    def begun(self) -> int:
        """Writes, ever."""
        return self._writer.calls

    async def again(self, batch: Batch) -> None:
        """Try *batch* once more, which was aside."""
        count = len(batch.records)
        self._aside.trying += count
        try:
            await self.once(batch)
        finally:
            self._aside.trying -= count

    async def once(self, batch: Batch, *, waited_seconds: float = 0.0, decode_seconds: float = 0.0) -> None:
        """Write, settle what has an outcome, and put aside what is to be written again."""
        began = self._now()
        written = await self._write(batch)
        seconds = self._now() - began
        self._under_way.batches += written.writes > 0 or not written.kept
        if written.writes == 1 and not written.kept:
            self._sizing.written(len(batch.records), seconds)
        pairs = zip(batch.deliveries, written.answers, strict=True)
        answered = [(one, answer) for one, answer in pairs if not isinstance(answer, Trial)]
        if answered:
            self._tell(answered, written.writes, seconds, waited_seconds, decode_seconds)
            all_done = written.answers.count(DONE) == len(answered)
            self._decider.decide(answered if all_done else self._decider.judged(answered))
        if written.kept:
            for again in batch.again(written.answers):
                self._put_aside(again)
            self._give_up()

    async def _write(self, batch: Batch) -> Written:
        leases = BatchLeases(
            batch.deliveries,
            life=self._life,
            limit_seconds=self._limit_seconds,
            ordered=self._ordered,
            clock=self._now,
        )
        try:
            written = await self._writer.write(batch.records, leases=leases, trial=batch.trial)
        except asyncio.CancelledError:
            self._decider.give_back(batch.deliveries)
            raise
        leases.end()  # what is held back may wait for another try
        return written

    def _tell(
        self,
        answered: Sequence[tuple[Delivery, Outcome]],
        writes: int,
        write_seconds: float,
        waited_seconds: float,
        decode_seconds: float,
    ) -> None:
        accepted = tuple([delivery.sent_at for delivery, answer in answered if answer is DONE])
        self._emit(
            facts.BatchWritten(
                self._pipeline,
                rows=len(answered),
                accepted=len(accepted),
                bytes=sum([delivery.weight for delivery, _ in answered]),
                waited_seconds=waited_seconds,
                decode_seconds=decode_seconds,
                write_seconds=write_seconds,
                writes=writes,
                sent_at=accepted,
                finished_at=self._wall(),
            )
        )

    def _put_aside(self, batch: Batch) -> None:
        """What the sink did not take waits for its next try."""
        if not (batch.trial.divides and len(batch.records) > 1) or self._buffer.closed:
            self._aside.put(batch)
            return
        halves, behind = batch.halves(ordered=self._ordered)
        self._aside.put_first(halves)
        if behind:
            self._decider.decide([(delivery, HELD_BACK) for delivery in behind])

    def _give_up(self) -> None:
        """Give back what was aside for too long, or takes the room of others; one that is not blamed may stay."""
        crowding, now, hold_seconds = self._crowding(), self._now(), self._hold_seconds
        for batch in self._aside.batches():
            alone, rows = len(self._aside) == 1, len(batch.records)
            outcome = batch.trial.given_up(now, rows=rows, hold_seconds=hold_seconds, alone=alone, crowded=crowding > 0)
            if outcome is not None:
                crowding -= rows
                self._aside.remove(batch)
                self._decider.decide([(delivery, outcome) for delivery in batch.deliveries])
