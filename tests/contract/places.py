"""Every implementation of `Queue`, each as a place where a test can create queues and open them.

`OPENERS` is the table: one line for an implementation, from its name to an async context manager that gives its
`Place`. `DIFFERS` names what a place does otherwise than AWS documents: such a case must fail there, so that a row
that is no longer true is found.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final, Protocol

import aiohttp

from tests.contract.local import loopback_url, memory
from tests.contract.wire import Wire
from worker.sqs.open import open_native_queue
from worker.sqs.sdk.open import open_sdk_queue
from worker.sqs.spec import QueueSpec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from worker.facts import Fact
    from worker.sqs.queue import Queue

_numbers = itertools.count()


def fresh_name(*, fifo: bool = False) -> str:
    """A queue's name that no other test uses on the same server."""
    return f"contract-{os.getpid()}-{next(_numbers)}" + (".fifo" if fifo else "")


class Place(Protocol):
    """Where queues can be made, opened and emptied; what is opened is closed when the test ends."""

    async def create(self, name: str, attributes: Mapping[str, str]) -> None:
        """A new, empty queue."""
        ...

    async def open(self, name: str) -> Queue:
        """The queue as the worker sees it."""
        ...

    async def purge(self, name: str) -> None:
        """Nothing is left in the queue."""
        ...

    async def drop(self, name: str) -> None:
        """The queue is gone."""
        ...


class ServerPlace:
    """A server that speaks SQS, used through the SDK or by our own way."""

    def __init__(
        self, endpoint_url: str, stack: AsyncExitStack, session: aiohttp.ClientSession, *, native: bool
    ) -> None:
        self.wire = Wire(endpoint_url, session)
        self._stack = stack
        self._native = native
        self.facts: list[Fact] = []
        """What the opened queues reported. Written by them."""

    async def create(self, name: str, attributes: Mapping[str, str]) -> None:
        """See `Place`."""
        await self.wire.must("CreateQueue", QueueName=name, Attributes=dict(attributes))

    async def open(self, name: str) -> Queue:
        """See `Place`."""
        spec = QueueSpec(
            queue=name,
            pipeline="orders",
            region="us-east-1",
            endpoint_url=self.wire.endpoint_url,
            receivers=2,
            settlers=2,
            visibility_timeout=None,
        )
        queue = await (
            open_native_queue(spec, self.facts.append, required=True)
            if self._native
            else open_sdk_queue(spec, self.facts.append)
        )
        self._stack.push_async_callback(queue.close)
        return queue

    async def purge(self, name: str) -> None:
        """See `Place`."""
        url = (await self.wire.must("GetQueueUrl", QueueName=name))["QueueUrl"]
        await self.wire.must("PurgeQueue", QueueUrl=url)

    async def drop(self, name: str) -> None:
        """See `Place`."""
        url = (await self.wire.must("GetQueueUrl", QueueName=name))["QueueUrl"]
        await self.wire.must("DeleteQueue", QueueUrl=url)


@asynccontextmanager
async def over(endpoint_url: str, *, native: bool = False) -> AsyncIterator[ServerPlace]:
    """A server that runs already."""
    async with aiohttp.ClientSession() as session, AsyncExitStack() as stack:
        yield ServerPlace(endpoint_url, stack, session, native=native)


@asynccontextmanager
async def over_loopback(*, native: bool = False) -> AsyncIterator[ServerPlace]:
    """Our own server, one for each test."""
    async with loopback_url() as url, over(url, native=native) as place:
        yield place


class Servers(Protocol):
    """The URLs of the foreign servers; each starts when it is first asked for."""

    @property
    def moto(self) -> str:
        """Where moto listens."""
        ...

    @property
    def ministack(self) -> str:
        """Where ministack listens."""
        ...


Opener = Callable[[Servers], AbstractAsyncContextManager[Place]]

SERVERS: Final[dict[str, Callable[[Servers], AbstractAsyncContextManager[ServerPlace]]]] = {
    "loopback": lambda _: over_loopback(),
    "moto": lambda servers: over(servers.moto),
    "ministack": lambda servers: over(servers.ministack),
}
"""Places that speak SQS's wire."""

