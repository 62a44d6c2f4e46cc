"""SQS through the SDK: the `Queue` that works with every feature of AWS, and the only user of aiobotocore.

Takes calls of the protocol and gives deliveries and answers; one SDK attempt a call, because the stages that ask know
better than a client how long a lease still lives. Each call has its own wall clock, becomes a `RequestMade` fact, and
ends in an answer or in one of our errors. Import it late: the SDK costs 300 ms.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from worker.errors import QueueError, QueueRefused
from worker.facts import DeliveryDamaged
from worker.sqs.address import check_endpoint, locate
from worker.sqs.explain import ENDPOINT, explained
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
from worker.sqs.sdk.call import Caller
from worker.sqs.sdk.session import MARGIN_SECONDS, SETTLE_SECONDS, Clients, translated

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from worker.facts import Emit
    from worker.message import Delivery, Outgoing
    from worker.sqs.address import QueueAddress
    from worker.sqs.queue import Admission, Answer, QueueAttributes

    Method = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class AwsQueueSpec:
    """Which queue, from where, and how many calls at a time."""

    queue: str
    """URL, ARN or name."""
    pipeline: str
    region: str | None
    """None: from the URL or ARN, else the SDK's own choice."""
    endpoint_url: str | None
    receivers: int
    """Receives at a time; each holds a connection for a whole long poll."""
    settlers: int
    """Other calls at a time."""
    visibility_timeout: int | None
    """Seconds; None: the queue's own."""
    dead_letters: bool = False
    """It is sent to, and never received from."""


class AwsQueue:
    """One queue behind the SDK. Made by `open_aws_queue`; closed by `close`."""

    def __init__(
        self,
        caller: Caller,
        spec: AwsQueueSpec,
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

    async def delete(self, deliveries: Sequence[Delivery]) -> list[Answer]:
        """See `Queue.delete`."""
        require_batch(deliveries)
        entries = [{"Id": str(i), "ReceiptHandle": d.receipt_handle} for i, d in enumerate(deliveries)]
        raw = await self._batch("delete", self._clients.settling.delete_message_batch, entries)
        return to_answers(raw, len(deliveries))

    async def change_visibility(self, deliveries: Sequence[Delivery], seconds: Sequence[int]) -> list[Answer]:
        """See `Queue.change_visibility`."""
        require_batch(deliveries)
        entries = [
            {"Id": str(i), "ReceiptHandle": d.receipt_handle, "VisibilityTimeout": s}
            for i, (d, s) in enumerate(zip(deliveries, seconds, strict=True))
        ]
        method = self._clients.settling.change_message_visibility_batch
        raw = await self._batch("change_visibility", method, entries)
        return to_answers(raw, len(deliveries))

    async def send(self, messages: Sequence[Outgoing]) -> list[Answer]:
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


async def open_aws_queue(
    spec: AwsQueueSpec,
    emit: Emit,
    *,
    wall: Callable[[], float] = time.time,
    margin_seconds: float = MARGIN_SECONDS,
    settle_seconds: float = SETTLE_SECONDS,
) -> AwsQueue:
    """The queue of *spec*, found and readable.

    Raises:
        CredentialsRefused, QueueMissing, QueueRefused: in words that name the queue, its account and region, and what
            to do.
        QueueUnavailable: SQS could not be reached; trying again may help.
    """
    address = locate(spec.queue, region=spec.region, endpoint_url=spec.endpoint_url)
    clients = Clients(emit, pipeline=spec.pipeline, region=address.region, endpoint_url=address.endpoint_url, wall=wall)
    async with AsyncExitStack() as opened:
        opened.push_async_callback(clients.close)
        try:
            await clients.open(receivers=spec.receivers, settlers=spec.settlers)
            address = replace(address, region=clients.region)
            _require_tls(clients.endpoint_url)
            caller = Caller(clients, emit, pipeline=spec.pipeline, settle_seconds=settle_seconds)
            url = await _url_of(address, caller)
            queue = AwsQueue(
                caller, spec, emit=emit, name=address.name, url=url, wall=wall, margin_seconds=margin_seconds
            )
            await queue.attributes()  # a URL says nothing about whether its queue exists
        except QueueError as error:
            raise explained(error, address, dead_letters=spec.dead_letters) from error
        opened.pop_all()
        return queue


def _require_tls(endpoint_url: str) -> None:
    """Whatever named the endpoint (a variable, a profile, a plugin of the SDK): this is where requests would go."""
    try:
        check_endpoint(endpoint_url)
    except ValueError as error:
        raise QueueRefused("open", ENDPOINT, f"the AWS configuration leads to {endpoint_url}: {error}") from None


async def _url_of(address: QueueAddress, caller: Caller) -> str:
    if address.url is not None:
        return address.url
    asked = {"QueueName": address.name}
    if address.account is not None:
        asked["QueueOwnerAWSAccountId"] = address.account
    answer = await caller.call("open", caller.clients.settling.get_queue_url, asked)
    return str(answer["QueueUrl"])
