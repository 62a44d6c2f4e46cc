"""The line that a body travels through the real handler: codec, key, writer, SQLite; only the settling is noted down.

Each hostile delivery travels with a good one in the same batch, because what it does to its neighbours is half of the
question.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import time
import tracemalloc
from contextlib import asynccontextmanager, closing
from typing import TYPE_CHECKING, Final

from worker.codecs.registry import make_codec
from worker.errors import DecodeError
from worker.message import NO_ATTRIBUTES, Delivery, State
from worker.pipeline.aside import Aside
from worker.pipeline.breaker import Breaker
from worker.pipeline.buffer import Arrivals
from worker.pipeline.decide import Decider
from worker.pipeline.decode import Decoder
from worker.pipeline.deduplication import make_key
from worker.pipeline.handle import Handler
from worker.pipeline.life import Life
from worker.pipeline.sizing import BatchSettings, Sizing
from worker.pipeline.tries import Tries
from worker.pipeline.under_way import UnderWay
from worker.pipeline.write import Writer
from worker.sinks.sqlite.sink import SqliteSink

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from worker.message import Attribute
    from worker.outcome import Outcome
    from worker.pipeline.settle import Settler

SIBLING: Final = '{"id":"sibling"}'
LEASE_SECONDS: Final = 30.0


class Noted:
    """Stands where the settler stands, and keeps what it is told."""

    def __init__(self) -> None:
        self.outcomes: dict[str, Outcome] = {}
        """By message id. Written by settle."""
        self._told = asyncio.Event()

    def settle(self, outcomes: Sequence[tuple[Delivery, Outcome]]) -> None:
        """An outcome for each; none may have one already."""
        for delivery, outcome in outcomes:
            assert delivery.message_id not in self.outcomes
            self.outcomes[delivery.message_id] = outcome
        self._told.set()

    async def all_of(self, count: int) -> dict[str, Outcome]:
        """Wait until *count* are settled."""
        while len(self.outcomes) < count:
            self._told.clear()
            await self._told.wait()
        return self.outcomes


class Line:
    """One codec, one key and one SQLite file, for as many batches as a test has."""

    def __init__(self, file: Path, *, codec: str, key: str | None) -> None:
        self.file = file
        self.codec = make_codec(codec)
        self.key = make_key(key)
        self.sink = SqliteSink(str(file))

    async def handle(self, deliveries: Sequence[Delivery]) -> dict[str, Outcome]:
        """What becomes of each, by message id."""
        sizing = Sizing(BatchSettings(max_rows=100, max_bytes=1 << 30, max_wait_seconds=0.0))
        noted, buffer = Noted(), Arrivals(sizing)
        aside = Aside(buffer.nudge)
        breaker = Breaker(
            hold_seconds=1, random=random.Random(0), restored=aside.hasten, emit=lambda _: None, pipeline="p"
        )
        settler: Settler = noted  # type: ignore[assignment] # the one method of it that a handler calls
        life, under_way = Life(emit=lambda _: None, pipeline="p"), UnderWay()
        decider = Decider(buffer=buffer, settler=settler, suspects=None, max_receives=None, under_way=under_way)
        tries = Tries(
            life=life,
            buffer=buffer,
            writer=Writer(self.sink, breaker=breaker, ordered=False, emit=lambda _: None, pipeline="p"),
            aside=aside,
            decider=decider,
            sizing=sizing,
            under_way=under_way,
            ordered=False,
            limit_seconds=None,
            hold_seconds=1,
            crowding=lambda: 0,
            wall=lambda: 0.0,
            emit=lambda _: None,
            pipeline="p",
        )
        handler = Handler(
            life=life,
            buffer=buffer,
            decoder=Decoder(self.codec, self.key, source="orders", ordered=False, emit=lambda _: None, pipeline="p"),
            tries=tries,
            aside=aside,
            decider=decider,
            suspects=None,
            sizing=sizing,
            under_way=under_way,
            begun_or_ended=lambda: None,
        )
        buffer.put(deliveries)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(handler.run())
            outcomes = await noted.all_of(len(deliveries))
            buffer.close()
        return outcomes

    def rows(self, column: str = "body") -> list[object]:
        """One column of the table, in the order of writing."""
        with closing(sqlite3.connect(self.file)) as reader:
            return [value for (value,) in reader.execute(f"SELECT {column} FROM messages ORDER BY rowid")]  # noqa: S608 - the tests' own word

    def peak_bytes(self, body: str) -> int:
        """Memory that decoding *body* and finding its key took at its highest."""
        tracemalloc.start()
        try:
            self.key(self.codec.decode(body), delivery(body))
        except DecodeError:
            pass
        finally:
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        return peak


@asynccontextmanager
async def opened(file: Path, *, codec: str = "json", key: str | None = None) -> AsyncIterator[Line]:
    """A line whose file is open."""
    made = Line(file, codec=codec, key=key)
    await made.sink.open()
    try:
        yield made
    finally:
        await made.sink.close()


def delivery(
    body: str,
    name: str = "hostile",
    *,
    attributes: dict[str, Attribute] | None = None,
    group_id: str | None = None,
    receipt_handle: str = "handle",
    sent_at: float = 1_700_000_000.0,
) -> Delivery:
    """A receipt of *body*, with its lease before it."""
    now = asyncio.get_running_loop().time()
    return Delivery(
        message_id=name,
        receipt_handle=receipt_handle,
        body=body,
        sent_at=sent_at,
        received_at=time.time(),
        receive_count=1,
        leased_at=now,
        group_id=group_id,
        attributes=NO_ATTRIBUTES if attributes is None else attributes,
        deadline=now + LEASE_SECONDS,
        renew_until=now + LEASE_SECONDS,
        weight=len(body),
        state=State.HELD,
    )
