"""Write: gives a batch of records to the sink.

Takes records, gives one answer each, in order. A batch in which something is refused is halved until the bad record is
alone. What the sink did not take, because it is away or seems so, is answered by its `Trial`: it is to be kept in hand
and written again. It ends with an answer for every record, or by cancellation, after which nobody knows what the sink
has kept.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from worker import facts
from worker.cancellation import meant
from worker.errors import BatchFailed, CallHangs, SinkRefused, SinkUnavailable
from worker.outcome import DONE, Outcome, Reject, Rejected, Released, Retried, Retry
from worker.pipeline.breaker import AwayTooLong
from worker.pipeline.lane import HELD_BACK, held_back
from worker.pipeline.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from collections.abc import Set as AbstractSet

    from worker.facts import Emit
    from worker.message import Message
    from worker.pipeline.breaker import Breaker
    from worker.sinks.sink import Sink

Answer = Outcome | Trial

LEASE_OVER: Final = Released("lease-over")
"""Not begun: another worker may have it by now, or what is before it in its group."""


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a batch: an answer for each record, and how often the sink was asked."""

    answers: Sequence[Answer]
    writes: int
    kept: bool = False
    """Something is to be written again: its answer is a `Trial`."""


class Leases(Protocol):
    """What a batch holds of the queue while it waits for the sink."""

    def begin(self, records: Sequence[Message]) -> AbstractSet[str]:
        """An attempt begins, unless leases of *records* are over: then the ids of those, and nothing begins."""
        ...

    def wait(self) -> None:
        """The sink is away: there is no attempt under way, and so no time limit."""
        ...


