"""Settle: the only place that deletes, gives back and dead-letters.

Takes deliveries with their outcomes from every handler, gathers them in tens over all of them, and gives nothing on:
a settled delivery leaves the ledger. What was written but could not be deleted is remembered, so that a redelivery is
deleted and not written again. It ends when it is closed and everything has been carried out.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, assert_never

from worker import facts
from worker.backoff import Backoff, whole_seconds
from worker.errors import QueueThrottled, QueueUnavailable
from worker.message import State
from worker.outcome import DONE, Done, Rejected, Released, Retried
from worker.pipeline.channel import Channel
from worker.pipeline.ending import DELETED, NOT_OURS, Ending
from worker.pipeline.entries import Entries
from worker.pipeline.lane import newest_first
from worker.pipeline.stage import Stages
from worker.sqs.limits import BATCH_ENTRIES
from worker.sqs.queue import OK, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from worker.facts import Emit
    from worker.message import Delivery
    from worker.outcome import Outcome, OutcomeName
    from worker.pipeline.buffer import Buffer
    from worker.pipeline.deadletter import DeadLetters
    from worker.pipeline.ledger import Ledger
    from worker.sqs.queue import Answer, Queue


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
        self._queue = queue
        self._now = asyncio.get_running_loop().time
        self._settings = settings
        self._ledger = ledger
        self._dead_letters = dead_letters
        self._buffer = buffer
        self._backoff = Backoff(settings.retry_base_seconds, settings.retry_max_seconds, random)
        self._emit = emit
        self._pipeline = pipeline
        self._entries = Entries(leave=self._leave, random=random, emit=emit, pipeline=pipeline)
        self._deletes: Channel[Delivery] = Channel()
        self._changes: Channel[Delivery] = Channel()
        self._rejects: Channel[tuple[Delivery, Rejected]] = Channel()
        self._endings: dict[Delivery, Ending] = {}
        """Of those that are not simply deleted, as nearly all are. Written by _give_back, _reject and _leave_as."""
        self._held: dict[Delivery, tuple[OutcomeName, float]] | None = None
        """To be given back later, visible at that loop time. Written by hold_back, release and _give_back."""
        self.calls = 0  # of SQS, to settle something; written by _delete, _change and _reject
        self.pending = 0  # settled by a handler, not yet by SQS; written by settle and _leave

    async def run(self) -> None:
        """Until closed and drained."""
        async with Stages(may_return=lambda: self._rejects.closed) as loops:
            loops.start(self._reject_until_closed, name=f"reject-{self._pipeline}")
            for number in range(self._settings.deletes):
                loops.start(self._delete_until_closed, name=f"delete-{self._pipeline}-{number}")
            for number in range(self._settings.changes):
                loops.start(self._change_until_closed, name=f"change-{self._pipeline}-{number}")

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
        self._held = {}

    def release(self) -> None:
        """What was held is given back, and from now on everything at once."""
        held, self._held = self._held or {}, None
        for delivery in newest_first(held):
            outcome, visible_at = held[delivery]
            if self._ledger.give_back(delivery):
                self._change_to(delivery, outcome, max(0, ceil(round(visible_at - self._now(), 3))))

    def close(self) -> None:
        """No more outcomes will come; `run` returns when all are carried out."""
        self._rejects.close()  # its end closes the two others: a dead letter ends in a delete

    def _settle_otherwise(self, delivery: Delivery, outcome: Outcome) -> None:
        match outcome:
            case Done():
                self._delete_accepted([delivery])
            case Retried():
                self._retry(delivery, outcome)
            case Released():
                self._give_back(delivery, "released", 0)
            case Rejected():
                if self._ledger.reject(delivery):
                    self.pending += 1
                    self._rejects.put([(delivery, outcome)])
            case _:
                assert_never(outcome)

    def _delete_accepted(self, done: Sequence[Delivery]) -> None:
        """What the sink accepted; what nobody had begun is not believed to be, and goes back."""
        accepted = self._ledger.accept(done)
        self.pending += len(accepted)
        self._deletes.put(accepted)
        if len(accepted) < len(done):
            for delivery in done:
                if delivery.state is State.HELD:
                    self._give_back(delivery, "released", 0)

    def _retry(self, delivery: Delivery, retried: Retried) -> None:
        seconds = self._delay(delivery, retried.after)
        count = delivery.receive_count
        name, message = self._pipeline, delivery.message_id
        self._emit(facts.MessageRetried(name, message, retried.reason, retried.detail, count, seconds))
        self._give_back(delivery, "retried", seconds)

    def _give_back(self, delivery: Delivery, outcome: OutcomeName, seconds: int) -> None:
        """From here on no renewal touches the visibility: the pause asked for here is the last word."""
        if self._held is None:
            if self._ledger.give_back(delivery):
                self.pending += 1
                self._change_to(delivery, outcome, seconds)
        elif self._ledger.postpone(delivery):
            self.pending += 1
            self._held[delivery] = outcome, self._now() + seconds

    def _change_to(self, delivery: Delivery, outcome: OutcomeName, seconds: int) -> None:
        self._endings[delivery] = Ending(outcome, seconds)
        self._changes.put([delivery])

    def _delay(self, delivery: Delivery, after: float | None) -> int:
        """Seconds until the message is visible again, inside SQS's 12 hours from receipt."""
        held = self._now() - delivery.leased_at
        return whole_seconds(self._backoff.pause(delivery.receive_count, after), held_seconds=held)

    # ── the three loops ─────────────────────────────────────────────────────────────────────────────────────────────

    async def _delete_until_closed(self) -> None:
        while batch := await self._deletes.take(BATCH_ENTRIES, linger=self._settings.linger_seconds):
            undeleted = await self._entries.until_decided("delete", batch, self._delete)
            for delivery in undeleted:
                self._ledger.remember(delivery)
            self._leave_as("expired", undeleted)

    async def _change_until_closed(self) -> None:
        while batch := await self._changes.take(BATCH_ENTRIES, linger=self._settings.linger_seconds):
            given_up = await self._entries.until_decided("change", batch, self._change)
            self._leave_as("expired", given_up)

    async def _reject_until_closed(self) -> None:
        while batch := await self._rejects.take(BATCH_ENTRIES):
            await self._reject(batch)
        self._deletes.close()
        self._changes.close()

    # ── what each of them asks of SQS ───────────────────────────────────────────────────────────────────────────────

    async def _delete(self, batch: Sequence[Delivery]) -> list[Answer]:
        self.calls += 1
        self._remember_late(batch)  # at every try: a lease may end between two of them
        return await self._queue.delete(batch)

    async def _change(self, batch: Sequence[Delivery]) -> list[Answer]:
        """Only what is still ours: an older handle is obeyed although somebody else holds the message by now."""
        self.calls += 1
        renewals = {delivery.renewal for delivery in batch if delivery.renewal is not None}
        if renewals:
            await asyncio.wait(renewals)  # else the renewal could overtake, and undo the pause
        now = self._now()
        decided = {delivery: answer for delivery in batch if (answer := self._unasked(delivery, now)) is not None}
        asked = [delivery for delivery in batch if delivery not in decided]
        if asked:
            decided.update(zip(asked, await self._change_in_time(asked), strict=True))
        return [decided[delivery] for delivery in batch]

    def _unasked(self, delivery: Delivery, now: float) -> Answer | None:
        """The answer that needs no question; None: there is one to ask."""
        if self._ledger.returned(delivery):
            return OK  # perhaps only since we wait: its handle is void
        return None if self._ledger.changeable(delivery, now) else NOT_OURS

    async def _change_in_time(self, asked: Sequence[Delivery]) -> list[Answer]:
        """Given up when the first lease ends. Where nobody knows what SQS did, a lease may be over with the pause."""
        ends = {delivery: self._now() + self._endings[delivery].seconds for delivery in asked}
        try:
            async with asyncio.timeout_at(min(delivery.deadline for delivery in asked)):
                answers = await self._queue.change_visibility(asked, [self._endings[one].seconds for one in asked])
        except TimeoutError as error:
            self._ledger.shorten(ends)
            raise QueueUnavailable("change_visibility", NOT_OURS.code) from error
        except QueueUnavailable as error:
            if not isinstance(error, QueueThrottled):  # turned away, and nothing was done
                self._ledger.shorten(ends)
            raise
        self._ledger.shorten({one: ends[one] for one, answer in zip(asked, answers, strict=True) if answer is UNKNOWN})
        return answers

    async def _reject(self, batch: list[tuple[Delivery, Rejected]]) -> None:
        """Out of the way: dead-lettered and then deleted, or left to the queue's own redrive policy."""
        self.calls += 1
        batch = self._still_ours(batch)
        accepted = await self._dead_letters.send(batch) if batch and self._dead_letters is not None else set()
        for delivery, rejected in batch:
            if delivery.message_id in accepted:
                self._report(delivery, rejected, dead_lettered=True)
                self._endings[delivery] = Ending("rejected", dead_lettered=True)
                self._ledger.letter(delivery)
                self._deletes.put([delivery])
            else:
                self._unaccepted(delivery, rejected)

    def _still_ours(self, batch: list[tuple[Delivery, Rejected]]) -> list[tuple[Delivery, Rejected]]:
        """Whoever has the message by now decides what becomes of it; a delete by our handle would take it away."""
        now = self._now()
        lost = [delivery for delivery, _ in batch if delivery.lost or now >= delivery.deadline]
        if lost:
            self._emit(facts.SettleFailed(self._pipeline, "dead-letter", NOT_OURS.code, len(lost), final=True))
            self._leave_as("expired", lost)
        return [(delivery, rejected) for delivery, rejected in batch if delivery not in lost]

    def _unaccepted(self, delivery: Delivery, rejected: Rejected) -> None:
        """No dead-letter queue has it: it is left to the redrive policy, or tried again, in hand if it may stay."""
        letters, alone = self._dead_letters, self._settings.alone_seconds
        self.pending -= 1  # and once more if it goes back
        retried = Retried("dead-letter-refused", detail=rejected.reason)
        if alone is not None and (letters is None or delivery.message_id in letters.lasting):
            if not self._buffer.await_turn(delivery, rejected):
                self._report(delivery, rejected, dead_lettered=False)
                self._give_back(delivery, "rejected", alone)
        elif self._buffer.keep(delivery, retried if letters else Retried(rejected.reason, detail=rejected.detail)):
            pass
        elif letters:
            self._retry(delivery, retried)
        else:
            self._report(delivery, rejected, dead_lettered=False)
            self._give_back(delivery, "rejected", self._delay(delivery, None))

    def _report(self, delivery: Delivery, rejected: Rejected, *, dead_lettered: bool) -> None:
        name, message, count = self._pipeline, delivery.message_id, delivery.receive_count
        reason, detail = rejected.reason, rejected.detail
        self._emit(facts.MessageRejected(name, message, reason, detail, count, dead_lettered=dead_lettered))

    # ── the end of a delivery ───────────────────────────────────────────────────────────────────────────────────────

    def _remember_late(self, deliveries: Sequence[Delivery]) -> None:
        """SQS calls the delete of an expired handle a success and may not have deleted anything."""
        now = self._now()
        for delivery in deliveries:
            if delivery.lost or now >= delivery.deadline:
                self._ledger.remember(delivery)

    def _leave(self, decided: Sequence[Delivery]) -> None:
        if not self._endings:
            self._leave_as("deleted", decided)
            return
        outcomes = [self._endings.get(delivery, DELETED).outcome for delivery in decided]
        for outcome in dict.fromkeys(outcomes):
            self._leave_as(outcome, [one for one, its in zip(decided, outcomes, strict=True) if its == outcome])

    def _leave_as(self, outcome: OutcomeName, deliveries: Sequence[Delivery]) -> None:
        deliveries = self._ledger.leave(deliveries, outcome)
        if deliveries:
            self.pending -= len(deliveries)
            self._emit(facts.DeliveriesSettled(self._pipeline, outcome, len(deliveries)))
            unresolved: list[Delivery] = []
            if outcome != "deleted":
                unresolved = [one for one in deliveries if not self._endings.pop(one, DELETED).dead_lettered]
            self.settle(self._buffer.left(deliveries, outcome, unresolved))
