"""Defects that others have shipped, each as the wrong version of one function of the core.

Each takes what the right one takes and does one thing wrong; nothing here is used but through `ablations.py`, which
says what is replaced by what.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING, Any, Final

from worker import cancellation
from worker.errors import QueueError, SinkRefused, SinkUnavailable
from worker.message import Outgoing
from worker.outcome import DONE, Done, Rejected, Released, Retried
from worker.pipeline.answers import ToHalve, meaning_of
from worker.pipeline.batch_leases import BatchLeases
from worker.pipeline.breaker import Breaker
from worker.pipeline.buffer import Arrivals
from worker.pipeline.caution import POLL_SECONDS, Caution
from worker.pipeline.decide import Decider
from worker.pipeline.decode import Decoder
from worker.pipeline.ending import Ending
from worker.pipeline.giving_back import GivingBack
from worker.pipeline.lane import Lane, order_of
from worker.pipeline.lanes import Lanes
from worker.pipeline.ledger import Ledger
from worker.pipeline.letter import Brevity, Draft
from worker.pipeline.settle import Settler
from worker.pipeline.stage import Stages
from worker.pipeline.tries import Tries
from worker.pipeline.write import Writer, Written
from worker.sqs.queue import OK, UNKNOWN
from worker.sqs.quotas import MESSAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from worker.message import Delivery, Message
    from worker.outcome import Outcome, OutcomeName
    from worker.pipeline.batch import Batch
    from worker.pipeline.deadletter import DeadLetters
    from worker.pipeline.decode import Decoded
    from worker.pipeline.gate import Gate
    from worker.pipeline.poll import Poller
    from worker.pipeline.rejecting import Rejecting
    from worker.pipeline.renew import Renewer
    from worker.pipeline.room import Reservation, Room
    from worker.pipeline.sizing import Sizing
    from worker.pipeline.stage import Stage
    from worker.pipeline.stopping import Stop
    from worker.pipeline.trial import Trial
    from worker.sqs.lease import LeaseClock
    from worker.sqs.queue import EntryResult

HARD_CODED_SECONDS: Final = 30

add, decide = Decoder._add, Decider.decide
try_write = Writer._try
settle, settle_otherwise, close_settler = Settler.settle, Settler._settle_otherwise, Settler.close
change, unbegun, decided = GivingBack.ask, Arrivals.unbegun, Lanes.decided
cut_to = Draft.cut_to
failure = Stages._failure
once, received = Tries.once, Caution.received
answered = Breaker.answered
leave, due, hold = Ledger.leave, Ledger.due, Ledger._hold

# ── writing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def writes_nothing(_: Writer, records: Sequence[Message], **__: object) -> Written:
    """Says done without having written."""
    return Written([DONE] * len(records), 1)


async def deletes_before_the_commit(self: Tries, batch: Batch, **__: object) -> None:
    """Settles, and then writes."""
    self._decider.decide([(delivery, DONE) for delivery in batch.deliveries])
    leases = BatchLeases([], life=self._life, limit_seconds=None, ordered=False, clock=self._now)
    await self._writer.write(batch.records, leases=leases)


def keys_by_receipt(_: str | None) -> Callable[[object, Delivery], str]:
    """A key that is another one at each receipt keeps nothing apart."""
    return lambda _, delivery: f"{delivery.message_id}/{delivery.receive_count}"


async def takes_away_for_a_retry(
    self: Writer, records: Sequence[Message], trial: Trial
) -> list[Outcome] | ToHalve | Trial:
    """Gives a batch back for every failure of a sink that is away."""
    try:
        answers = await self._sink.write(records)
    except SinkUnavailable:
        return [Retried("sink")] * len(records)
    except (Exception, asyncio.CancelledError) as error:
        if isinstance(error, asyncio.CancelledError) and cancellation.meant():
            raise
        return await try_write(self, records, trial)
    return [DONE if answer is None else answer for answer in answers]


async def answers_all_alike(_: Writer, records: Sequence[Message], alone: Retried | Rejected, *__: object) -> Written:
    """Gives the bad record's answer to its whole batch."""
    return Written([alone] * len(records), 1)


def begins_what_is_over(self: Decoder, batch: Decoded, deliveries: list[Delivery], _: float) -> None:
    """Looks at no lease."""
    lost = [delivery for delivery in deliveries if delivery.lost]
    for delivery in lost:
        delivery.lost = False
    add(self, batch, deliveries, -inf)
    for delivery in lost:
        delivery.lost = True


