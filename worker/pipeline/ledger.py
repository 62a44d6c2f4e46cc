"""The ledger: every delivery received and not yet settled.

The poller sets room aside before it receives and enters what came; the settler takes each delivery out exactly once,
which is what makes a second settlement impossible; the renewer asks it once a tick for the leases that are due. It also
remembers messages that were written but could not be deleted: their redelivery is deleted and not written again.

What state a delivery is in, who may change that and what holds in each is one table: the docstring of `life.py`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import nan
from typing import TYPE_CHECKING, Final, get_args

from worker.outcome import OutcomeName
from worker.pipeline.backoff import lease_left
from worker.pipeline.life import ENTER, HELD, LEAVE, RECEIVED, RECOGNISE, RETURN, RETURNED, RETURNING, SUPERSEDE, Life
from worker.pipeline.tuning import renew_at, renew_before, request_seconds

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping, Sequence

    from worker.facts import Emit
    from worker.message import Delivery
    from worker.pipeline.room import Room

REMEMBERED: Final = 100_000
"""Written-but-undeleted ids kept: far more than can be in flight, so what falls out expired long ago."""


@dataclass(slots=True)
class Entered:
    """What became of one receive's deliveries."""

    fresh: list[Delivery] = field(default_factory=list)
    """To be handled. Also what we have just given back: SQS may hand it out before it answers that it did."""
    written: list[Delivery] = field(default_factory=list)
    """Written here before, but their delete failed: to be deleted at once."""
    size: int = 0
    """Bytes of both."""
    superseded: int = 0
    """Already in flight here: the newer handle was taken over, and nothing is handled twice."""


