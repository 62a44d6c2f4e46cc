"""All of SQS that the loopback has: 23 operations over queues by name, without a wire.

Takes typed arguments, gives typed results or raises `SqsFault`; time comes from an injected clock, ids from an injected
generator, and a running loop is needed only by receives that wait. It ends when nobody holds it; `reset` empties it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from worker.loopback.accept import accept
from worker.loopback.attributes import NAMES
from worker.loopback.contents import check_batch
from worker.loopback.dispenser import Dispenser, check_visibility
from worker.loopback.errors import SqsFault, tried
from worker.loopback.handles import Ids
from worker.loopback.moves import Moves, MoveTask
from worker.loopback.permissions import permission_added, permission_removed
from worker.loopback.queues import Queues, page
from worker.loopback.receipts import in_batch
from worker.loopback.rules import Rules
from worker.loopback.tags import tagged, untagged
from worker.sqs.quotas import IN_FLIGHT, PURGE_INTERVAL_SECONDS

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping, Sequence

    from worker.loopback.long_poll import Done, LongPoll, ReceiveRequest
    from worker.loopback.messages import Sent, StateChange
    from worker.loopback.state import QueueState
    from worker.message import Outgoing


class LoopbackSqs:
    """One account in one region."""

    def __init__(
        self,
        *,
        rng: random.Random,
        clock: Callable[[], float] = time.time,
        account_id: str = "000000000000",
        region: str = "us-east-1",
        in_flight_limit: int = IN_FLIGHT,
        rules: Rules = Rules.RECORDED,
        observe: Callable[[StateChange], None] | None = None,
    ) -> None:
        self.account_id = account_id
        self.clock = clock
        self.ids = Ids(rng)
        self.registry = Queues(
            account_id=account_id,
            region=region,
            ids=self.ids,
            clock=clock,
            in_flight_limit=in_flight_limit,
            rules=rules,
            observe=observe,
        )
        self._receiving = Dispenser(self.registry, clock)
        self._moves = Moves(self.registry.by_arn, self._receiving.serve, self.ids, clock)

    def queue(self, name: str) -> QueueState:
        """The queue *name*, after whatever move tasks owe it by now."""
        self._moves.advance()
        return self.registry.entry(name).state

    # ── queues ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def create_queue(
        self, name: str, attributes: Mapping[str, str] | None = None, tags: Mapping[str, str] | None = None
    ) -> QueueState:
        """CreateQueue: new, or the same again."""
        return self.registry.create(name, attributes or {}, tags or {})

    def delete_queue(self, name: str) -> None:
        """DeleteQueue: messages and waiting receives go with it."""
        state = self.registry.delete(name)
        self._moves.drop(state)
        state.polls.close()

    def get_queue_url(self, name: str) -> str:
        """GetQueueUrl: the name proves that it exists; the wire makes a URL of it."""
        return self.queue(name).name

    def list_queues(
        self, prefix: str = "", *, limit: int | None = None, token: str | None = None
    ) -> tuple[list[str], str | None]:
        """ListQueues: names, and the token of the next page."""
        return page(self.registry.names(prefix), limit, token)

    def list_dead_letter_source_queues(
        self, name: str, *, limit: int | None = None, token: str | None = None
    ) -> tuple[list[str], str | None]:
        """ListDeadLetterSourceQueues: names, and the token of the next page."""
        return page(self.registry.sources_of(self.queue(name).arn), limit, token)

    def get_queue_attributes(self, name: str, names: Sequence[str] = ("All",)) -> dict[str, str]:
        """GetQueueAttributes."""
        self._moves.advance()
        unknown = [one for one in names if one not in NAMES]
        if unknown:
            raise SqsFault("InvalidAttributeName", f"Unknown Attribute {unknown[0]}.")
        described = self.registry.described(name)
        return described if "All" in names else {one: described[one] for one in names if one in described}

    def set_queue_attributes(self, name: str, attributes: Mapping[str, str]) -> None:
        """SetQueueAttributes."""
        self.registry.change(name, attributes)

    def purge_queue(self, name: str) -> None:
        """PurgeQueue: at once, and at most once a minute."""
        queue, entry, now = self.queue(name), self.registry.entry(name), self.clock()
        if entry.purged_at is not None and now < entry.purged_at + PURGE_INTERVAL_SECONDS:
            detail = f"Only one PurgeQueue operation on {name} is allowed every {PURGE_INTERVAL_SECONDS} seconds."
            raise SqsFault("PurgeQueueInProgress", detail)
        entry.purged_at = now
        queue.purge(now)

    def tag_queue(self, name: str, tags: Mapping[str, str]) -> None:
        """TagQueue."""
        entry = self.registry.entry(name)
        entry.tags = tagged(name, entry.tags, tags)

    def untag_queue(self, name: str, keys: Sequence[str]) -> None:
        """UntagQueue."""
        entry = self.registry.entry(name)
        entry.tags = untagged(entry.tags, keys)

    def list_queue_tags(self, name: str) -> dict[str, str]:
        """ListQueueTags."""
        return dict(self.registry.entry(name).tags)

    def add_permission(self, name: str, label: str, accounts: Sequence[str], actions: Sequence[str]) -> None:
        """AddPermission: a statement in the Policy."""
        queue = self.queue(name)
        policy = queue.settings.texts.get("Policy", "")
        self.registry.change(name, {"Policy": permission_added(policy, queue.arn, label, accounts, actions)})

    def remove_permission(self, name: str, label: str) -> None:
        """RemovePermission."""
        queue = self.queue(name)
        self.registry.change(
            name, {"Policy": permission_removed(queue.settings.texts.get("Policy", ""), queue.arn, label)}
        )

    # ── messages ────────────────────────────────────────────────────────────────────────────────────────────────────

    def send_message(self, name: str, message: Outgoing) -> Sent:
        """SendMessage."""
        queue = self.queue(name)
        sent = accept(queue, message, self.ids, self.clock())
        self._receiving.serve(queue)
        return sent

    def send_message_batch(self, name: str, messages: Sequence[Outgoing]) -> list[Sent | SqsFault]:
        """SendMessageBatch: an answer for each, in order. FIFO refuses all of it for one that has no place in line."""
        queue, now = self.queue(name), self.clock()
        check_batch(messages, queue.settings)
        answers = [tried(accept, queue, one, self.ids, now) for one in messages]
        self._receiving.serve(queue)
        return answers

    def receive_message(self, name: str, request: ReceiveRequest, done: Done) -> LongPoll | None:
        """ReceiveMessage: *done* gets the messages, now or within the wait; a returned waiter can be cancelled."""
        return self._receiving.begin(self.queue(name), request, done)

    def delete_message(self, name: str, handle: str) -> None:
        """DeleteMessage."""
        queue = self.queue(name)
        queue.delete(handle, self.clock())
        self._receiving.serve(queue)

    def delete_message_batch(self, name: str, handles: Sequence[str]) -> list[SqsFault | None]:
        """DeleteMessageBatch: an answer for each, in order."""
        queue, now = self.queue(name), self.clock()
        answers: list[SqsFault | None] = []
        for handle in handles:  # without `tried`: most of what a worker does is deleting
            try:
                queue.delete(handle, now)
            except SqsFault as fault:
                answers.append(in_batch(fault))
            else:
                answers.append(None)
        self._receiving.serve(queue)
        return answers

    def change_message_visibility(self, name: str, handle: str, seconds: int) -> None:
        """ChangeMessageVisibility."""
        queue = self.queue(name)
        self._hide(queue, handle, seconds)
        self._receiving.serve(queue)

    def change_message_visibility_batch(self, name: str, entries: Sequence[tuple[str, int]]) -> list[SqsFault | None]:
        """ChangeMessageVisibilityBatch over handles and seconds: an answer for each, in order."""
        queue = self.queue(name)
        answers = [tried(self._hide, queue, handle, seconds) for handle, seconds in entries]
        self._receiving.serve(queue)
        return answers

    def _hide(self, queue: QueueState, handle: str, seconds: int) -> None:
        check_visibility(seconds)
        queue.change_visibility(handle, seconds, self.clock())

    # ── move tasks ──────────────────────────────────────────────────────────────────────────────────────────────────

    def start_message_move_task(
        self, source_arn: str, *, destination_arn: str | None = None, rate: int | None = None
    ) -> MoveTask:
        """StartMessageMoveTask: only out of a queue that is somebody's dead-letter queue."""
        source = self._by_arn("SourceArn", source_arn)
        if destination_arn is not None:
            self._by_arn("DestinationArn", destination_arn)
        if not self.registry.sources_of(source_arn):
            detail = "Source queue must be configured as a Dead Letter Queue."
            raise SqsFault("InvalidParameterValueException", detail)
        return self._moves.start(source, destination_arn, rate)

    def list_message_move_tasks(self, source_arn: str, *, limit: int = 1) -> list[MoveTask]:
        """ListMessageMoveTasks: newest first."""
        return self._moves.listed(self._by_arn("SourceArn", source_arn), limit)

    def cancel_message_move_task(self, handle: str) -> int:
        """CancelMessageMoveTask: how many were moved until now."""
        return self._moves.cancel(handle).moved

    def _by_arn(self, parameter: str, arn: str) -> QueueState:
        state = self.registry.by_arn(arn)
        if state is None:
            detail = f"The resource that you specified for the {parameter} parameter doesn't exist."
            raise SqsFault("ResourceNotFoundException", detail)
        return state

    # ── beyond SQS ──────────────────────────────────────────────────────────────────────────────────────────────────

    def reset(self) -> None:
        """Forget every queue, message and task."""
        for state in self.registry.clear():
            self._moves.drop(state)
            state.polls.close()
