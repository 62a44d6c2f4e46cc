"""How a pipeline spends its time: fed by the facts of batches, receives and deletes, and by looks at its live numbers.

Takes facts and beats on the loop's thread, a few additions for each batch or call; gives the figures of the last
minute on any. It has the life of the pipeline that it watches.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from worker.facts import PerformanceReported
from worker.telemetry.load.bottleneck import Shares, verdict
from worker.telemetry.load.spans import Spans

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker import facts
    from worker.facts import PipelineState
    from worker.telemetry.load.load import Load

WINDOW_SECONDS: Final = 60
BATCHES_KEPT: Final = 512
"""For the means and quantiles: the latest ones, and few enough to be sorted when somebody asks."""

SILENT_SECONDS: Final = 1.0
"""Receivers that wait for room or for the sink give a sign more often than that; those in a long poll do not."""

Batch = tuple[float, int, float, float]
"""When it ended, its rows, seconds of decoding and of writing."""


class Performance:
    """One pipeline. Written by the loop's thread in the methods of the first part, read by any."""

    def __init__(self, pipeline: str, load: Load, now: float) -> None:
        self._pipeline = pipeline
        self._load = load
        self._started = self._looked_at = now
        """The latter written by `look`."""
        self._receiving, self._waiting, self._without_room = Spans(), Spans(), Spans()
        self._idle_handlers, self._decoding, self._writing = Spans(), Spans(), Spans()
        self._deleting = Spans()
        self._held, self._settling = Spans(), Spans()
        self._batches: deque[Batch] = deque(maxlen=BATCHES_KEPT)
        """Written by `written`; a copy is made in one step, so no other thread sees it change."""

    # ── on the loop's thread ────────────────────────────────────────────────────────────────────────────────────────

    def received(self, fact: facts.MessagesReceived, now: float) -> None:
        """Book one receiver's time. An answer that came a tenth full was for nine tenths waiting for messages."""
        if fact.count >= fact.asked > 0:
            self._receiving.add(fact.seconds, now)
        else:
            full = fact.count / fact.asked if fact.asked else 0.0
            self._receiving.add(fact.seconds * full, now)
            self._waiting.add(fact.seconds * (1 - full), now)
        if fact.waited_seconds:
            self._without_room.add(fact.waited_seconds, now - fact.seconds)

    def written(self, fact: facts.BatchWritten, now: float) -> None:
        """Book one handler's time."""
        self._writing.add(fact.write_seconds, now)
        self._decoding.add(fact.decode_seconds, now - fact.write_seconds)
        self._idle_handlers.add(fact.waited_seconds, now - fact.write_seconds - fact.decode_seconds)
        self._batches.append((now, fact.rows, fact.decode_seconds, fact.write_seconds))

    def requested(self, fact: facts.RequestMade, now: float) -> None:
        """Book a delete; receives are booked by what they brought."""
        if fact.operation == "delete":
            self._deleting.add(fact.seconds, now)

    def look(self, state: PipelineState, now: float) -> None:
        """Book what is in flight, since the last look."""
        passed, self._looked_at = now - self._looked_at, now
        if state.in_flight:
            self._held.add(passed, now)
            self._settling.add(passed * min(1.0, state.settling / state.in_flight), now)

    # ── on any thread ───────────────────────────────────────────────────────────────────────────────────────────────

    def shares(self, state: PipelineState | None, now: float) -> Shares:
        """How the last minute was spent; what takes longer and is not over yet is told by *state*."""
        receiving, waiting, without_room = (
            spent.total(WINDOW_SECONDS, now) for spent in (self._receiving, self._waiting, self._without_room)
        )
        writing, decoding, idle, deleting, held, settling = (
            spent.total(WINDOW_SECONDS, now)
            for spent in (
                *(self._writing, self._decoding, self._idle_handlers),
                *(self._deleting, self._held, self._settling),
            )
        )
        waiting += _polling(state)
        receivers, handlers = receiving + waiting + without_room, writing + decoding + idle
        passed = min(WINDOW_SECONDS, int(now) - int(self._started))
        calls = state.delete_calls if state is not None else 1
        return Shares(
            receiving=_part(receiving, receivers),
            waiting_for_messages=_part(waiting, receivers),
            waiting_for_room=_part(without_room, receivers) if receivers else float(_is_full(state)),
            decoding=_part(decoding, passed),
            sink=_part(writing, handlers) if handlers else float(_is_handling(state)),
            deleting=_part(deleting, passed * calls),
            settling=_part(settling, held),
            loop=self._load.loop_share(WINDOW_SECONDS, now),
            cpus=self._load.cpus_share(WINDOW_SECONDS, now),
        )

    def report(
        self,
        state: PipelineState | None,
        now: float,
        *,
        deleted_per_second: float = 0.0,
        stuck: bool = False,
        trouble: str = "",
    ) -> PerformanceReported:
        """All figures. *stuck* while every place hangs; *trouble*: SQS's code while nothing can be received."""
        shares = self.shares(state, now)
        told = verdict(
            shares,
            sink_available=state is None or state.sink_available,
            stuck=stuck,
            trouble=trouble,
            cpus_busy=self._load.cpus_busy(WINDOW_SECONDS, now),
        )
        batches = [batch for batch in tuple(self._batches) if batch[0] >= now - WINDOW_SECONDS]
        writes = sorted(seconds for _, _, _, seconds in batches)
        return PerformanceReported(
            self._pipeline,
            bottleneck=told.word,
            advice=told.sentence,
            deleted_per_second=round(deleted_per_second, 2),
            time_share=shares.as_dict(),
            batches=len(batches),
            batch_rows=round(_mean([rows for _, rows, _, _ in batches]), 1),
            decode_seconds=round(_mean([seconds for _, _, seconds, _ in batches]), 6),
            write_seconds=round(_mean(writes), 6),
            write_seconds_p50=round(quantile(writes, 0.5), 6),
            write_seconds_p95=round(quantile(writes, 0.95), 6),
            batch_rows_limit=state.batch_rows_limit if state is not None else 0,
            batch_linger_seconds=round(state.batch_linger_seconds, 6) if state is not None else 0.0,
            receivers=state.receivers if state is not None else 0,
            in_flight_limit=state.in_flight_limit if state is not None else 0,
        )


def quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest of the *ordered* that *share* of them do not pass; 0 when there are none."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def _polling(state: PipelineState | None) -> float:
    """Seconds of long polls that are under way, which nobody has reported: all of the first one on an idle queue."""
    if state is None or not state.receiving or state.last_receive_age < SILENT_SECONDS:
        return 0.0
    return min(state.last_receive_age, WINDOW_SECONDS) * state.receivers


def _is_full(state: PipelineState | None) -> bool:
    return state is not None and state.receiving and 0 < state.in_flight_limit <= state.in_flight


def _is_handling(state: PipelineState | None) -> bool:
    return state is not None and state.handling > 0


def _part(part: float, whole: float) -> float:
    return min(1.0, part / whole) if whole > 0 else 0.0


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
