"""SQS by our own request path: the `Queue` for the many messages, at a fraction of the SDK's CPU.

Takes calls of the protocol and gives deliveries and answers, with the same meaning as `sdk/queue.py` to the last error;
it sees how large an answer is before it takes it in. Made by `open.py` on top of the SDK's queue, which found it and
keeps the credentials; ends with `close`, which ends both.
"""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any, Final, TypeVar

import orjson

from worker import speedups
from worker.facts import DeliveryDamaged
from worker.sqs.lease import LeaseClock
from worker.sqs.native.call import Call, Verb
from worker.sqs.native.pool import AGAIN_SECONDS
from worker.sqs.native.read import document, received, settled
from worker.sqs.parse import (
    QUEUE_ATTRIBUTES,
    SYSTEM_ATTRIBUTES,
    hashes_of,
    to_answers,
    to_entry,
    to_queue_attributes,
)
from worker.sqs.queue import require_batch

T = TypeVar("T")

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from worker.facts import Emit
    from worker.message import Delivery, Outgoing
    from worker.sqs.native.answer import HttpAnswer
    from worker.sqs.native.call import Requester
    from worker.sqs.native.pool import Pool
    from worker.sqs.parse import Damaged
    from worker.sqs.queue import Admission, EntryResult, QueueAttributes

RECEIVE: Final = Verb("receive", "AmazonSQS.ReceiveMessage")
DELETE: Final = Verb("delete", "AmazonSQS.DeleteMessageBatch")
CHANGE: Final = Verb("change_visibility", "AmazonSQS.ChangeMessageVisibilityBatch")
RELEASE: Final = Verb("change_visibility", "AmazonSQS.ChangeMessageVisibilityBatch", repeatable=False)
"""Visible soon, if it was performed: made again it would take the message from whoever was handed it meanwhile."""
SEND: Final = Verb("send", "AmazonSQS.SendMessageBatch", repeatable=False)
ATTRIBUTES: Final = Verb("attributes", "AmazonSQS.GetQueueAttributes")

FRAME_BYTES: Final = 2_048
"""Around each body: a receipt handle of 400 to 1,000 characters, ids, hash, attributes. Too little costs a question."""


@dataclass(frozen=True, slots=True)
class NativeSpec:
    """Which queue, and the times that its calls have."""

    url: str
    name: str
    pipeline: str
    visibility_timeout: int | None
    """Seconds; None: the queue's own."""
    margin_seconds: float
    """How much longer than its wait a receive may take."""
    settle_seconds: float
    """How long any other call may take."""