def is_never_alone(_: Room, __: Reservation, **___: object) -> bool:
    """Somebody else will try the sink."""
    return False


def begins_all(_: BatchLeases, __: Sequence[Message]) -> None:
    """No lease is over while a batch waits for the sink."""


def begins_behind_what_is_lost(_: BatchLeases, __: Iterable[str]) -> set[str]:
    """Looks at the lease of what it begins, and not at what was before it in its batch and group."""
    return set()


def takes_garbage_for_done(self: Decoder, batch: Decoded, deliveries: list[Delivery], now: float) -> None:
    """Acknowledges what it cannot decode."""
    add(self, batch, deliveries, now)
    batch.left_out[:] = [(one, DONE if isinstance(end, Rejected) else end) for one, end in batch.left_out]


def forgets_when_cancelled(_: Decider, __: Sequence[Delivery]) -> None:
    """Drops the batch in hand when it is cancelled."""


def answers_twice(self: Decider, outcomes: list[tuple[Delivery, Outcome]]) -> None:
    """Hands each outcome on twice."""
    decide(self, outcomes)
    decide(self, outcomes)


# ── settling ────────────────────────────────────────────────────────────────────────────────────────────────────────


def deletes_what_failed(self: Settler, settled: Sequence[tuple[Delivery, Outcome]]) -> None:
    """Takes every outcome for done."""
    settle(self, [(delivery, Done()) for delivery, _ in settled])


def skips_failed_entries(call: Any) -> Any:
    """Reads no failed half."""

    async def blind(*batch: Any, **more: Any) -> list[EntryResult]:
        return [answer if answer is UNKNOWN else OK for answer in await call(*batch, **more)]

    return blind


def takes_missing_for_done(call: Any) -> Any:
    """Takes an entry that no half of the answer mentions for a success."""

    async def blind(*batch: Any, **more: Any) -> list[EntryResult]:
        return [OK if answer is UNKNOWN else answer for answer in await call(*batch, **more)]

    return blind


def trusts_lost_answers(call: Any) -> Any:
    """Takes a call without an answer for performed."""

    async def blind(self: Any, batch: Sequence[Delivery], **more: Any) -> list[EntryResult]:
        try:
            return list(await call(self, batch, **more))
        except QueueError:
            return [OK] * len(batch)

    return blind


async def sends_again(
    self: GivingBack, batch: Sequence[Delivery], *, endings: Mapping[Delivery, Ending]
) -> list[EntryResult]:
    """Instead of giving back at a stop: sends a copy and deletes the original."""
    if any(endings[delivery].outcome != "released" for delivery in batch):
        return await change(self, batch, endings=endings)
    await self._queue.send([Outgoing(delivery.body) for delivery in batch])
    return await self._queue.delete(batch)


def releases_nothing(self: Settler, delivery: Delivery, outcome: Outcome) -> None:
    """Lets what is released fall: it is visible again when its lease ends."""
    if isinstance(outcome, Released):
        self._ledger.give_back(delivery)
        self.pending += 1
        self._leave("released", [delivery])
    else:
        settle_otherwise(self, delivery, outcome)


def forgets_the_last_ten(self: Settler) -> None:
    """Drops the deletes that wait for others when it is closed."""
    self._deletes.empty()
    close_settler(self)


async def has_no_last_words(_: Stop, __: object, *, until: float) -> None:
    """Does not wait for the deletes."""
    del until


async def sends_no_letter(_: DeadLetters, rejected: list[tuple[Delivery, Any]]) -> set[str]:
    """Says accepted without having sent."""
    return {delivery.message_id for delivery, _ in rejected}


async def reads_no_answer_to_letters(self: DeadLetters, batch: list[tuple[Draft, Outgoing]]) -> list[EntryResult]:
    """Sends, and takes every letter for accepted."""
    with suppress(QueueError):
        await self._queue.send([letter for _, letter in batch])
    return [OK] * len(batch)


def knows_amazons_limit_alone(_: DeadLetters, draft: Draft) -> Outgoing | None:
    """Writes every letter in full, whatever the queue takes."""
    draft.least = Brevity.FULL
    return cut_to(draft, MESSAGE_BYTES)