class Ledger(Life):
    """What is in flight.

    Deliveries are found by message id, so two receipts of one message are never in hand at once; the newer handle
    always wins.
    """

    def __init__(self, *, room: Room, lease_seconds: float, emit: Emit, pipeline: str) -> None:
        super().__init__(emit=emit, pipeline=pipeline)
        self.room = room
        self.lease_seconds = lease_seconds
        # SQS counts its 12 hours from the receipt; the last renewal must end inside them.
        self._renewed_seconds = lease_left(held_seconds=0) - lease_seconds
        self._request_seconds = request_seconds(lease_seconds)
        self.received = 0  # written by enter
        self.left: Counter[str] = Counter(
            dict.fromkeys(get_args(OutcomeName), 0)
        )  # by outcome; written by enter, leave
        self._held: dict[str, Delivery] = {}  # by message id; written by enter and leave
        self._returned: set[Delivery] = set()  # given back, and here again before SQS said so; written by enter, leave
        self._written: dict[str, None] = {}  # ids, oldest first; written by remember and enter

    def __len__(self) -> int:
        return len(self._held) + len(self._returned)

    def deliveries(self) -> list[Delivery]:
        """Everything in flight."""
        return [*self._returned, *self._held.values()]

    def holds(self, delivery: Delivery) -> bool:
        """Whether it is in flight, and not here a second time."""
        return HELD <= delivery.state < RETURNED

    def account(self) -> dict[str, int]:
        """Received = deleted + retried + rejected + released + expired + in_flight, at every moment."""
        return {"received": self.received, **self.left, "in_flight": len(self)}

    # ── entry and exit ──────────────────────────────────────────────────────────────────────────────────────────────

    def enter(self, deliveries: Sequence[Delivery]) -> Entered:
        """Take over the deliveries of one receive."""
        new = {delivery.message_id: delivery for delivery in deliveries}
        known = not self._held.keys().isdisjoint(new) or (self._written and not self._written.keys().isdisjoint(new))
        if known or len(new) < len(deliveries):
            entered = self._enter_each(deliveries)
        else:  # nearly always
            fresh = self._step(deliveries, ENTER)
            if fresh is not deliveries:
                new = {delivery.message_id: delivery for delivery in fresh}
            entered = Entered(list(fresh), size=self._hold(new))
        count = len(entered.fresh) + len(entered.written)
        self.received += count + entered.superseded
        self.left["expired"] += entered.superseded
        self.room.hold(count, entered.size)
        self.room.expect(count, entered.size)
        return entered

    def _enter_each(self, deliveries: Sequence[Delivery]) -> Entered:
        """Some may be here already, or were."""
        entered = Entered()
        written = self._written
        for delivery in deliveries:
            message_id = delivery.message_id
            if delivery.state is not RECEIVED:
                self._refuse(delivery, ENTER)
            elif self._is_superseded(delivery):
                entered.superseded += 1
            elif message_id in written:
                del written[message_id]
                self._step([delivery], RECOGNISE)
                entered.size += self._hold({message_id: delivery})
                entered.written.append(delivery)
            else:
                self._step([delivery], ENTER)
                entered.size += self._hold({message_id: delivery})
                entered.fresh.append(delivery)
        return entered

    def _is_superseded(self, newer: Delivery) -> bool:
        """Whether its message is in hand, by an older delivery, which takes the newer receipt over."""
        held = self._held.get(newer.message_id)
        if held is None:
            return False
        if held.state is RETURNING:  # and has come back: both are in hand
            del self._held[held.message_id]
            self._step([held], RETURN)
            self._returned.add(held)
            return False
        self._step([newer], SUPERSEDE)
        self._supersede(held, newer)
        return True

    def leave(self, deliveries: Sequence[Delivery], outcome: OutcomeName) -> Sequence[Delivery]:
        """These are settled; returns those that have left, nearly always all: each leaves exactly once."""
        leaving = self._step(deliveries, LEAVE[outcome])
        held, returned, size = self._held, self._returned, 0
        for delivery in leaving:
            if returned and delivery in returned:
                returned.remove(delivery)
            else:
                del held[delivery.message_id]
            size += delivery.weight
        self.left[outcome] += len(leaving)
        self.room.leave(len(leaving), size)
        return leaving

    def returned(self, delivery: Delivery) -> bool:
        """Whether its message is here again: giving it back has worked, and its handle is not to be used any more."""
        return delivery.state is RETURNED

    def remember(self, delivery: Delivery) -> None:
        """The message is written, but SQS may hand it out again: then it is to be deleted, not written."""
        self._written[delivery.message_id] = None
        if len(self._written) > REMEMBERED:
            del self._written[next(iter(self._written))]

    # ── leases ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def due(self, now: float) -> list[Delivery]:
        """Every delivery whose lease is to be renewed now, first what came due first; one look at all that is held.

        Asked for once a tick, not for each call, so that renewing costs in proportion to what is in flight.
        """
        ends = renew_before(now, lease_seconds=self.lease_seconds)
        past_half = [delivery for delivery in self._held.values() if delivery.deadline <= ends]
        due = [delivery for delivery in past_half if self.is_due(delivery, now)]
        since = ends - now
        return sorted(due, key=lambda delivery: max(delivery.deadline - since, delivery.renew_after))

    def is_due(self, delivery: Delivery, now: float) -> bool:
        """Whether the lease of *delivery* is still to be renewed at loop time *now*."""
        return (
            HELD <= delivery.state < RETURNING
            and delivery.renewal is None
            and max(delivery.renew_after, renew_at(delivery.deadline, lease_seconds=self.lease_seconds)) <= now
            and now < delivery.renew_until
            and self.changeable(delivery, now)
        )

    def changeable(self, delivery: Delivery, now: float) -> bool:
        """Whether its visibility is ours to change, and still will be when a request that begins *now* gets there."""
        return not delivery.lost and now + self._request_seconds < delivery.deadline

    def renewing(self, deliveries: Sequence[Delivery], answered: asyncio.Future[None]) -> None:
        """A renewal of these is under way until *answered* is done."""
        for delivery in deliveries:
            delivery.renewal = answered

    def renewal_over(self, deliveries: Sequence[Delivery], *, again: float) -> None:
        """It is, whatever came of it; none of these is asked for once more before loop time *again*."""
        for delivery in deliveries:
            delivery.renewal, delivery.renew_after = None, again

    def renewed(self, delivery: Delivery, deadline: float) -> None:
        """The lease now ends at *deadline*; a delivery settled in the meantime is left alone."""
        if self.holds(delivery):
            delivery.deadline = deadline

    def lose(self, delivery: Delivery) -> bool:
        """SQS calls the handle void; whether that is a loss: what was settled in the meantime is nobody's."""
        if not self.holds(delivery):
            return False
        delivery.lost = True
        return True

    def shorten(self, ends: Mapping[Delivery, float]) -> None:
        """Leases that may end at these loop times already, since nobody knows whether SQS gave the messages back."""
        for delivery, end in ends.items():
            delivery.deadline = min(delivery.deadline, end)

    def _hold(self, new: Mapping[str, Delivery]) -> int:
        """Their bytes."""
        leased_at = deadline = renew_until = nan
        total = 0
        for delivery in new.values():
            if delivery.leased_at != leased_at:  # nearly always once for an answer
                leased_at = delivery.leased_at
                deadline, renew_until = leased_at + self.lease_seconds, leased_at + self._renewed_seconds
            body = delivery.body
            plain = not delivery.attributes and body.isascii()  # nearly always: a byte is a character
            size = len(body) if plain else delivery.size
            delivery.deadline, delivery.renew_until, delivery.weight = deadline, renew_until, size
            total += size
        self._held.update(new)
        return total

    def _supersede(self, held: Delivery, newer: Delivery) -> None:
        """The lease in hand is void: SQS gave out a newer one, and gave it to us."""
        held.receipt_handle = newer.receipt_handle
        held.receive_count = newer.receive_count + held.tries
        held.leased_at = newer.leased_at
        held.lost = False
        # renew_until stays: a handler past its time limit must not be given a new one by its own worker's receives.
        held.deadline = newer.leased_at + self.lease_seconds
