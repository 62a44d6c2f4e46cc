"""Sinks with one defect each, made of a sound one, for the suite to find.

Each class says in one sentence what is wrong with it. `sound.py` is what is right with all of them.
"""
# ruff: noqa: D102 - see above

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

from tests.contract.broken.sound import Sound
from worker.errors import SinkContended, SinkRefused, SinkUnavailable
from worker.outcome import Rejected
from worker.sinks.sink import Demand
from worker.sinks.sqlite.statements import BY_TIME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.contract.broken.sound import Answers
    from worker.message import Message


class LosesTheLast(Sound):
    """The last record of a batch is accepted and not stored."""

    async def write(self, records: Sequence[Message]) -> Answers:
        await super().write(records[:-1])
        return [None] * len(records)


class AnswersOnce(Sound):
    """One answer for a whole batch."""

    async def write(self, records: Sequence[Message]) -> Answers:
        return (await super().write(records))[:1]


class ChokesOnNothing(Sound):
    """An empty batch is an error."""

    async def write(self, records: Sequence[Message]) -> Answers:
        assert records[0].key
        return await super().write(records)


class Doubles(Sound):
    """A redelivery is another row."""

    key = BY_TIME
    writes = 0

    async def write(self, records: Sequence[Message]) -> Answers:
        self.writes += 1
        return await super().write([r._replace(sent_at=r.sent_at + self.writes) for r in records])


class RefusesRepeats(Sound):
    """A batch with one key twice is refused."""

    async def write(self, records: Sequence[Message]) -> Answers:
        if len({record.key for record in records}) < len(records):
            raise SinkRefused("a key comes twice")
        return await super().write(records)


class OneAtATime(Sound):
    """A batch that comes while another is written is accepted and not stored."""

    busy = False

    async def write(self, records: Sequence[Message]) -> Answers:
        if self.busy:
            return [None] * len(records)
        self.busy = True
        try:
            return await super().write(records)
        finally:
            self.busy = False


class AsciiOnly(Sound):
    """An error of Python's comes out where a body has letters of other alphabets."""

    async def write(self, records: Sequence[Message]) -> Answers:
        for record in records:
            record.body.encode("ascii")
        return await super().write(records)


class ByTheClock(Sound):
    """A redelivery is known by the clock."""

    key = BY_TIME

    async def write(self, records: Sequence[Message]) -> Answers:
        return await super().write([r._replace(sent_at=time.time()) for r in records])


class Shuffles(Sound):
    """A batch is stored from its end."""

    async def write(self, records: Sequence[Message]) -> Answers:
        return [*await super().write(records[::-1])][::-1]


class TakesNeighboursAlong(Sound):
    """Of a batch with a bad record all are rejected."""

    async def write(self, records: Sequence[Message]) -> Answers:
        try:
            return await super().write(records)
        except SinkRefused as error:
            return [Rejected("sink-data", str(error))] * len(records)


class AnswersOutOfOrder(Sound):
    """The bad record is found, and another one is rejected for it."""

    async def write(self, records: Sequence[Message]) -> Answers:
        bad = [record.key == "bad" for record in records]
        await super().write([record for record in records if record.key != "bad"])
        answers = [Rejected("sink-data") if is_bad else None for is_bad in bad]
        return [*answers[1:], answers[0]] if answers else answers


class SwallowsRefusals(Sound):
    """A batch with a bad record is accepted and not stored."""

    async def write(self, records: Sequence[Message]) -> Answers:
        try:
            return await super().write(records)
        except SinkRefused:
            return [None] * len(records)


class QuotesBodies(Sound):
    """The reason of a refusal holds what the sender wrote."""

    async def write(self, records: Sequence[Message]) -> Answers:
        try:
            return await super().write(records)
        except SinkRefused as error:
            raise SinkRefused(" ".join(record.body for record in records)) from error


class WaitsForEver(Sound):
    """A record that is too large is taken for an outage."""

    async def write(self, records: Sequence[Message]) -> Answers:
        try:
            return await super().write(records)
        except SinkRefused as error:
            raise SinkUnavailable("something does not fit") from error


class AcceptsWhileAway(Sound):
    """What comes in an outage is accepted and not stored."""

    async def write(self, records: Sequence[Message]) -> Answers:
        try:
            return await super().write(records)
        except SinkUnavailable:
            return [None] * len(records)


class BlamesTheRecords(Sound):
    """An outage is taken for bad records."""

    async def write(self, records: Sequence[Message]) -> Answers:
        try:
            return await super().write(records)
        except SinkUnavailable as error:
            raise SinkRefused("the database does not want this") from error


class NeverComesBack(Sound):
    """After an outage it stays away."""

    away = False

    async def write(self, records: Sequence[Message]) -> Answers:
        if self.away:
            raise SinkUnavailable("still away")
        try:
            return await super().write(records)
        except SinkUnavailable:
            self.away = True
            raise


