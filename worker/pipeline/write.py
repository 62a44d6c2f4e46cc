"""Write: gives a batch of records to the sink.

Takes records, gives one answer each, in order. A batch in which something is refused is halved until the bad record is
alone. What the sink did not take, because it is away or seems so, is answered by its `Trial`: it is to be kept in hand
and written again. It ends with an answer for every record, or by cancellation, after which nobody knows what the sink
has kept. The values say their moment:

    before a try       `NotBegun`   what it must leave out: leases that are over (`batch_leases.py`)
    after a try        `ToHalve`    something in it was refused (`answers.py`)
    between two tries  `Trial`      how often the sink was away, and when to try again (`trial.py`)
    at the end         `Written`    an answer for each record
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from worker import facts
from worker.cancellation import meant
from worker.errors import BatchFailed, CallHangs, SinkUnavailable
from worker.outcome import DONE, Outcome, Rejected, Released, Retried
from worker.pipeline.answers import ToHalve, meaning_of, outcomes_of
from worker.pipeline.batch_leases import LEASE_OVER, NotBegun, leases_over
from worker.pipeline.breaker import AwayTooLong
from worker.pipeline.lane import HELD_BACK, held_back
from worker.pipeline.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.facts import Emit
    from worker.message import Message
    from worker.pipeline.batch_leases import BatchLeases
    from worker.pipeline.breaker import Breaker
    from worker.sinks.sink import Sink


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a batch: an answer for each record, and how often the sink was asked."""

    answers: Sequence[Outcome | Trial]
    writes: int
    kept: bool = False
    """Something is to be written again: its answer is a `Trial`."""


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

    async def write(self, records: Sequence[Message], *, leases: BatchLeases, trial: Trial | None = None) -> Written:
        """One answer for each record, in order; of those that failed together the same `Trial`.

        *trial* is what the sink made of them so far. Nothing is begun whose lease ran out meanwhile.
        """
        trial = trial or Trial()
        if trial.hangs is not None:
            return await self._after(trial.hangs, records, leases, trial)
        if trial.since is not None:
            records = self._as_new(records)
        try:
            async with self._breaker.attempt(trial):
                came_of_it = leases.begin(records) or await self._try(records, trial)
        except AwayTooLong:
            return Written([Released("sink-away")] * len(records), 0)
        match came_of_it:
            case list():
                return Written(held_back(records, came_of_it) if self._ordered else came_of_it, 1)
            case NotBegun():
                return await self._without(came_of_it, records, leases, trial)
            case ToHalve():
                return await self._halve(records, came_of_it.alone, leases, trial)
            case Trial():
                leases.end()
                return Written([trial] * len(records), 1, kept=True)

    async def _try(self, records: Sequence[Message], trial: Trial) -> list[Outcome] | ToHalve | Trial:
        """One write: its answers, or that the batch must be halved, or *trial* if the sink seems to be away."""
        began = self._now()
        self.calls += 1
        try:
            outcomes = outcomes_of(await self._sink.write(records), len(records))
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
            self._breaker.answered(taken=False)  # whatever it says, it is there
            return meaning_of(error, len(records))
        self._breaker.answered(taken=DONE in outcomes)
        return outcomes

    async def _after(self, hangs: CallHangs, records: Sequence[Message], leases: BatchLeases, trial: Trial) -> Written:
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
        self, records: Sequence[Message], alone: Retried | Rejected, leases: BatchLeases, trial: Trial
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
        self, left_out: NotBegun, records: Sequence[Message], leases: BatchLeases, trial: Trial
    ) -> Written:
        """Give back what must not be begun, with what is behind it in its groups, and write the rest."""
        if left_out.over:
            self._emit(leases_over(self._pipeline, len(left_out.over)))
        not_begun = left_out.over | left_out.behind
        answers: list[Outcome] = [LEASE_OVER if record.id in not_begun else DONE for record in records]
        if self._ordered:
            answers = held_back(records, answers, all_behind=True)
        decided = {record.id: answer for record, answer in zip(records, answers, strict=True) if answer is not DONE}
        return await self._rest(records, decided, leases, trial)

    def _behind(
        self, before: Sequence[Message], answers: Sequence[Outcome | Trial], records: Sequence[Message]
    ) -> dict[str, Outcome]:
        """Those of *records* that must not be tried, with order in the groups: something *before* them failed."""
        if not self._ordered:
            return {}
        stopped = {record.group_id for record, answer in zip(before, answers, strict=True) if answer is not DONE}
        return {record.id: HELD_BACK for record in records if record.group_id in stopped}

    async def _rest(
        self, records: Sequence[Message], decided: dict[str, Outcome], leases: BatchLeases, trial: Trial
    ) -> Written:
        """Write *records* but those *decided*, which have their answers."""
        free = [record for record in records if record.id not in decided]
        written = await self.write(free, leases=leases, trial=trial.half()) if free else Written([], 0)
        answered = iter(written.answers)
        answers = [decided.get(record.id) or next(answered) for record in records]
        return Written(answers, written.writes, written.kept)
