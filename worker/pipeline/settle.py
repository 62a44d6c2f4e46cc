"""Settle: the only place that deletes, gives back and dead-letters.

Takes deliveries with their outcomes from every handler, gathers them in tens over all of them, and gives nothing on:
a settled delivery leaves the ledger. What was written but could not be deleted is remembered, so that a redelivery is
deleted and not written again. It ends when it is closed and everything has been carried out.

The path of each kind: what is done is deleted (`deleting.py`); what is retried or released is given back
(`giving_back.py`); what is rejected is dead-lettered (`rejecting.py`) and then deleted, or given back. Each ten are
asked of SQS until all of them are decided (`entries.py`).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import TYPE_CHECKING, assert_never

from worker import facts
from worker.outcome import DONE, Done, Rejected, Released, Retried
from worker.pipeline.backoff import Backoff
from worker.pipeline.channel import Channel
from worker.pipeline.deleting import Deleting
from worker.pipeline.ending import Ending, Endings
from worker.pipeline.entries import Entries
from worker.pipeline.giving_back import GivingBack
from worker.pipeline.lane import newest_first
from worker.pipeline.life import HELD, LETTERED, RETURNED
from worker.pipeline.rejecting import Rejecting
from worker.pipeline.stage import Stages
from worker.sqs.quotas import BATCH_ENTRIES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from worker.facts import Emit
    from worker.message import Delivery
    from worker.outcome import Outcome, OutcomeName
    from worker.pipeline.buffer import Buffer
    from worker.pipeline.deadletter import DeadLetters
    from worker.pipeline.ledger import Ledger
    from worker.sqs.queue import Queue


@dataclass(frozen=True, slots=True)
class SettleSettings:
    """How outcomes are carried out."""

    deletes: int
    """Delete calls side by side."""
    changes: int
    """Visibility calls side by side; 1 where groups must be given back in order."""
    linger_seconds: float
    """How long a delete or a visibility may wait for nine others."""
    retry_base_seconds: float
    retry_max_seconds: float
    alone_seconds: int | None = None
    """Pause of a rejected one that only the redrive policy can move, while its group waits; None: backoff."""


class Settler:
    """One per pipeline. `settle` is called by the handlers and the poller; the rest is its own."""

    def __init__(
        self,
        queue: Queue,
        *,
        settings: SettleSettings,
        ledger: Ledger,
        dead_letters: DeadLetters | None,
        buffer: Buffer,
        random: Random,
        emit: Emit,
        pipeline: str,
    ) -> None:
        self._now = asyncio.get_running_loop().time
        self._settings = settings
        self._ledger = ledger
        self._buffer = buffer
        self._entries = partial(Entries, random=random, emit=emit, pipeline=pipeline)
        self._emit = emit
        self._pipeline = pipeline
        backoff = Backoff(settings.retry_base_seconds, settings.retry_max_seconds, random)
        self._endings = Endings(backoff, emit=emit, pipeline=pipeline)
        self._delete = Deleting(queue, ledger)
        self._give_back = GivingBack(queue, ledger)
        alone = settings.alone_seconds
        self._reject = Rejecting(dead_letters, buffer, self._endings, alone, emit=emit, pipeline=pipeline)
        self._deletes: Channel[Delivery] = Channel()
        self._changes: Channel[Ending] = Channel()
        self._rejects: Channel[tuple[Delivery, Rejected]] = Channel()
        self._postponed: dict[Delivery, tuple[Ending, float]] | None = None
        """To be given back later, visible at that loop time. Written by hold_back, release and _return."""
        self.pending = 0  # settled by a handler, not yet by SQS; written by all that take over, and _leave

    async def run(self) -> None:
        """Until closed and drained."""
        async with Stages(may_return=lambda: self._rejects.closed) as loops:
            loops.start(self._reject_until_closed, name=f"reject-{self._pipeline}")
            for number in range(self._settings.deletes):
                loops.start(self._delete_until_closed, name=f"delete-{self._pipeline}-{number}")
            for number in range(self._settings.changes):
                loops.start(self._change_until_closed, name=f"change-{self._pipeline}-{number}")

    @property
    def calls(self) -> int:
        """Of SQS, to settle something: grows whenever anything moves."""
        return self._delete.calls + self._give_back.calls + self._reject.calls

    # ── what is taken over, and by which path it goes ───────────────────────────────────────────────────────────────

    def settle(self, settled: Sequence[tuple[Delivery, Outcome]]) -> None:
        """Take over deliveries with their outcomes; never waits."""
        if not settled:
            return
        done = [delivery for delivery, outcome in settled if outcome is DONE]
        self._delete_accepted(done)
        if len(done) < len(settled):
            for delivery, outcome in settled:
                if outcome is not DONE:
                    self._settle_otherwise(delivery, outcome)

    def delete_again(self, written: Sequence[Delivery]) -> None:
        """Take over what was written before, and has come again since its delete had failed."""
        self.pending += len(written)
        self._deletes.put(written)

    def hold_back(self) -> None:
        """Until `release` nothing is given back: an open receive of ours would be handed it, and spend a try of it."""
        self._postponed = {}

    def release(self) -> None:
        """What was postponed is given back, and from now on everything at once."""
        postponed, self._postponed = self._postponed or {}, None
        for delivery in newest_first(postponed):
            ending, visible_at = postponed[delivery]
            seconds = max(0, ceil(round(visible_at - self._now(), 3)))
            if self._ledger.give_back(delivery):
                self._changes.put([ending._replace(seconds=seconds)])

    def close(self) -> None:
        """No more outcomes will come; `run` returns when all are carried out."""
        self._rejects.close()  # its end closes the two others: a dead letter ends in a delete

    def _settle_otherwise(self, delivery: Delivery, outcome: Outcome) -> None:
        match outcome:
            case Done():
                self._delete_accepted([delivery])
            case Retried():
                self._return(self._endings.retried(delivery, outcome))
            case Released():
                self._return(self._endings.released(delivery))
            case Rejected():
                if self._ledger.reject(delivery):
                    self.pending += 1
                    self._rejects.put([(delivery, outcome)])
            case _:
                assert_never(outcome)

    def _delete_accepted(self, done: Sequence[Delivery]) -> None:
        """What the sink accepted. What nobody had begun cannot have been, and goes back."""
        accepted = self._ledger.accept(done)
        self.pending += len(accepted)
        self._deletes.put(accepted)
        if len(accepted) < len(done):
            for delivery in done:
                if delivery.state is HELD:
                    self._return(self._endings.released(delivery))

    def _return(self, ending: Ending) -> None:
        """From here on no renewal touches the visibility: the pause asked for here is the last word."""
        delivery = ending.delivery
        if self._postponed is None:
            if self._ledger.give_back(delivery):
                self.pending += 1
                self._changes.put([ending])
        elif self._ledger.postpone(delivery):
            self.pending += 1
            self._postponed[delivery] = ending, self._now() + (ending.seconds or 0)

    # ── the three loops, and what each of them asks of SQS ──────────────────────────────────────────────────────────

    async def _delete_until_closed(self) -> None:
        while batch := await self._deletes.take(BATCH_ENTRIES, linger=self._settings.linger_seconds):
            entries = self._entries("delete", batch, self._delete.ask)
            while entries.undecided:
                done, given_up = await entries.decided()
                self._leave_deleted(done)
                self._delete.remember(given_up)
                self._leave("expired", given_up)

    async def _change_until_closed(self) -> None:
        while batch := await self._changes.take(BATCH_ENTRIES, linger=self._settings.linger_seconds):
            endings = {ending.delivery: ending for ending in batch}
            here_again = [delivery for delivery in endings if delivery.state is RETURNED]
            self._leave("expired", here_again)  # nobody has asked for it: its lease was over
            asked = [delivery for delivery in endings if delivery not in here_again]
            entries = self._entries("change", asked, partial(self._give_back.ask, endings=endings))
            while entries.undecided:
                done, given_up = await entries.decided()
                self._leave_given_back([endings[delivery] for delivery in done])
                self._leave("expired", given_up)

    async def _reject_until_closed(self) -> None:
        while batch := await self._rejects.take(BATCH_ENTRIES):
            lost = self._reject.lost(batch)
            self._leave("expired", lost)
            ours = [(delivery, rejected) for delivery, rejected in batch if delivery not in lost]
            endings = await self._reject.ask(ours)
            self.pending -= len(ours)  # those that go on are pending again
            for ending in endings:
                self._end_rejected(ending)
        self._deletes.close()
        self._changes.close()

    # ── the end of a delivery ───────────────────────────────────────────────────────────────────────────────────────

    def _end_rejected(self, ending: Ending) -> None:
        """Out of the way: dead-lettered and then deleted, or left to the queue's own redrive policy."""
        delivery = ending.delivery
        if ending.seconds is not None:
            self._return(ending)
        elif self._ledger.letter(delivery):
            self.pending += 1
            self._deletes.put([delivery])

    def _leave_deleted(self, done: Sequence[Delivery]) -> None:
        lettered = [delivery for delivery in done if delivery.state is LETTERED]
        self._leave("rejected", lettered)
        self._leave("deleted", [delivery for delivery in done if delivery not in lettered] if lettered else done)

    def _leave_given_back(self, endings: Sequence[Ending]) -> None:
        for outcome in dict.fromkeys(ending.outcome for ending in endings):
            self._leave(outcome, [ending.delivery for ending in endings if ending.outcome == outcome])

    def _leave(self, outcome: OutcomeName, deliveries: Sequence[Delivery]) -> None:
        """Out of the ledger; what they held back in their groups is settled in turn."""
        if not deliveries:
            return
        unresolved = [] if outcome == "deleted" else [one for one in deliveries if one.state is not LETTERED]
        left = self._ledger.leave(deliveries, outcome)
        self.pending -= len(left)
        self._emit(facts.DeliveriesSettled(self._pipeline, outcome, len(left)))
        self.settle(self._buffer.departed(left, outcome, unresolved))
