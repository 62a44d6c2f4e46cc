"""Dead letters: a rejected message goes to the dead-letter queue with the reason, before it leaves the source.

Takes rejected deliveries from the settler, sends body and attributes with what is known about the rejection in one
more attribute, and says which were accepted. Only those may be deleted from the source.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Final

from worker.errors import QueueError
from worker.message import Attribute, Outgoing, measure
from worker.sqs.limits import BATCH_ENTRIES, MESSAGE_ATTRIBUTES, MESSAGE_BYTES
from worker.sqs.queue import OK
from worker.telemetry import events

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.message import Delivery
    from worker.outcome import Rejected
    from worker.sqs.queue import Queue
    from worker.telemetry.events import Emit

CONTEXT: Final = "DeadLetter"
"""Name of the attribute that holds the context as JSON: one attribute, since a message may have only ten."""
DETAIL_CHARACTERS: Final = 512


class DeadLetters:
    """The dead-letter queue of one pipeline."""

    def __init__(self, queue: Queue, *, source: str, worker: str, fifo: bool, emit: Emit, pipeline: str) -> None:
        self._queue = queue
        self._source = source
        self._worker = worker
        self._fifo = fifo
        self._emit = emit
        self._pipeline = pipeline

    async def send(self, rejected: list[tuple[Delivery, Rejected]]) -> set[str]:
        """Send all; returns the message ids that the dead-letter queue has accepted."""
        accepted: set[str] = set()
        letters = [(delivery, self._letter(delivery, reason)) for delivery, reason in rejected]
        for batch in batches(letters):
            accepted |= await self._send(batch)
        return accepted

    async def close(self) -> None:
        """Give the queue's connections back."""
        await self._queue.close()

    async def _send(self, batch: list[tuple[Delivery, Outgoing]]) -> set[str]:
        try:
            answers = await self._queue.send([letter for _, letter in batch])
        except QueueError as error:
            self._refused(error.code, len(batch))
            return set()
        for answer in answers:
            if answer is not OK:
                self._refused(getattr(answer, "code", "Unknown"), 1)
        return {d.message_id for (d, _), answer in zip(batch, answers, strict=True) if answer is OK}

    def _refused(self, code: str, count: int) -> None:
        self._emit(events.SettleFailed(self._pipeline, "dead-letter", code, count, final=False))

    def _letter(self, delivery: Delivery, rejected: Rejected) -> Outgoing:
        # Whoever sent an attribute of this name did not reject the message: nobody may forge our word.
        kept = {name: one for name, one in delivery.attributes.items() if name != CONTEXT}
        attributes = self._explained(kept, delivery, rejected)
        if measure(delivery.body, attributes) > MESSAGE_BYTES:
            attributes = kept  # the message itself matters more than our words about it
        return Outgoing(
            body=delivery.body,
            attributes=attributes,
            group_id=delivery.group_id or (delivery.message_id if self._fifo else None),
            deduplication_id=delivery.message_id if self._fifo else None,
            trace_header=delivery.trace_header,
        )

    def _explained(self, kept: dict[str, Attribute], delivery: Delivery, rejected: Rejected) -> dict[str, Attribute]:
        """*kept* with the context; what has no room beside it goes into it."""
        attributes, context = dict(kept), self._context(delivery, rejected)
        displaced: dict[str, list[str]] = {}
        while len(attributes) >= MESSAGE_ATTRIBUTES:
            name, attribute = attributes.popitem()
            value = attribute.value if isinstance(attribute.value, str) else attribute.value.hex()
            displaced[name] = [attribute.data_type, value]
        if displaced:
            context["displaced_attributes"] = displaced
        attributes[CONTEXT] = Attribute("String", json.dumps(context, ensure_ascii=True))
        return attributes

    def _context(self, delivery: Delivery, rejected: Rejected) -> dict[str, object]:
        held = asyncio.get_running_loop().time() - delivery.leased_at
        return {
            "reason": rejected.reason,
            "detail": rejected.detail[:DETAIL_CHARACTERS],
            "attempts": delivery.receive_count,
            "sent_at": delivery.sent_at,
            "received_at": delivery.received_at,
            "rejected_at": round(delivery.received_at + held, 3),
            "message_id": delivery.message_id,
            "source": self._source,
            "worker": self._worker,
        }


def batches(letters: list[tuple[Delivery, Outgoing]]) -> Iterator[list[tuple[Delivery, Outgoing]]]:
    """Cut into sends of at most ten messages and 1 MiB together."""
    batch: list[tuple[Delivery, Outgoing]] = []
    total = 0
    for delivery, letter in letters:
        size = letter.size
        if batch and (len(batch) == BATCH_ENTRIES or total + size > MESSAGE_BYTES):
            yield batch
            batch, total = [], 0
        batch.append((delivery, letter))
        total += size
    if batch:
        yield batch
