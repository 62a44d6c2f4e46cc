"""Handle: N coroutines, each taking a batch through decode, write and decide.

Takes batches of deliveries from the buffer, gives every one of them with its outcome to the settler: `Done` only
after the sink accepted it. What the sink did not take is put aside and written again, in turns with what is new. A
coroutine ends when the buffer is closed and nothing is aside; cancelled, it releases the batch in hand, since nobody
knows what the sink has kept of it.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

from worker import facts
from worker.outcome import DONE, Released
from worker.pipeline.aside import Aside, Part
from worker.pipeline.attempts import judged
from worker.pipeline.batch_leases import BatchLeases
from worker.pipeline.lane import HELD_BACK
from worker.pipeline.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from worker.facts import Emit
    from worker.message import Delivery
    from worker.outcome import Outcome
    from worker.pipeline.breaker import Breaker
    from worker.pipeline.buffer import Buffer
    from worker.pipeline.decode import Decoder
    from worker.pipeline.life import Life
    from worker.pipeline.settle import Settler
    from worker.pipeline.sizing import Sizing
    from worker.pipeline.suspects import Suspects
    from worker.pipeline.write import Writer


class Handler:
    """What all handler coroutines of a pipeline share."""

    def __init__(  # noqa: PLR0913 - a stage is wired to its neighbours in one place
        self,
        *,
        life: Life,
        buffer: Buffer,
        decoder: Decoder,
        writer: Writer,
        breaker: Breaker,
        aside: Aside,
        suspects: Suspects | None,
        ordered: bool,
        crowding: Callable[[], int],
        settler: Settler,
        write_limit_seconds: float | None,
        max_receives: int | None,
        sizing: Sizing,
        followed: Callable[[], None],
        wall: Callable[[], float],
        emit: Emit,
        pipeline: str,
    ) -> None:
        self._life = life
        self._buffer = buffer
        self._decoder = decoder
        self._writer = writer
        self._breaker = breaker
        self.aside = aside
        self._suspects = suspects
        """None: no message can end the process."""
        self._ordered = ordered
        self._crowding = crowding
        """How many messages are aside that others should have the room of."""
        self._settler = settler
        self._write_limit = write_limit_seconds
        self._max_receives = max_receives
        self._sizing = sizing
        self._followed = followed
        """Told that batches have begun or ended."""
        self._wall = wall
        self._emit = emit
        self._pipeline = pipeline
        self._now = asyncio.get_running_loop().time
        self.handling = 0  # deliveries in a handler's hands or aside; written by run, unbegun and _decide
        self.began_at = 0.0  # loop time of the last batch; written by _handle
        self._under_way: dict[int, float] = {}
        """Loop time of what is begun, the oldest first. Written by _handle and _write_again."""
        self.busy = 0  # coroutines that handle; written by _handle
        self.batches = 0  # finished; written by _write

    async def run(self) -> None:
        """One coroutine: until the buffer is closed, and what the sink did not take has had its last tries."""
        now, aside, buffer = self._now, self.aside, self._buffer
        free_since, again = now(), False
        while not buffer.closed:
            # Turns: what failed before is not tried twice in a row while there is anything new.
            if aside and not (again and buffer.ready) and (part := aside.due()) is not None:
                await self._write_again(part)
                free_since, again = now(), True
                continue
            if deliveries := await buffer.take():
                self.handling += len(deliveries)
                await self._handle_all(deliveries, waited_seconds=now() - free_since)
                free_since = now()
            again = False
        while (part := await aside.next()) is not None:
            await self._write_again(part)

    async def run_suspects(self) -> None:
        """Those that may have ended a process, one by one, until told to begin none any more."""
        if self._suspects is not None:
            await self._suspects.run(handle=self._handle, decide=self._decide)

    def close(self) -> None:
        """Begin no suspect any more; what the handlers have begun goes on."""
        if self._suspects is not None:
            self._suspects.close()

    @property
    def moves(self) -> int:
        """Grows whenever a write begins or a batch ends."""
        return self.batches + self._writer.calls

    @property
    def longest_seconds(self) -> float:
        """For how long the oldest of what is under way has been that; 0 when nothing is."""
        return self._now() - next(iter(self._under_way.values()), self._now())

    def unbegun(self) -> list[Delivery]:
        """After the last coroutine: take out what the sink did not take."""
        left = self.aside.clear()
        self.handling -= len(left)
        return left

    async def _handle_all(self, deliveries: list[Delivery], *, waited_seconds: float) -> None:
        suspects = self._suspects
        if suspects is None or not suspects.looked_for or suspects.none_in(deliveries):
            await self._handle(deliveries, waited_seconds=waited_seconds)
        else:
            await suspects.handle(deliveries, handle=self._handle, decide=self._decide)

    async def _handle(self, deliveries: list[Delivery], *, waited_seconds: float = 0.0) -> None:
        """Decode, write, decide; whatever happens, each delivery goes to the settler once."""
        self._life.begin(deliveries)
        began = self.began_at = self._under_way[id(deliveries)] = self._now()
        self.busy += 1
        if self._sizing.long:
            self._followed()  # what is begun leaves no room for what would wait for it
        try:
            with self._given_back_if_cancelled(deliveries):
                decoded = await self._decoder.decode(deliveries, began)
            if decoded.left_out:
                self._decide(self._judged(decoded.left_out))
            if decoded.records:
                part = Part(decoded.deliveries, decoded.records)
                await self._write(part, waited_seconds=waited_seconds, decode_seconds=self._now() - began)
        finally:
            self.busy -= 1
            del self._under_way[id(deliveries)]
            self._followed()

    def _judged(self, outcomes: list[tuple[Delivery, Outcome]]) -> list[tuple[Delivery, Outcome]]:
        """With a rejection for every retry that would be one too many."""
        most = self._max_receives
        return [(delivery, judged(outcome, delivery.receive_count, most)) for delivery, outcome in outcomes]

    def _decide(self, outcomes: list[tuple[Delivery, Outcome]]) -> None:
        """To the settler, with whatever of their groups these outcomes hold back."""
        self.handling -= len(outcomes)
        if self._suspects is not None and self._suspects.looked_for:
            self._suspects.saw(outcomes)
        self._settler.settle(self._buffer.decided(outcomes))

    @contextmanager
    def _given_back_if_cancelled(self, deliveries: Sequence[Delivery]) -> Iterator[None]:
        try:
            yield
        except asyncio.CancelledError:
            self._decide([(delivery, Released()) for delivery in deliveries])
            raise

    async def _write_again(self, part: Part) -> None:
        count = len(part.records)
        self.aside.trying += count
        self._under_way[id(part)] = self._now()
        try:
            await self._write(part)
        finally:
            self.aside.trying -= count
            del self._under_way[id(part)]
            self._followed()

    async def _write(self, part: Part, *, waited_seconds: float = 0.0, decode_seconds: float = 0.0) -> None:
        """Write, settle what has an outcome, and put aside what is to be written again."""
        began = self._now()
        leases = BatchLeases(
            part.deliveries,
            life=self._life,
            limit_seconds=self._write_limit,
            ordered=self._ordered,
            clock=self._now,
        )
        with self._given_back_if_cancelled(part.deliveries):
            written = await self._writer.write(part.records, leases=leases, trial=part.trial)
        leases.end()  # what is held back may wait for another try
        seconds = self._now() - began
        self.batches += written.writes > 0 or not written.kept
        if written.writes == 1 and not written.kept:
            self._sizing.written(len(part.records), seconds)
        pairs = zip(part.deliveries, written.answers, strict=True)
        answered = [(one, answer) for one, answer in pairs if not isinstance(answer, Trial)]
        if answered:
            self._tell(answered, written.writes, seconds, waited_seconds, decode_seconds)
            all_done = written.answers.count(DONE) == len(answered)
            self._decide(answered if all_done else self._judged(answered))
        if written.kept:
            for again in part.again(written.answers):
                self._put_aside(again)
            self._give_up()

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

    def _put_aside(self, part: Part) -> None:
        """What the sink did not take waits for its next try."""
        if not (part.trial.divides and len(part.records) > 1) or self._buffer.closed:
            self.aside.put(part)
            return
        parts, behind = part.halves(ordered=self._ordered)
        self.aside.put_first(parts)
        if behind:
            self._decide([(delivery, HELD_BACK) for delivery in behind])

    def _give_up(self) -> None:
        """Give back what was aside for too long, or takes the room of others; one that is not blamed may stay."""
        crowding, now, hold_seconds = self._crowding(), self._now(), self._breaker.hold_seconds
        for part in self.aside.parts():
            alone, rows = len(self.aside) == 1, len(part.records)
            outcome = part.trial.given_up(now, rows=rows, hold_seconds=hold_seconds, alone=alone, crowded=crowding > 0)
            if outcome is not None:
                crowding -= rows
                self.aside.remove(part)
                self._decide([(delivery, outcome) for delivery in part.deliveries])
