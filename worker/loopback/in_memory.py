"""A `Queue` straight onto the loopback's semantics: no socket, any asyncio loop, a simulated one included.

Takes what every `Queue` takes, gives what SQS would after the fault rules; after `close` calls under way fail as the
protocol says. A call that is cancelled has been performed if it had begun, exactly as over a wire.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from worker.errors import QueueUnavailable
from worker.loopback.errors import SqsFault
from worker.loopback.long_poll import ReceiveRequest
from worker.loopback.protocol import answer_of, attributes_of, delivery_of
from worker.sqs.errors import to_error
from worker.sqs.queue import require_batch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from worker.loopback.faults import FaultPlan, FaultRule, Faults
    from worker.loopback.messages import Stored
    from worker.loopback.service import LoopbackSqs
    from worker.message import Delivery, Outgoing
    from worker.sqs.queue import Admission, EntryResult, QueueAttributes

E = TypeVar("E")
R = TypeVar("R")


class MemoryQueue:
    """One queue of a `LoopbackSqs`. Receives and settles never wait for each other: there is nothing to wait for."""

    def __init__(
        self,
        sqs: LoopbackSqs,
        queue_name: str,
        *,
        visibility_timeout: int | None = None,
        faults: Faults | None = None,
    ) -> None:
        self._sqs = sqs
        self._name = queue_name
        self._visibility_timeout = visibility_timeout
        self._faults = faults
        self._closed = False
        """Written by `close`."""
        self._pending: set[asyncio.Future[None]] = set()
        """What calls under way wait for. Written by `_wait`; failed by `close`."""

    @property
    def name(self) -> str:
        """The queue's name."""
        return self._name

    @property
    def frame_bytes(self) -> None:
        """Its deliveries are in memory before anybody asks."""
        return None

    async def receive(
        self,
        limit: int,
        wait: float,
        *,
        attempt_id: str | None = None,
        admission: Admission | None = None,  # noqa: ARG002 - for queues that measure
    ) -> list[Delivery]:
        """At most *limit* deliveries after at most *wait* seconds."""
        plan = self._plan("ReceiveMessage")
        visibility = 0 if plan and plan.first("still_visible") else self._visibility_timeout
        request = ReceiveRequest(limit, wait, visibility, attempt_id)
        return await self._call("ReceiveMessage", plan, lambda: self._receive(request, plan))

    async def delete(self, deliveries: Sequence[Delivery]) -> list[EntryResult]:
        """Delete 1-10 deliveries."""
        handles = [one.receipt_handle for one in deliveries]
        return await self._batch("DeleteMessageBatch", handles, self._sqs.delete_message_batch)

    async def change_visibility(self, deliveries: Sequence[Delivery], seconds: Sequence[int]) -> list[EntryResult]:
        """Set when each delivery is visible again."""
        entries = [(one.receipt_handle, time) for one, time in zip(deliveries, seconds, strict=True)]
        return await self._batch("ChangeMessageVisibilityBatch", entries, self._sqs.change_message_visibility_batch)

    async def send(self, messages: Sequence[Outgoing]) -> list[EntryResult]:
        """Send 1-10 messages."""
        return await self._batch("SendMessageBatch", messages, self._sqs.send_message_batch)

    async def attributes(self) -> QueueAttributes:
        """Settings and counts, read now."""
        plan = self._plan("GetQueueAttributes")
        return await self._call("GetQueueAttributes", plan, self._attributes)

    async def close(self) -> None:
        """Fail what is under way, and everything that is asked later."""
        self._closed = True
        for future in tuple(self._pending):
            if not future.done():
                future.set_exception(QueueUnavailable("close", "Closed", "the queue was closed"))
                future.exception()  # seen: whoever waited may be cancelled before it looks

    # ── one call ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _plan(self, operation: str) -> FaultPlan | None:
        if self._faults is None or not self._faults.rules:
            return None
        return self._faults.plan(operation, self._name)

    async def _call(self, operation: str, plan: FaultPlan | None, perform: Callable[[], Awaitable[R]]) -> R:
        """Perform once, through the rules that spoil calls as a whole."""
        if self._closed:
            raise QueueUnavailable(operation, "Closed", "the queue was closed")
        late, rule = (plan.first("latency"), plan.whole) if plan else (None, None)
        seconds = plan.delay_seconds() if plan and late else 0.0
        if late and not late.performed:
            await self._wait(seconds)
        if rule and not rule.works:
            raise await self._spoilt(operation, rule)
        try:
            answer = await perform()
        except SqsFault as fault:
            raise to_error(operation, fault.code, fault.status, fault.detail) from None
        if late and late.performed:
            await self._wait(seconds)
        if rule:
            raise await self._spoilt(operation, rule)
        return answer

    async def _spoilt(self, operation: str, rule: FaultRule) -> Exception:
        """What a client makes of the spoilt answer."""
        if rule.action == "silence":
            await self._wait(None)
        if rule.action in {"error", "expired_token"}:
            fault = rule.fault()
            return to_error(operation, fault.code, fault.status, fault.detail)
        if rule.action == "status":
            return to_error(operation, str(rule.status or 503), rule.status or 503, "no answer of SQS's")
        return QueueUnavailable(operation, rule.action, "the answer was lost or is not SQS's")

    async def _wait(self, seconds: float | None) -> None:
        """Wait *seconds*, or for ever; `close` ends it with QueueUnavailable."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        timer = None if seconds is None else loop.call_later(seconds, _finish, future)
        await self._until(future)
        if timer is not None:
            timer.cancel()

    async def _until(self, future: asyncio.Future[None]) -> None:
        self._pending.add(future)
        try:
            await future
        finally:
            self._pending.discard(future)

    # ── the operations ──────────────────────────────────────────────────────────────────────────────────────────────

    async def _receive(self, request: ReceiveRequest, plan: FaultPlan | None) -> list[Delivery]:
        loop = asyncio.get_running_loop()
        ready = loop.create_future()
        deliveries: list[Delivery] = []

        def answered(messages: list[Stored]) -> None:
            leased_at, received_at = loop.time(), self._sqs.clock()
            shown = self._undamaged(messages, plan) if plan else messages
            deliveries.extend(delivery_of(one, leased_at, received_at) for one in shown)
            _finish(ready)

        waiter = self._sqs.receive_message(self._name, request, answered)
        if waiter is not None:
            try:
                await self._until(ready)
            finally:
                waiter.cancel()
        return deliveries

    def _undamaged(self, messages: list[Stored], plan: FaultPlan) -> list[Stored]:
        """A message with a wrong MD5 or without a field is left out, and on a FIFO queue its group from there on."""
        damage = [rule for rule in plan.rules if rule.action in {"wrong_md5", "missing_field"}]
        kept: list[Stored] = []
        damaged: dict[str | None, int] = {}
        for one in plan.arranged(messages):
            if any(plan.hit(rule) for rule in damage):
                damaged[one.group_id] = min(one.number, damaged.get(one.group_id, one.number))
            else:
                kept.append(one)
        if not self._sqs.queue(self._name).settings.fifo:
            return kept
        return [one for one in kept if one.number < damaged.get(one.group_id, one.number + 1)]

    async def _batch(
        self,
        operation: str,
        entries: Sequence[E],
        act: Callable[[str, Sequence[E]], list[R | SqsFault]],
    ) -> list[EntryResult]:
        require_batch(entries)
        plan = self._plan(operation)

        async def perform() -> list[EntryResult]:
            def through(some: Sequence[E]) -> list[R | SqsFault]:
                return act(self._name, some)

            answers = plan.through(entries, through) if plan else through(entries)
            return [answer_of(one) for one in answers]

        return await self._call(operation, plan, perform)

    async def _attributes(self) -> QueueAttributes:
        state = self._sqs.queue(self._name)
        state.peek(self._sqs.clock())
        return attributes_of(state)


def _finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
