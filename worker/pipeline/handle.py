"""Handle: N coroutines, each taking a batch through decode, write and decide.

Takes batches of deliveries from the buffer, gives every one of them with its outcome to the settler: `Done` only
after the sink accepted it. What the sink did not take is put aside and written again, in turns with what is new. A
coroutine ends when the buffer is closed and nothing is aside; cancelled, it releases the batch in hand, since nobody
knows what the sink has kept of it. To be read in this order:

    handle.py    takes a batch, decodes it (decode.py), and has it tried
    tries.py     one try: what has an outcome is decided (decide.py), the rest waits for its next try (aside.py)
    write.py     the sink's answer for each record; a batch in which something is refused is halved
    breaker.py   whether the sink is away, and whose turn it is then
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from worker.pipeline.batch import Batch

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.message import Delivery
    from worker.pipeline.aside import Aside
    from worker.pipeline.buffer import Buffer
    from worker.pipeline.decide import Decider
    from worker.pipeline.decode import Decoded, Decoder
    from worker.pipeline.life import Life
    from worker.pipeline.sizing import Sizing
    from worker.pipeline.suspects import Suspects
    from worker.pipeline.tries import Tries
    from worker.pipeline.under_way import UnderWay


class Handler:
    """What all handler coroutines of a pipeline share."""

    def __init__(  # noqa: PLR0913 - a stage is wired to its neighbours in one place
        self,
        *,
        life: Life,
        buffer: Buffer,
        decoder: Decoder,
        tries: Tries,
        aside: Aside,
        decider: Decider,
        suspects: Suspects | None,
        sizing: Sizing,
        under_way: UnderWay,
        begun_or_ended: Callable[[], None],
    ) -> None:
        self._life = life
        self._buffer = buffer
        self._decoder = decoder
        self._tries = tries
        self._aside = aside
        self._decider = decider
        self._suspects = suspects
        """None: no message can end the process."""
        self._sizing = sizing
        self._under_way = under_way
        self._begun_or_ended = begun_or_ended
        """Told that batches have begun or ended."""
        self._now = asyncio.get_running_loop().time

    async def run(self) -> None:
        """One coroutine: until the buffer is closed, and what the sink did not take has had its last tries."""
        now, aside, buffer = self._now, self._aside, self._buffer
        free_since, again = now(), False
        while not buffer.closed:
            # Turns: what failed before is not tried twice in a row while there is anything new.
            if aside and not (again and buffer.ready) and (batch := aside.due()) is not None:
                await self._try_again(batch)
                free_since, again = now(), True
                continue
            if deliveries := await buffer.take():
                self._under_way.handling += len(deliveries)
                await self._handle_all(deliveries, waited_seconds=now() - free_since)
                free_since = now()
            again = False
        while (batch := await aside.next()) is not None:
            await self._try_again(batch)

    async def run_suspects(self) -> None:
        """Those that may have ended a process, one by one, until told to begin none any more."""
        if self._suspects is not None:
            await self._suspects.run(handle=self._handle, decide=self._decider.decide)

    def close(self) -> None:
        """Begin no suspect any more; what the handlers have begun goes on."""
        if self._suspects is not None:
            self._suspects.close()

    @property
    def moves(self) -> int:
        """Grows whenever a write begins or a batch ends."""
        return self._under_way.batches + self._tries.begun

    def unbegun(self) -> list[Delivery]:
        """After the last coroutine: take out what the sink did not take."""
        left = self._aside.clear()
        self._under_way.handling -= len(left)
        return left

    async def _handle_all(self, deliveries: list[Delivery], *, waited_seconds: float) -> None:
        suspects = self._suspects
        if suspects is None or not suspects.looked_for or suspects.none_in(deliveries):
            await self._handle(deliveries, waited_seconds=waited_seconds)
        else:
            await suspects.handle(deliveries, handle=self._handle, decide=self._decider.decide)

    async def _handle(self, deliveries: list[Delivery], *, waited_seconds: float = 0.0) -> None:
        """Decode, write, decide; whatever happens, each delivery goes to the settler once."""
        self._life.begin(deliveries)
        under_way = self._under_way
        began = under_way.began_at = under_way.begin(deliveries)
        under_way.busy += 1
        if self._sizing.long:
            self._begun_or_ended()  # what is begun leaves no room for what would wait for it
        try:
            decoded = await self._decoded(deliveries, began)
            if decoded.left_out:
                self._decider.decide(self._decider.judged(decoded.left_out))
            if decoded.records:
                batch, seconds = Batch(decoded.deliveries, decoded.records), self._now() - began
                await self._tries.once(batch, waited_seconds=waited_seconds, decode_seconds=seconds)
        finally:
            under_way.busy -= 1
            under_way.end(deliveries)
            self._begun_or_ended()

    async def _decoded(self, deliveries: list[Delivery], began: float) -> Decoded:
        try:
            return await self._decoder.decode(deliveries, began)
        except asyncio.CancelledError:
            self._decider.give_back(deliveries)
            raise

    async def _try_again(self, batch: Batch) -> None:
        self._under_way.begin(batch)
        try:
            await self._tries.again(batch)
        finally:
            self._under_way.end(batch)
            self._begun_or_ended()