async def goes_both_ways(self: Rejecting, batch: Sequence[tuple[Delivery, Rejected]]) -> list[Ending]:
    """Sends a letter, and leaves the message to the redrive policy as well."""
    if self._dead_letters is not None:
        await self._dead_letters.send(batch)
    return [Ending(delivery, "rejected", 0) for delivery, _ in batch]


# ── the ledger and its leases ───────────────────────────────────────────────────────────────────────────────────────


def has_always_room(_: Room, limit: int) -> int:
    """Knows no bound."""
    return limit


async def admits_whatever_comes(self: Room, reservation: Reservation, size: int) -> None:
    """Takes an answer in at once, however full it is here."""
    self._reserved_bytes += size - reservation.granted
    reservation.granted = size


def keeps_room_for_polls(self: Room, size: int) -> bool:
    """An answer waits for receives that may bring nothing."""
    return self.bytes_taken + size <= self.max_bytes


def asks_for_what_never_fits(self: Room, limit: int) -> int:
    """Takes no account of the bound in bytes: ten of the largest messages may be more than all of it."""
    return max(1, min(limit, self.max_messages))


def waits_for_ten(self: Gate, seconds: float, *, asked: int) -> float:  # noqa: ARG001 - the gate's
    """Lets receives of ten wait after a crash as well: all that it left behind falls into one of them."""
    return min(seconds, POLL_SECONDS) if self._caution.active else seconds


def takes_back_what_it_let_in(self: Room, size: int) -> bool:
    """An answer of which the rest is in the socket yet loses its room to the next one."""
    for reservation in self._open:
        if self.bytes_taken + size <= self.max_bytes:
            break
        self._reserved_bytes -= reservation.granted
        reservation.granted = 0
    return self.bytes_taken + size <= self.max_bytes


def remembers_nothing(_: Ledger, __: Delivery) -> None:
    """Forgets what it could not delete."""


def counts_wrong(self: Ledger, deliveries: Sequence[Delivery], outcome: OutcomeName) -> Sequence[Delivery]:
    """Leaves one out."""
    left = leave(self, deliveries, outcome)
    self.left[outcome] -= 1
    return left


def keeps_the_old_handle(self: Ledger, held: Delivery, newer: Delivery) -> None:
    """Takes the newer lease over without its handle."""
    held.leased_at, held.receive_count = newer.leased_at, newer.receive_count
    held.deadline = newer.leased_at + self.lease_seconds


def holds_for_ever(self: Ledger, new: Mapping[str, Delivery]) -> int:
    """Counts the lease by a clock that stands still."""
    size = hold(self, new)
    for delivery in new.values():
        delivery.deadline += 1e9
    return size


def renews_nothing(_: Ledger, __: float) -> list[Delivery]:
    """Finds no lease due."""
    return []


def keeps_what_left(self: Ledger, deliveries: Sequence[Delivery], outcome: OutcomeName) -> Sequence[Delivery]:
    """Leaves a copy of the settled ones with the renewer."""
    left = leave(self, deliveries, outcome)
    ghosts: list[Delivery] = self.__dict__.setdefault("ghosts", [])
    ghosts.extend(left)
    return left


def renews_what_left(self: Ledger, now: float) -> list[Delivery]:
    """Renews whether or not somebody still has it in hand."""
    ghosts: list[Delivery] = self.__dict__.get("ghosts", [])
    return [*due(self, now), *(one for one in ghosts if now >= one.deadline - self.lease_seconds / 2)]


def renews_whoever(_: Ledger, delivery: Delivery, __: float) -> bool:
    """Asks nobody once more."""
    return delivery.renewal is None


async def renews_for_thirty_seconds(self: Renewer, due: list[Delivery]) -> None:
    """Asks for 30 s whatever the lease, and believes in the whole of it."""
    now = self._ledger.lease_seconds + 0.0
    try:
        answers = await self._queue.change_visibility(due, [HARD_CODED_SECONDS] * len(due))
    except QueueError:
        return
    renewed = [delivery for delivery, answer in zip(due, answers, strict=True) if answer is OK]
    for delivery in renewed:
        self._ledger.renewed(delivery, delivery.deadline + now / 2)


def changes_what_it_lost(_: Ledger, __: Delivery, ___: float) -> bool:
    """Takes a message for its own because it held it once."""
    return True