class NativeQueue:
    """One queue, by connections of our own."""

    def __init__(
        self,
        spec: NativeSpec,
        requester: Requester,
        *,
        receiving: Pool,
        settling: Pool,
        emit: Emit,
        wall: Callable[[], float],
        beneath: Callable[[], Awaitable[None]],
    ) -> None:
        self._spec = spec
        self._requester = requester
        self._now = asyncio.get_running_loop().time
        self._receiving = receiving
        self._settling = settling
        self._emit = emit
        self._wall = wall
        self._beneath = beneath
        """Closes what the queue stands on."""
        self._deletion = self._body({"Entries": []}).removesuffix(b"]}")
        """What the body of every delete begins with."""
        self._leases = LeaseClock()
        self._receives: dict[tuple[int, int], bytes] = {}
        """Bodies of receives, by limit and wait: there are a few, and they never change. Written by `_receive_body`."""

    @property
    def name(self) -> str:
        """The last part of the queue's URL."""
        return self._spec.name

    @property
    def url(self) -> str:
        """The queue's URL, as SQS gave it or as it was configured."""
        return self._spec.url

    @property
    def frame_bytes(self) -> int:
        """The head of an answer says how large it is."""
        return FRAME_BYTES

    async def receive(
        self, limit: int, wait: float, *, attempt_id: str | None = None, admission: Admission | None = None
    ) -> list[Delivery]:
        """See `Queue.receive`."""
        began = self._now()

        def read(answer: HttpAnswer) -> list[Delivery]:
            leased = self._leases.leased_at(began, answer.arrived_at, wait, dated(answer))
            return received(answer, leased_at=leased, received_at=self._wall(), report=self._report)

        body, seconds = self._receive_body(limit, int(wait), attempt_id), wait + self._spec.margin_seconds
        return await self._requester.make(Call(RECEIVE, body, read, self._receiving, seconds, admission))

    async def delete(self, deliveries: Sequence[Delivery]) -> list[EntryResult]:
        """See `Queue.delete`."""
        require_batch(deliveries)
        body = speedups.deletion(self._deletion, deliveries)
        if body is None:
            entries = [{"Id": str(i), "ReceiptHandle": d.receipt_handle} for i, d in enumerate(deliveries)]
            body = self._body({"Entries": entries})
        return await self._batch(DELETE, body, len(deliveries))

    async def change_visibility(self, deliveries: Sequence[Delivery], seconds: Sequence[int]) -> list[EntryResult]:
        """See `Queue.change_visibility`."""
        require_batch(deliveries)
        entries = [
            {"Id": str(i), "ReceiptHandle": d.receipt_handle, "VisibilityTimeout": s}
            for i, (d, s) in enumerate(zip(deliveries, seconds, strict=True))
        ]
        until = min(delivery.deadline or inf for delivery in deliveries)
        verb = CHANGE if min(seconds) > AGAIN_SECONDS else RELEASE
        return await self._batch(verb, self._body({"Entries": entries}), len(entries), until=until)

    async def send(self, messages: Sequence[Outgoing]) -> list[EntryResult]:
        """See `Queue.send`."""
        require_batch(messages)
        entries = [to_entry(i, message) for i, message in enumerate(messages)]
        hashes = hashes_of(messages)
        return await self._settle(
            SEND,
            self._body({"Entries": entries}),
            lambda answer: to_answers(document(SEND.operation, answer), len(messages), hashes=hashes),
        )

    async def attributes(self) -> QueueAttributes:
        """See `Queue.attributes`."""
        return await self._settle(
            ATTRIBUTES,
            self._body({"AttributeNames": QUEUE_ATTRIBUTES}),
            lambda answer: to_queue_attributes(document(ATTRIBUTES.operation, answer), self._spec.name),
        )

    async def close(self) -> None:
        """See `Queue.close`."""
        self._requester.close()
        await self._receiving.close()
        await self._settling.close()
        await self._beneath()

    def _batch(self, verb: Verb, body: bytes, count: int, *, until: float = inf) -> Awaitable[list[EntryResult]]:
        return self._settle(verb, body, lambda answer: settled(verb.operation, answer, count), until=until)

    def _settle(self, verb: Verb, body: bytes, read: Callable[[HttpAnswer], T], *, until: float = inf) -> Awaitable[T]:
        began = self._now()

        def dated_first(answer: HttpAnswer) -> T:
            self._leases.answered(began, answer.arrived_at, dated(answer))
            return read(answer)

        seconds = self._spec.settle_seconds
        return self._requester.make(Call(verb, body, dated_first, self._settling, seconds, until=until))

    def _body(self, asked: Mapping[str, Any]) -> bytes:
        return encoded({"QueueUrl": self._spec.url, **asked})

    def _receive_body(self, limit: int, wait: int, attempt_id: str | None) -> bytes:
        known = None if attempt_id else self._receives.get((limit, wait))
        if known is not None:
            return known
        asked: dict[str, Any] = {
            "QueueUrl": self._spec.url,
            "MaxNumberOfMessages": limit,
            "WaitTimeSeconds": wait,
            "MessageSystemAttributeNames": SYSTEM_ATTRIBUTES,
            "MessageAttributeNames": ["All"],
        }
        if self._spec.visibility_timeout is not None:
            asked["VisibilityTimeout"] = self._spec.visibility_timeout
        if attempt_id is not None:
            return encoded(asked | {"ReceiveRequestAttemptId": attempt_id})
        body = self._receives[limit, wait] = encoded(asked)
        return body

    def _report(self, damaged: Damaged) -> None:
        self._emit(DeliveryDamaged(self._spec.pipeline, damaged.reason, damaged.message_id))


def dated(answer: HttpAnswer) -> str:
    """The answer's Date; empty without one."""
    return answer.headers.get(b"date", b"").decode("latin-1")


def encoded(asked: Mapping[str, Any]) -> bytes:
    """The body of a request."""
    try:
        return orjson.dumps(asked, default=_base64)
    except TypeError:  # half a surrogate pair, which UTF-8 cannot hold and JSON can: SQS shall say what it thinks of it
        return json.dumps(asked, default=_base64).encode()


def _base64(value: object) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"a request cannot hold {type(value).__name__}")