class GivesUpAtTheStart(Sound):
    """An outage at the start is a refusal."""

    async def open(self) -> None:
        try:
            await super().open()
        except SinkUnavailable as error:
            raise SinkRefused("there is no database") from error


class HoldsUpTheLoop(Sound):
    """It writes in the loop's own thread."""

    async def write(self, records: Sequence[Message]) -> Answers:
        time.sleep(0.8)  # noqa: ASYNC251 - the defect
        return await super().write(records)


class HoldsUpAll(Sound):
    """While one row is locked nothing is taken."""

    async def write(self, records: Sequence[Message]) -> Answers:
        if self.lock.exists():
            raise SinkUnavailable("something is locked")
        return await super().write(records)


class RefusesTheLocked(Sound):
    """A record that is locked for a moment is refused for good."""

    async def write(self, records: Sequence[Message]) -> Answers:
        try:
            return await super().write(records)
        except SinkContended as error:
            raise SinkRefused("locked") from error


class WishesTooLate(Sound):
    """What batch it wishes is known when it is open."""

    wish: int | None = None

    @property
    def demand(self) -> Demand:
        return Demand(rows=self.wish)

    async def open(self) -> None:
        await super().open()
        self.wish = 5_000


class DemandsNothing(Sound):
    """No writer is allowed."""

    demand = Demand(max_writers=0)


class StartsAnew(Sound):
    """Opening clears the table."""

    async def open(self) -> None:
        await super().open()
        clear(self.path)


class ForgetsAtTheEnd(Sound):
    """Closing clears the table."""

    async def close(self) -> None:
        await super().close()
        clear(self.path)


class OpensAnything(Sound):
    """It finds out at the first batch that it can never work."""

    async def open(self) -> None:
        try:
            await super().open()
        except SinkRefused:
            return


class OpensWithoutWords(Sound):
    """It refuses a start by an error of the system's."""

    async def open(self) -> None:
        try:
            await super().open()
        except SinkRefused as error:
            raise OSError(2, "No such file or directory") from error


class ClosesOnlyTheOpen(Sound):
    """Closing fails when nothing was opened."""

    opened = False

    async def open(self) -> None:
        await super().open()
        self.opened = True

    async def close(self) -> None:
        await super().close()
        if not self.opened:
            raise RuntimeError("not open")


class ChecksByWriting(Sound):
    """A check leaves its row behind."""

    async def check(self) -> str:
        said = await super().check()
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("INSERT INTO messages VALUES ('probe', '', 0, 0, 1, NULL, NULL)")
            connection.commit()
        return said


class BlocksOnClose(Sound):
    """Closing never ends when something was written."""

    written = False

    async def write(self, records: Sequence[Message]) -> Answers:
        self.written = True
        return await super().write(records)

    async def close(self) -> None:
        await super().close()
        if self.written:
            await asyncio.Event().wait()


class LosesWhatIsUnderWay(Sound):
    """A write under way is accepted when the sink is closed, and not stored."""

    closed = False

    async def write(self, records: Sequence[Message]) -> Answers:
        await asyncio.sleep(0)
        return [None] * len(records) if self.closed else await super().write(records)

    async def close(self) -> None:
        self.closed = True
        await super().close()


class BreaksWhenCancelled(Sound):
    """After a cancelled write nothing is taken any more."""

    broken = False

    async def write(self, records: Sequence[Message]) -> Answers:
        if self.broken:
            raise SinkUnavailable("another write is under way")
        self.broken = True
        answers = await super().write(records)
        self.broken = False
        return answers


class SwallowsCancellation(Sound):
    """A cancelled write says that the destination is away."""

    async def write(self, records: Sequence[Message]) -> Answers:
        try:
            await asyncio.sleep(0)
            return await super().write(records)
        except asyncio.CancelledError as error:
            raise SinkUnavailable("interrupted") from error


class AcceptsAfterClose(Sound):
    """What comes after the end is accepted and not stored."""

    async def write(self, records: Sequence[Message]) -> Answers:
        try:
            return await super().write(records)
        except SinkUnavailable:
            return [None] * len(records)


class WritesBehind(Sound):
    """A batch is accepted when it is noted, and stored with the next one."""

    noted: Sequence[Message] = ()

    async def write(self, records: Sequence[Message]) -> Answers:
        batch, self.noted = self.noted, records
        await super().write(batch)
        return [None] * len(records)


class CommitsInParts(Sound):
    """A batch is two transactions."""

    async def write(self, records: Sequence[Message]) -> Answers:
        middle = len(records) // 2
        return [*await super().write(records[:middle]), *await super().write(records[middle:])]


def clear(path: str) -> None:
    """No row is left."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM messages")
        connection.commit()