OPENERS: Final[dict[str, Opener]] = {
    **SERVERS,
    "native-loopback": lambda _: over_loopback(native=True),
    "native-moto": lambda servers: over(servers.moto, native=True),
    "native-ministack": lambda servers: over(servers.ministack, native=True),
    "memory": lambda _: memory(),
}
"""Every implementation of the protocol."""

DIFFERS: Final[dict[tuple[str, str], str]] = {
    ("moto", "test_trace_header_is_carried"): "MessageSystemAttributes of a batch entry reach the receiver",
    ("ministack", "test_trace_header_is_carried"): "MessageSystemAttributes of a batch entry reach the receiver",
    ("ministack", "test_visibility_beyond_twelve_hours_is_refused"): "VisibilityTimeout is at most 43,200 seconds",
    ("ministack", "test_delete_twice_is_no_error"): "deleting what is deleted already succeeds",
    (
        "ministack",
        "test_delete_of_the_same_delivery_twice_in_one_call",
    ): "deleting what is deleted already succeeds",
    (
        "moto",
        "test_delete_of_the_same_delivery_twice_in_one_call",
    ): "only the Ids of a batch have to be distinct, not its receipt handles",
    ("moto", "test_character_outside_xml_is_refused"): "a body holds the characters of XML 1.0 only",
    ("moto", "test_fifo_sequence_numbers_rise"): "sequence numbers rise within a group",
    (
        "moto",
        "test_fifo_duplicate_is_dropped_even_after_the_delete",
    ): "a deduplication id counts for five minutes, whether or not the message was deleted",
    ("moto", "test_fifo_attempt_id_repeats_a_receive"): "ReceiveRequestAttemptId repeats the same messages",
    ("ministack", "test_fifo_attempt_id_repeats_a_receive"): "ReceiveRequestAttemptId repeats the same messages",
    (
        "ministack",
        "test_old_handle_changes_the_visibility_of_what_a_newer_one_holds",
    ): "an older handle of a standard queue is obeyed",
    **dict.fromkeys(
        (
            ("moto", "test_fifo_release_is_not_held_back_by_later_ones_in_flight"),
            ("ministack", "test_fifo_release_is_not_held_back_by_later_ones_in_flight"),
        ),
        "a hidden message holds back only what was sent after it",
    ),
    **dict.fromkeys(
        (
            ("moto", "test_fifo_delete_after_the_lease_is_refused"),
            ("ministack", "test_fifo_delete_after_the_lease_is_refused"),
        ),
        "a FIFO queue refuses a delete whose handle has expired",
    ),
    (
        "ministack",
        "test_fifo_batch_with_a_message_without_a_group_is_refused_whole",
    ): "one entry without a group refuses the whole batch",
    **dict.fromkeys(
        (
            ("moto", "test_a_body_as_large_as_the_limit_becomes_a_letter"),
            ("ministack", "test_a_body_as_large_as_the_limit_becomes_a_letter"),
        ),
        "attributes count towards MaximumMessageSize, in a batch too",
    ),
    ("ministack", "test_attributes_tell_the_settings"): "MaximumMessageSize is 1,048,576 by default",
    ("ministack", "test_largest_message_is_taken"): "MaximumMessageSize is 1,048,576 by default",
    ("ministack", "test_repeated_batch_ids_are_refused"): "BatchEntryIdsNotDistinct for a repeated Id",
    ("ministack", "test_empty_batch_is_refused"): "EmptyBatchRequest for a batch without entries",
    ("moto", "test_dead_letter_names_its_source"): "a message that was moved has DeadLetterQueueSourceArn",
    ("ministack", "test_dead_letter_names_its_source"): "a message that was moved has DeadLetterQueueSourceArn",
    (
        "ministack",
        "test_purge_twice_within_a_minute_is_refused",
    ): "PurgeQueueInProgress for sixty seconds after a purge",
}
"""(place, case) to what AWS documents, or was seen to do, and the place does not."""