async def believes_late_renewals(self: Renewer, due: list[Delivery]) -> bool:
    """Takes an OK for a lease, whenever it comes."""
    now = asyncio.get_running_loop().time()
    try:
        answers = await self._queue.change_visibility(due, [int(self._ledger.lease_seconds)] * len(due))
    except QueueError:
        return False
    renewed = [delivery for delivery, answer in zip(due, answers, strict=True) if answer is OK]
    for delivery in renewed:
        self._ledger.renewed(delivery, now + self._ledger.lease_seconds)
    return bool(renewed)


def takes_what_waited_for_fresh(_: LeaseClock, began: float, ended: float, wait: float, __: str) -> float:
    """Counts a lease from its answer, wherever that waited."""
    return began if wait == 0 or ended - began < 1.0 else ended - 1.0


# ── stages ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def takes_cancelled_for_done(self: Stages, stage: Stage, task: asyncio.Task[Any]) -> BaseException | None:
    """As a TaskGroup does: who was cancelled has ended well."""
    return None if task.cancelled() else failure(self, stage, task)


def takes_any_cancellation_for_its_own() -> bool:
    """Ends when a library cancels the task that it runs in."""
    return True


# ── receiving, order, stopping ──────────────────────────────────────────────────────────────────────────────────────


def stops_never(_: Poller) -> None:
    """Goes on receiving."""


def releases_to_itself(_: Settler) -> None:
    """Gives back while a receive is open, which is handed it at once."""


def gives_nothing_back(self: Arrivals) -> list[Delivery]:
    """Drops what nobody had begun."""
    unbegun(self)
    return []


def oldest_first(deliveries: Iterable[Delivery]) -> list[Delivery]:
    """The order in which they came: the group unlocks before the last of it is back."""
    return sorted(deliveries, key=order_of)


def has_no_lanes(sizing: Sizing, *_: object, **__: object) -> Arrivals:
    """Takes a FIFO queue for a standard one."""
    return Arrivals(sizing)


def holds_nothing(*_: object) -> bool:
    """Gives a message that is to be tried again back to the queue, and its whole group with it."""
    return False


def knows_no_turn(*_: object) -> bool:
    """Gives what only the redrive policy can move back at once, whatever of its group is before it."""
    return False


def trusts_its_place(_: Lane, __: float) -> bool:
    """Counts on SQS to keep a group locked while any message of it is in hand."""
    return False


def goes_on_after_a_failure(self: Lanes, settled: Iterable[tuple[Delivery, Outcome]]) -> list[tuple[Delivery, Outcome]]:
    """Takes what failed for resolved, and hands the next of its group out."""
    settled = list(settled)
    for delivery, _ in settled:
        self._turns.resolve(self._groups.lane_of(delivery))
    return settled


# ── bystanders ──────────────────────────────────────────────────────────────────────────────────────────────────────


def blames_all_for_what_is_unsaid(error: BaseException, count: int) -> list[Outcome] | ToHalve:
    """Tries a whole batch again when it fails and nothing says why."""
    meant = meaning_of(error, count)
    return [meant.alone] * count if isinstance(meant, ToHalve) and not isinstance(error, SinkRefused) else meant


def divides_nothing(self: Tries, batch: Batch) -> None:
    """Tries a batch that the sink did not take as a whole, until it does."""
    self._aside.put(batch)


async def keeps_its_turn(self: Tries, batch: Batch, **more: Any) -> None:
    """Tries what the sink did not take until it does, and nothing else meanwhile."""
    await once(self, batch, **more)
    while (again := await self._aside.next()) is not None:
        await once(self, again)


def takes_a_refusal_for_proof(self: Breaker, *, taken: bool) -> None:  # noqa: ARG001 - as the right one
    """Takes any answer of the sink for a sign that it takes what is good."""
    answered(self, taken=True)


def asks_nobody_else(_: Breaker, __: int) -> bool:
    """Takes the trouble of what is in hand for the sink's."""
    return False


def suspects_nobody(_: Caution, __: Delivery, *, last: int | None) -> bool:  # noqa: ARG001 - as the right one
    """Takes what comes again after a crash for any other message."""
    return False


def receives_suspects_by_the_dozen(self: Caution, deliveries: Sequence[Delivery], *, last: int | None) -> None:
    """Asks for as many after a crash as before it."""
    received(self, deliveries, last=last)
    self.small = False


def asks_again_for_what_may_be_done(_: Ledger, __: Mapping[Delivery, float]) -> None:
    """Takes a giving back without an answer for one that was not done."""
