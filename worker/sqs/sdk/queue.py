"""SQS through the SDK: the `Queue` that works with every feature of AWS, and the only user of aiobotocore.

Takes calls of the protocol and gives deliveries and answers; one SDK attempt a call, because the stages that ask know
better than a client how long a lease still lives. Each call has its own wall clock, becomes a `RequestMade` fact, and
ends in an answer or in one of our errors. Import it late: the SDK costs 300 ms.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from worker.facts import DeliveryDamaged
from worker.sqs.lease import LeaseClock
from worker.sqs.parse import (
    QUEUE_ATTRIBUTES,
    SYSTEM_ATTRIBUTES,
    Damaged,
    hashes_of,
    to_answers,
    to_delivery,
    to_entry,
    to_queue_attributes,
    undamaged,
)
from worker.sqs.queue import require_batch
from worker.sqs.sdk.errors import translated

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from worker.facts import Emit
    from worker.message import Delivery, Outgoing
    from worker.sqs.queue import Admission, EntryResult, QueueAttributes
    from worker.sqs.sdk.call import Caller
    from worker.sqs.sdk.session import Clients
    from worker.sqs.spec import QueueSpec

    Method = Callable[..., Awaitable[Any]]


class SdkQueue:
    """One queue behind the SDK. Made by `open_sdk_queue`; closed by `close`."""

    def __init__(
        self,
        caller: Caller[Clients],
        spec: QueueSpec,
        *,
        emit: Emit,
        name: str,
        url: str,
        wall: Callable[[], float],
        margin_seconds: float,
    ) -> None:
        self._caller = caller
        self._clients = caller.clients
        self._spec = spec
        self._emit = emit
        self._name = name
        self._url = url
        self._wall = wall
        self._margin_seconds = margin_seconds
        self._leases = LeaseClock()

    @property
    def name(self) -> str:
        """The last part of the queue's URL."""
        return self._name

    @property
    def frame_bytes(self) -> None:
        """The SDK tells nobody how large an answer is before it has read it."""
        return None

    @property
    def url(self) -> str:
        """The queue's URL, as SQS gave it or as it was configured."""
        return self._url

    @property
    def clients(self) -> Clients:
        """The SDK's clients, which keep the credentials."""
        return self._clients

    async def receive(
        self,
        limit: int,
        wait: float,
        *,
        attempt_id: str | None = None,
        admission: Admission | None = None,  # noqa: ARG002 - for queues that measure
    ) -> list[Delivery]:
        """See `Queue.receive`."""
        asked: dict[str, Any] = {
            "QueueUrl": self._url,
            "MaxNumberOfMessages": limit,
            "WaitTimeSeconds": int(wait),
            "MessageSystemAttributeNames": SYSTEM_ATTRIBUTES,
            "MessageAttributeNames": ["All"],
        }
        if self._spec.visibility_timeout is not None:
            asked["VisibilityTimeout"] = self._spec.visibility_timeout
        if attempt_id is not None:
            asked["ReceiveRequestAttemptId"] = attempt_id
        loop, method = asyncio.get_running_loop(), self._clients.receiving.receive_message
        began = loop.time()
        raw = await self._caller.call("receive", method, asked, seconds=wait + self._margin_seconds)
        leased_at = self._leases.leased_at(began, loop.time(), wait, dated(raw))
        return self._deliveries(raw, leased_at=leased_at)

    def _deliveries(self, raw: Mapping[str, Any], *, leased_at: float) -> list[Delivery]:
        received_at = self._wall()
        messages = raw.get("Messages") or []
        read = [to_delivery(one, leased_at=leased_at, received_at=received_at) for one in messages]
        for damaged in read:
            if isinstance(damaged, Damaged):
                self._emit(DeliveryDamaged(self._spec.pipeline, damaged.reason, damaged.message_id))
        return undamaged(messages, read)

    async def delete(self, deliveries: Sequence[Delivery]) -> list[EntryResult]:
        """See `Queue.delete`."""
        require_batch(deliveries)
        entries = [{"Id": str(i), "ReceiptHandle": d.receipt_handle} for i, d in enumerate(deliveries)]
        raw = await self._batch("delete", self._clients.settling.delete_message_batch, entries)
        return to_answers(raw, len(deliveries))

    async def change_visibility(self, deliveries: Sequence[Delivery], seconds: Sequence[int]) -> list[EntryResult]:
        """See `Queue.change_visibility`."""
        require_batch(deliveries)
        entries = [
            {"Id": str(i), "ReceiptHandle": d.receipt_handle, "VisibilityTimeout": s}
            for i, (d, s) in enumerate(zip(deliveries, seconds, strict=True))
        ]
        method = self._clients.settling.change_message_visibility_batch
        raw = await self._batch("change_visibility", method, entries)
        return to_answers(raw, len(deliveries))

    async def send(self, messages: Sequence[Outgoing]) -> list[EntryResult]:
        """See `Queue.send`."""
        require_batch(messages)
        entries = [to_entry(i, message) for i, message in enumerate(messages)]
        raw = await self._batch("send", self._clients.settling.send_message_batch, entries)
        return to_answers(raw, len(messages), hashes=hashes_of(messages))

    async def attributes(self) -> QueueAttributes:
        """See `Queue.attributes`."""
        method = self._clients.settling.get_queue_attributes
        asked = {"QueueUrl": self._url, "AttributeNames": QUEUE_ATTRIBUTES}
        raw = await self._ask("attributes", method, asked)
        try:
            return to_queue_attributes(raw, self._name)
        except ValueError as error:
            raise translated("attributes", error) from error

    async def close(self) -> None:
        """See `Queue.close`."""
        await self._caller.close()

    async def _batch(self, operation: str, method: Method, entries: list[dict[str, Any]]) -> Any:
        return await self._ask(operation, method, {"QueueUrl": self._url, "Entries": entries})

    async def _ask(self, operation: str, method: Method, asked: dict[str, Any]) -> Any:
        """One call; its answer says what time it is at the server."""
        now = asyncio.get_running_loop().time
        began = now()
        raw = await self._caller.call(operation, method, asked)
        self._leases.answered(began, now(), dated(raw))
        return raw


def dated(raw: Mapping[str, Any]) -> str:
    """The answer's Date; empty without one."""
    return str(raw.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", ""))