class Writer:
    """The sink as the handlers see it: it answers, whatever happens to it."""

    def __init__(
        self,
        sink: Sink,
        *,
        breaker: Breaker,
        ordered: bool,
        emit: Emit,
        pipeline: str,
        decode: Callable[[str], object] | None = None,
    ) -> None:
        self._sink = sink
        self._decode = decode
        """Of bodies, where the sink is code of yours, which may have changed the values it was given."""
        self._ordered = ordered
        self._breaker = breaker
        self._emit = emit
        self._pipeline = pipeline
        self._now = asyncio.get_running_loop().time
        self.calls = 0  # of the sink, begun, and looks whether one has ended; written by _try and _after

    async def write(self, records: Sequence[Message], *, leases: Leases, trial: Trial | None = None) -> Written:
        """One answer for each record, in order; of those that failed together the same `Trial`.

        *trial* is what the sink made of them so far. Nothing is begun whose lease ran out meanwhile.
        """
        trial, over = trial or Trial(), frozenset[str]()
        if trial.hangs is not None:
            return await self._after(trial.hangs, records, leases, trial)
        if trial.since is not None:
            records = self._as_new(records)
        answers: list[Outcome] | Divided | Trial = trial
        try:
            async with self._breaker.attempt(trial):
                if not (over := frozenset(leases.begin(records))):
                    answers = await self._try(records, trial)
        except AwayTooLong:
            return Written([Released("sink-away")] * len(records), 0)
        if over:
            return await self._without(over, records, leases, trial)
        match answers:
            case Divided():
                return await self._halve(records, answers.alone, leases, trial)
            case Trial():
                leases.wait()
                return Written([answers] * len(records), 1, kept=True)
            case _:
                return Written(held_back(records, answers) if self._ordered else answers, 1)

    async def _try(self, records: Sequence[Message], trial: Trial) -> list[Outcome] | Divided | Trial:
        """One write: its answers, or that the batch must be halved, or *trial* if the sink seems to be away."""
        began = self._now()
        self.calls += 1
        try:
            answers = await self._sink.write(records)
            if len(answers) != len(records):
                raise ValueError("the sink answered for another number of records")  # noqa: TRY301 - as any bug of a sink
        except CallHangs as error:
            trial.wait_for(error, self._now())
            return trial  # of the sink this says nothing
        except SinkUnavailable as error:
            self._breaker.failed(error, trial, began=began, rows=len(records))
            return trial
        except GeneratorExit:
            raise  # nobody waits for this coroutine any more
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError) and meant():
                raise
            outcome = _meaning(error, len(records))
        else:
            outcome = outcomes(answers)
        self._breaker.answered(taken=isinstance(outcome, list) and DONE in outcome)  # whatever it says, it is there
        return outcome

    async def _after(self, hangs: CallHangs, records: Sequence[Message], leases: Leases, trial: Trial) -> Written:
        """What the call with *records* that was waited for means, once it has ended."""
        self.calls += 1
        if hangs.goes_on():
            trial.look_again(self._now())
            return Written([trial] * len(records), 0, kept=True)
        if isinstance(hangs.then, BatchFailed):
            alone = Retried(hangs.then.reason, detail=hangs.then.detail)
            return await self._halve(records, alone, leases, Trial())
        return await self.write(records, leases=leases)

    async def _halve(
        self, records: Sequence[Message], alone: Retried | Rejected, leases: Leases, trial: Trial
    ) -> Written:
        """*alone* is the answer of a single record; more of them are written in two halves."""
        if len(records) == 1:
            return Written([alone], 1)
        self._emit(facts.BatchSplit(self._pipeline, len(records), alone.reason))
        records = self._as_new(records)
        middle = len(records) // 2
        first = await self.write(records[:middle], leases=leases, trial=trial.half())
        behind = self._behind(records[:middle], first.answers, records[middle:])
        second = await self._rest(records[middle:], behind, leases, trial)
        writes, kept = 1 + first.writes + second.writes, first.kept or second.kept
        return Written([*first.answers, *second.answers], writes, kept)

    def _as_new(self, records: Sequence[Message]) -> Sequence[Message]:
        """*records* that were given to the sink before, as they were then: nobody pays for what a failed try did."""
        decode = self._decode
        return [record._replace(value=decode(record.body)) for record in records] if decode else records

    async def _without(
        self, over: AbstractSet[str], records: Sequence[Message], leases: Leases, trial: Trial
    ) -> Written:
        """Give back those whose leases are *over*, with what is behind them in their groups, and write the rest."""
        answers: list[Outcome] = [LEASE_OVER if record.id in over else DONE for record in records]
        if self._ordered:
            answers = held_back(records, answers, all_behind=True)
        decided = {record.id: answer for record, answer in zip(records, answers, strict=True) if answer is not DONE}
        return await self._rest(records, decided, leases, trial)

    def _behind(
        self, before: Sequence[Message], answers: Sequence[Answer], records: Sequence[Message]
    ) -> dict[str, Outcome]:
        """Those of *records* that must not be tried, with order in the groups: something *before* them failed."""
        if not self._ordered:
            return {}
        stopped = {record.group_id for record, answer in zip(before, answers, strict=True) if answer is not DONE}
        return {record.id: HELD_BACK for record in records if record.group_id in stopped}

    async def _rest(
        self, records: Sequence[Message], decided: dict[str, Outcome], leases: Leases, trial: Trial
    ) -> Written:
        """Write *records* but those *decided*, which have their answers."""
        free = [record for record in records if record.id not in decided]
        written = await self.write(free, leases=leases, trial=trial.half()) if free else Written([], 0)
        answered = iter(written.answers)
        answers = [decided.get(record.id) or next(answered) for record in records]
        return Written(answers, written.writes, written.kept)


def outcomes(answers: Sequence[Retried | Rejected | None]) -> list[Outcome]:
    """The sink's answers as outcomes; nearly always it has taken them all, which is found out by counting."""
    if answers.count(None) == len(answers):
        return [DONE] * len(answers)
    return [DONE if answer is None else answer for answer in answers]


def _meaning(error: BaseException, count: int) -> list[Outcome] | Divided:
    """What an error of the sink says of the *count* records it was given."""
    match error:
        case Retry():
            return [Retried(error.reason, error.after)] * count
        case Reject():
            return [Rejected(error.reason, error.detail)] * count
        case BatchFailed():
            return Divided(Retried(error.reason, detail=error.detail))
        case SinkRefused():
            return Divided(Rejected("sink-data", detail=str(error)))
        case _:  # a sink's bug ends as the outcome of the record that shows it
            return Divided(Retried(type(error).__name__, detail="unexpected in the sink"))


@dataclass(frozen=True, slots=True)
class Divided:
    """Something in the batch was refused: find it by halving; a record that is alone gets this answer."""

    alone: Retried | Rejected
