"""What one worker may believe about its leases, and what it was really told: the witness of INV-1 beside the ledger.

Takes every receive, delete and change of visibility of one process, with the answers; knows from them until when each
lease was granted, which handle is the newest, and what SQS has confirmed. Each rule is named where it is checked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.pipeline.lane import order_of
from worker.sqs.queue import OK, UNKNOWN, EntryFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.model.invariants import Witness
    from tests.model.process import SimProcess
    from worker.message import Delivery
    from worker.pipeline.ledger import Ledger
    from worker.pipeline.spec import PipelineSpec
    from worker.sqs.queue import EntryResult

EXACTLY_SECONDS: Final = 1e-6
"""Both sides add the same numbers; only the order of the additions may differ."""


class Leases:
    """One per process. Every field is written by its own methods only."""

    def __init__(self, process: SimProcess, witness: Witness, spec: PipelineSpec) -> None:
        self._process = process
        self._witness = witness
        self._seconds = spec.lease_seconds
        self._redrive_count = spec.redrive_count
        self._ordered = spec.fifo
        self._unlimited = spec.write_limit_seconds is None
        self._newest: dict[str, str] = {}  # receipt handle by message id
        self._granted: dict[str, float] = {}  # loop time at which the lease ends for certain, by message id
        self._begun: set[str] = set()  # ids that went to the sink since their latest receipt
        self._changing: dict[str, Delivery] = {}  # what was last asked to be given back, by message id
        self._deleted: set[Delivery] = set()  # confirmed by SQS
        self._given_back: set[Delivery] = set()  # confirmed by SQS, by its answer or by handing it out again
        self._void: set[str] = set()  # ids whose newest handle SQS has called void
        self._left: set[Delivery] = set()  # asked for once, in the very moment in which they had left the ledger

    @property
    def _ledger(self) -> Ledger:
        assert self._process.pipeline is not None
        return self._process.pipeline.ledger

    def received(self, deliveries: Sequence[Delivery], handed_out: Sequence[float]) -> None:
        """The answer of a receive is here, with when SQS handed each out; in the same step the ledger enters it."""
        going_back = {one.message_id: one for one in self._ledger.deliveries() if one.returning}
        for delivery, leased_at in zip(deliveries, handed_out, strict=True):
            self._changing.pop(delivery.message_id, None)
            if delivery.message_id in going_back:
                self._given_back.add(going_back[delivery.message_id])
            self._newest[delivery.message_id] = delivery.receipt_handle
            self._granted[delivery.message_id] = leased_at + self._seconds
            self._begun.discard(delivery.message_id)
            self._void.discard(delivery.message_id)

    def begins(self, message_ids: Iterable[str]) -> None:
        """A batch goes to the sink: none of it for the first time after its lease. While the sink is away it may."""
        pipeline = self._process.pipeline
        free = pipeline is not None and not pipeline.breaker.is_open
        for message_id in message_ids:
            if free and message_id not in self._begun and self._witness.now() >= self._granted[message_id]:
                self._broken(message_id, "began to write %s, whose lease was over")
            self._begun.add(message_id)

    def follows(self, message_ids: Iterable[str]) -> None:
        """A batch goes to the sink: nothing of a group behind what was written, is not deleted, and has no lease."""
        items, now = self._witness.items, self._witness.now()
        lapsed: dict[str, str] = {}
        for one in self._process.accepted - self._witness.gone:
            group = items[one].group_id
            if group is not None and (now >= self._granted[one] or one in self._void):
                lapsed[group] = min(one, lapsed.get(group, one), key=lambda known: items[known].number)
        for message_id in message_ids:
            before = lapsed.get(items[message_id].group_id or "")
            if before is not None and items[before].number < items[message_id].number:
                word, behind = self._witness.word(message_id), self._witness.word(before)
                self._witness.broken("INV-9", f"{self._process.name} began {word} behind {behind}, which it has lost")

    def delete_asked(self, deliveries: Sequence[Delivery]) -> None:
        """A delete goes out."""
        for delivery in deliveries:
            self._asked(delivery)

    def delete_answered(self, deliveries: Sequence[Delivery], answers: Sequence[EntryResult]) -> None:
        """And is answered."""
        self._deleted.update(one for one, answer in zip(deliveries, answers, strict=True) if answer is OK)

    def change_asked(self, deliveries: Sequence[Delivery]) -> tuple[float, list[str]]:
        """A renewal or a giving back goes out; what is returned comes back with its answer."""
        for delivery in deliveries:
            self._asked(delivery)
            if delivery.lost or self._witness.now() >= min(delivery.deadline, self._granted[delivery.message_id]):
                word = self._witness.word(delivery.message_id)
                self._witness.broken("INV-10", f"{self._process.name} changes the visibility of {word}, lost to it")
            if delivery.returning:
                self._changing[delivery.message_id] = delivery
                if delivery.renewal is None:  # else a renewal that was on its way when the delivery was given back
                    self._is_newest(delivery)
        return self._witness.now(), [delivery.receipt_handle for delivery in deliveries]

    def change_answered(
        self,
        deliveries: Sequence[Delivery],
        seconds: Sequence[int],
        answers: Sequence[EntryResult],
        *,
        asked: tuple[float, list[str]],
    ) -> None:
        """And is answered. For a handle that is not the newest any more the answer says nothing of the lease.

        Nor does one that comes when the lease is over: SQS obeys whoever held the message once.
        """
        asked_at, handles = asked
        for delivery, granted, answer, handle in zip(deliveries, seconds, answers, handles, strict=True):
            if isinstance(answer, EntryFailed) and not answer.retry and handle == self._newest[delivery.message_id]:
                self._void.add(delivery.message_id)
            if answer is UNKNOWN:
                self._perhaps(delivery, asked_at + granted, handle)
            in_time = self._witness.now() < self._granted[delivery.message_id]
            if answer is OK and in_time and handle == self._newest[delivery.message_id]:
                self._granted[delivery.message_id] = asked_at + granted
            if self._changing.get(delivery.message_id) is delivery and (
                answer is OK or self._ledger.returned(delivery)
            ):
                self._given_back.add(delivery)
                count = self._redrive_count
                if answer is OK and count is not None and delivery.receive_count - delivery.tries >= count:
                    self._witness.sealed(delivery.message_id)

    def change_unanswered(
        self, deliveries: Sequence[Delivery], seconds: Sequence[int], *, asked: tuple[float, list[str]]
    ) -> None:
        """Or is not: SQS may have done it, and then nobody's lease is longer than that."""
        asked_at, handles = asked
        for delivery, granted, handle in zip(deliveries, seconds, handles, strict=True):
            self._perhaps(delivery, asked_at + granted, handle)

    def _perhaps(self, delivery: Delivery, end: float, handle: str) -> None:
        if handle == self._newest[delivery.message_id]:
            self._granted[delivery.message_id] = min(self._granted[delivery.message_id], end)

    def stepped(self, *, dead_letters: bool) -> None:
        """What the ledger calls settled was confirmed by SQS."""
        left = self._ledger.left
        deleted, given_back, either = left["deleted"], left["retried"] + left["released"], left["rejected"]
        if not dead_letters:
            given_back, either = given_back + either, 0
        elif self._redrive_count is None or not self._ordered:
            deleted, either = deleted + either, 0  # else what no dead-letter queue takes is given back for SQS to move
        total, known = deleted + given_back + either, len(self._deleted) + len(self._given_back)
        if deleted > len(self._deleted) or given_back > len(self._given_back) or total > known:
            confirmed = f"{len(self._deleted)} and {len(self._given_back)} were confirmed"
            name = self._process.name
            self._witness.broken("INV-1", f"{name} counts {deleted} deleted, {given_back} given back; {confirmed}")

    # ── one request ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _asked(self, delivery: Delivery) -> None:
        self._is_ours(delivery)
        returned = self._ledger.returned(delivery)
        if delivery.receipt_handle != self._newest[delivery.message_id] and not returned:
            self._broken(delivery.message_id, "used an old handle of %s although it had a newer one")
        if delivery.deadline > self._granted[delivery.message_id] + EXACTLY_SECONDS and not (delivery.lost or returned):
            self._broken(delivery.message_id, "believes in a lease of %s that nobody granted")
        if self._nothing_hinders and self._witness.now() >= delivery.deadline:
            self._broken(delivery.message_id, "let the lease of %s run out")

    def _is_ours(self, delivery: Delivery) -> None:
        """In flight here; or it left in this very moment, when the request was on its way to the wire already."""
        if self._ledger.holds(delivery) or self._ledger.returned(delivery):
            return
        if delivery in self._left:
            self._broken(delivery.message_id, "goes on asking for %s, which is not in flight any more")
        self._left.add(delivery)

    def _is_newest(self, delivery: Delivery) -> None:
        """A group is given back from its end, so that it unlocks only with the earliest.

        Duplicates excuse it; and what is left to the redrive policy goes back when it is rejected, each for itself.
        """
        excused = not (self._witness.clean and self._process.dead_letters) or self._ledger.returned(delivery)
        if delivery.group_id is None or excused:
            return
        for other in self._ledger.deliveries():
            later = other.group_id == delivery.group_id and order_of(other) > order_of(delivery)
            waits = other.returning and not self._ledger.returned(other)
            if later and waits and self._changing.get(other.message_id) is not other:
                word = self._witness.word(delivery.message_id)
                self._witness.broken("INV-9", f"{self._process.name} gives {word} back before what comes after it")

    @property
    def _nothing_hinders(self) -> bool:
        """Every renewal that was asked for was granted, and there was time to ask for it."""
        return self._witness.clean and self._unlimited and not self._process.stood_still

    def _broken(self, message_id: str, what: str) -> None:
        self._witness.broken("INV-1", f"{self._process.name} " + what % self._witness.word(message_id))
