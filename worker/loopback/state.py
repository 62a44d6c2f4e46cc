"""One queue: where every message of it is, and what may happen to it next.

Takes messages, gives them out under receipts, and accounts for each until it is deleted, moved, expired or purged.
Nothing scans: waiting messages stand in an order, hidden ones in one heap, and time is only looked at on access. It
ends when its loopback drops it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.loopback.counts import Counts
from worker.loopback.errors import invalid_parameter
from worker.loopback.fifo import GroupOrder
from worker.loopback.hidden import Hidden
from worker.loopback.long_poll import LongPolls
from worker.loopback.messages import DELAYED, GONE, IN_FLIGHT, VISIBLE, Sent, StateChange, Stored, change, exhausted
from worker.loopback.receipts import Receipts, expired, may_change
from worker.loopback.rules import Rules
from worker.loopback.standard import HandingOrder, StandardOrder
from worker.loopback.windows import Attempts, Window
from worker.sqs.quotas import VISIBILITY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.loopback.attributes import QueueSettings
    from worker.loopback.messages import ChangeKind


class QueueState:
    """One queue's messages. Written by its loopback only; `held` says how many are in each of the three states."""

    def __init__(
        self,
        name: str,
        settings: QueueSettings,
        *,
        arn: str,
        tag: str,
        in_flight_limit: int,
        rules: Rules,
        observe: Callable[[StateChange], None] | None,
    ) -> None:
        self.name = name
        self.arn = arn
        self.settings = settings
        """Replaced by SetQueueAttributes."""
        self.receipts = Receipts(tag)
        self.counts = Counts()
        self.held = [0, 0, 0, 0]
        """Messages by state; the last is unused, so that leaving needs no special case."""
        self.polls = LongPolls()
        self.attempts = Attempts()
        self.deduplication: Window[Sent] = Window()
        self._in_flight_limit = in_flight_limit
        self._rules = rules
        self._observe = observe
        self._order = self._new_order()
        self.hidden = Hidden()
        self._numbers = 0

    def _new_order(self) -> HandingOrder:
        return GroupOrder(self._rules) if self.settings.fifo else StandardOrder()

    # ── arriving ────────────────────────────────────────────────────────────────────────────────────────────────────

    def next_number(self) -> int:
        """The place of the next message."""
        self._numbers += 1
        return self._numbers

    def enter(self, message: Stored, *, delay_seconds: float, now: float) -> None:
        """A message arrives; the caller says by which way."""
        if delay_seconds > 0:
            self._set(message, DELAYED)
            self.hide(message, now + delay_seconds)
        else:
            self._set(message, VISIBLE)
        self._order.enter(message)

    # ── receiving ───────────────────────────────────────────────────────────────────────────────────────────────────

    def receive(
        self, limit: int, visibility_seconds: float, now: float, dead_letter: Callable[[Stored], bool]
    ) -> list[Stored]:
        """Hand out what is visible. Expired messages are dropped on the way, exhausted ones given to *dead_letter*."""
        self.wake(now)
        redrive, until = self.settings.redrive, now + visibility_seconds
        expired = now - self.settings.retention_seconds
        taken: list[Stored] = []
        most = min(limit, self._in_flight_limit - self.held[IN_FLIGHT])
        while len(taken) < most:
            message = self._order.take()
            if message is None:
                break
            if message.sent_at <= expired:
                self._drop_expired(message, now)
            elif not (redrive and exhausted(message, redrive) and dead_letter(message)):
                self._lease(message, until, now)
                taken.append(message)
        self._order.taken()
        self._thin()
        self.counts.received += len(taken)
        return taken

    @property
    def full(self) -> bool:
        """As many in flight as the queue allows."""
        return self.held[IN_FLIGHT] >= self._in_flight_limit

    def wake(self, now: float) -> None:
        """Show every hidden message whose time has come."""
        while (message := self.hidden.due(now)) is not None:
            self._show(message)

    def next_wake(self) -> float | None:
        """When to look again; may be early, never late."""
        return self.hidden.next_at()

    def _lease(self, message: Stored, until: float, now: float) -> None:
        self.receipts.give(message)
        message.receive_count += 1
        message.received_at = now
        if not message.first_received_at:
            message.first_received_at = now
        self.held[VISIBLE] -= 1
        self.held[IN_FLIGHT] += 1
        message.state = IN_FLIGHT
        self.hidden.add(message, until)  # `receive` thins, once for all that it takes
        if self._observe is not None:
            self.note("receive", message, now)

    # ── what a receipt handle can do ────────────────────────────────────────────────────────────────────────────────

    def delete(self, handle: str, now: float) -> None:
        """Delete by handle. Gone already: fine. FIFO refuses a handle whose lease is over or that is not the latest.
        On a standard queue an older one deletes as well, or says so and does not, as the rules have it: Amazon warns of
        the second, and the first is what was seen.
        """
        self.wake(now)
        message, receipt = self.receipts.find(handle)
        if message is None:
            return
        latest, was_in_flight = receipt == message.receipt, message.state == IN_FLIGHT
        if self.settings.fifo and not (latest and was_in_flight):
            raise expired(handle)
        if not latest and self._rules is Rules.DOCUMENTED:
            return
        self.counts.deleted += 1
        self.forget(message, was_in_flight=was_in_flight)
        if self._observe is not None:
            self.note("delete", message, now, by=receipt)

    def change_visibility(self, handle: str, seconds: int, now: float) -> None:
        """Hide the message for *seconds* from now, within 12 h of its receipt; 0 shows it at once."""
        self.wake(now)
        message, receipt = self.receipts.find(handle)
        if message is None or not may_change(message, receipt, self._rules, fifo=self.settings.fifo):
            reason = "Message does not exist or is not available for visibility timeout change."
            raise invalid_parameter("ReceiptHandle", handle, reason)
        if now + seconds > message.received_at + VISIBILITY_SECONDS:
            reason = f"Total VisibilityTimeout for the message is beyond the limit [{VISIBILITY_SECONDS} seconds]"
            raise invalid_parameter("VisibilityTimeout", seconds, reason)
        if self._observe is not None:
            self.note("visibility", message, now, visible_at=now + seconds, by=receipt)
        if seconds > 0:
            self._set(message, IN_FLIGHT)
            self.hide(message, now + seconds)
        elif message.state == IN_FLIGHT:
            self._show(message)

    def hide(self, message: Stored, until: float) -> None:
        """Keep a hidden message hidden until *until*."""
        self.hidden.add(message, until)
        self._thin()

    def _thin(self) -> None:
        self.hidden.thin(self.held[DELAYED] + self.held[IN_FLIGHT])

    # ── leaving ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def peek(self, now: float) -> Stored | None:
        """The message that would be handed out next."""
        self.wake(now)
        self.expire(now)
        return self._order.head()

    def pull(self) -> None:
        """Take away for good, to be moved, what `peek` has just shown."""
        message = self._order.take()
        if message is not None:
            self.counts.moved_out += 1
            self.forget(message, was_in_flight=True)
        self._order.taken()

    def forget(self, message: Stored, *, was_in_flight: bool) -> None:
        """The message is no longer here. *was_in_flight* includes one just taken from the order."""
        self.receipts.drop(message)
        self.held[message.state] -= 1
        message.state = GONE
        self._order.leave(message, was_in_flight=was_in_flight)

    def expire(self, now: float) -> None:
        """Drop what is past retention at the head; the counts call it, receiving does so on its own."""
        message, expired = self._order.head(), now - self.settings.retention_seconds
        while message is not None and message.sent_at <= expired:
            self._order.take()
            self._drop_expired(message, now)
            self._order.taken()
            message = self._order.head()

    def purge(self, now: float) -> None:
        """Drop everything, in flight included; what was deduplicated may be sent again."""
        self.counts.purged += sum(self.held[:GONE])
        self.held = [0, 0, 0, 0]
        self._order = self._new_order()
        self.receipts.clear()
        self.hidden.clear()
        self.attempts.clear()
        self.deduplication.clear()
        if self._observe is not None:
            self._observe(StateChange("purge", self.name, "", now))

    def note(
        self, kind: ChangeKind, message: Stored, now: float, *, by: int | None = None, **more: float | str
    ) -> None:
        """Tell the observer; hot paths ask first whether there is one. *by* is the receipt whose handle asked."""
        if self._observe is not None:
            self._observe(change(kind, self.name, message, now, by=by, **more))

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _drop_expired(self, message: Stored, now: float) -> None:
        self.counts.expired += 1
        self.forget(message, was_in_flight=True)
        if self._observe is not None:
            self.note("expire", message, now)

    def _set(self, message: Stored, state: int) -> None:
        self.held[message.state] -= 1
        self.held[state] += 1
        message.state = state

    def _show(self, message: Stored) -> None:
        was_in_flight = message.state == IN_FLIGHT
        self._set(message, VISIBLE)
        self._order.show(message, was_in_flight=was_in_flight)
