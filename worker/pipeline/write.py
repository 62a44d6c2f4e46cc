"""Write: gives a batch of records to the sink until each of them has an answer.

Takes records, gives one answer each, in order. A sink that is away is waited for (through the breaker, leases kept);
a batch in which something is refused is halved until the bad record is alone. It ends with an answer for every record,
or by cancellation, after which nobody knows what the sink has kept.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from worker.errors import SinkRefused, SinkUnavailable
from worker.outcome import DONE, Reject, Rejected, Released, Retried, Retry
from worker.pipeline.breaker import AwayTooLong
from worker.pipeline.lanes import HELD_BACK, held_back
from worker.telemetry import events

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.message import Message
    from worker.outcome import Outcome
    from worker.pipeline.breaker import Breaker
    from worker.sinks.sink import Sink
    from worker.telemetry.events import Emit


@dataclass(slots=True)
class Written:
    """What became of a batch: an answer for each record, and how often the sink was asked."""

    answers: list[Outcome]
    writes: int


class Writer:
    """The sink as the handlers see it: it answers, whatever happens to it."""

    def __init__(self, sink: Sink, *, breaker: Breaker, ordered: bool, emit: Emit, pipeline: str) -> None:
        self._sink = sink
        self._ordered = ordered
        self._breaker = breaker
        self._emit = emit
        self._pipeline = pipeline

    async def write(self, records: Sequence[Message], *, limited: Callable[[bool], None]) -> Written:
        """One answer for each record, in order. *limited* is told when an attempt begins, and when the sink is away."""
        writes, answers = 0, None
        while answers is None:
            try:
                async with self._breaker.attempt():
                    writes += 1
                    limited(True)  # noqa: FBT003 - says what it says
                    answers = await self._try(records)
            except AwayTooLong:
                return Written([Released("sink-away")] * len(records), writes)
            if answers is None:
                limited(False)  # noqa: FBT003 - as above
        if isinstance(answers, Divided):
            return await self._halve(records, answers.alone, writes, limited)
        return Written(held_back(records, answers) if self._ordered else answers, writes)

    async def _try(self, records: Sequence[Message]) -> list[Outcome] | Divided | None:
        """One write: its answers, or that the batch must be halved, or None while the sink is away."""
        try:
            answers = await self._sink.write(records)
            if len(answers) != len(records):
                raise ValueError("the sink answered for another number of records")  # noqa: TRY301 - as any bug of a sink
        except SinkUnavailable as error:
            self._breaker.failed(error)
            return None
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and _told_to_end():
                raise
            outcome = _meaning(error, len(records))
        else:
            outcome = [DONE if answer is None else answer for answer in answers]
        self._breaker.succeeded()  # whatever it says, it is there
        return outcome

    async def _halve(
        self, records: Sequence[Message], alone: Retried | Rejected, writes: int, limited: Callable[[bool], None]
    ) -> Written:
        """*alone* is the answer of a single record; more of them are written in two halves."""
        if len(records) == 1:
            return Written([alone], writes)
        self._emit(events.BatchSplit(self._pipeline, len(records), alone.reason))
        middle = len(records) // 2
        first = await self.write(records[:middle], limited=limited)
        second = await self._behind(records[:middle], first.answers, records[middle:], limited)
        return Written(first.answers + second.answers, writes + first.writes + second.writes)

    async def _behind(
        self,
        before: Sequence[Message],
        answers: list[Outcome],
        records: Sequence[Message],
        limited: Callable[[bool], None],
    ) -> Written:
        """Write *records*, but with order in the groups none of a group in which something *before* failed."""
        if not self._ordered:
            return await self.write(records, limited=limited)
        stopped = {record.group_id for record, answer in zip(before, answers, strict=True) if answer is not DONE}
        free = [record for record in records if record.group_id not in stopped]
        written = await self.write(free, limited=limited) if free else Written([], 0)
        answered = iter(written.answers)
        return Written([HELD_BACK if r.group_id in stopped else next(answered) for r in records], written.writes)


def _meaning(error: BaseException, count: int) -> list[Outcome] | Divided:
    """What an error of the sink says of the *count* records it was given."""
    match error:
        case Retry():
            return [Retried(error.reason, error.after)] * count
        case Reject():
            return [Rejected(error.reason, error.detail)] * count
        case SinkRefused():
            return Divided(Rejected("sink-data", detail=str(error)))
        case _:  # a sink's bug ends as the outcome of the record that shows it
            return Divided(Retried(type(error).__name__, detail="unexpected in the sink"))


def _told_to_end() -> bool:
    """False when CancelledError is the sink's own (a library gave up a call): it must not end the handler unheard."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


@dataclass(frozen=True, slots=True)
class Divided:
    """Something in the batch was refused: find it by halving; a record that is alone gets this answer."""

    alone: Retried | Rejected
