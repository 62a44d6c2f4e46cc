"""What the worker asks of a queue: six verbs. The pipeline knows this protocol and never SQS's wire.

Three implementations pass one contract suite (tests/contract): the SDK (`sqs/sdk/queue.py`), the native path, and the
loopback's semantics in memory (`loopback/in_memory.py`).

A batch call answers for every entry, in the order it was asked: `OK`, `EntryFailed` (with SQS's code, and whether
asking again can help) or `UNKNOWN` (the answer mentioned it in neither list, so it may or may not have been done). A
call that fails as a whole raises: `QueueUnavailable` and its children where trying again helps, `QueueRefused` and its
children where it does not. A call that is cancelled may have been performed: its entries are unknown, never undone.

A batch of a size that SQS cannot take raises `ValueError` (by `require_batch`) before anything is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, Literal, Protocol

from worker.sqs.quotas import BATCH_ENTRIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.message import Delivery, Outgoing


class Certain(Enum):
    """The two answers that carry nothing more."""

    OK = "ok"
    UNKNOWN = "unknown"


OK: Final = Certain.OK
UNKNOWN: Final = Certain.UNKNOWN


@dataclass(frozen=True, slots=True)
class EntryFailed:
    """SQS named this entry in the failed half of its answer."""

    code: str
    """SQS's code, such as `ReceiptHandleIsInvalid` or `InternalError`."""
    retry: bool
    """True: ask again while the lease lives. False: the handle or the entry itself is bad."""
    detail: str = ""


EntryResult = Literal[Certain.OK, Certain.UNKNOWN] | EntryFailed


@dataclass(frozen=True, slots=True)
class Redrive:
    """The queue's own redrive policy."""

    dead_letter_arn: str
    max_receive_count: int


@dataclass(frozen=True, slots=True)
class QueueAttributes:
    """What GetQueueAttributes says; counts are SQS's approximations."""

    arn: str
    visible: int
    not_visible: int
    delayed: int
    visibility_timeout: int
    retention_seconds: int
    max_message_bytes: int
    wait_seconds: int
    delay_seconds: int
    fifo: bool
    redrive: Redrive | None


class Admission(Protocol):
    """Room for the answer to one receive, asked for by a queue that sees its size before taking it in."""

    @property
    def granted(self) -> int:
        """Bytes that may be taken in without asking: more after `admit`; less, before it, when others need the room."""
        ...

    async def admit(self, size: int) -> None:
        """Wait until there is room for *size* bytes in place of what is granted."""
        ...


class Queue(Protocol):
    """One queue. Safe to call from many tasks of one loop; receiving never waits behind settling or the reverse."""

    @property
    def name(self) -> str:
        """The last part of the queue's URL; used as a label."""
        ...

    @property
    def frame_bytes(self) -> int | None:
        """Bytes on the wire around each body, if `receive` measures an answer before it takes it in; else None.

        One that measures asks its *admission* before it takes in more than was granted. For one that cannot, room for
        the largest messages there may be is set aside before each receive.
        """
        ...

    async def receive(
        self, limit: int, wait: float, *, attempt_id: str | None = None, admission: Admission | None = None
    ) -> list[Delivery]:
        """At most *limit* (1-10) deliveries, after at most *wait* (0-20) seconds; empty when there was nothing.

        A message whose body does not match its MD5 or that lacks a required field is left out and reported as a fact;
        it becomes visible again when its lease ends. *attempt_id* repeats a FIFO receive whose answer was lost.
        *admission* is asked by a queue that measures, with the bytes of an answer that is larger than granted.

        Raises:
            QueueUnavailable, QueueRefused: as the module says.
        """
        ...

    async def delete(self, deliveries: Sequence[Delivery]) -> list[EntryResult]:
        """Delete 1-10 deliveries by their receipt handles."""
        ...

    async def change_visibility(self, deliveries: Sequence[Delivery], seconds: Sequence[int]) -> list[EntryResult]:
        """Set, for 1-10 deliveries, the time from now until each is visible again (0-43,200 s, one number each)."""
        ...

    async def send(self, messages: Sequence[Outgoing]) -> list[EntryResult]:
        """Send 1-10 messages of at most 1 MiB together."""
        ...

    async def attributes(self) -> QueueAttributes:
        """The queue's settings and approximate counts, read now."""
        ...

    async def close(self) -> None:
        """Give the connections back. Calls under way fail with QueueUnavailable."""
        ...


def require_batch(entries: Sequence[object]) -> None:
    """A batch of a size that SQS cannot take is a bug in the worker, found before the wire by every `Queue`."""
    if not 1 <= len(entries) <= BATCH_ENTRIES:
        raise ValueError(f"a batch call takes 1 to {BATCH_ENTRIES} entries, not {len(entries)}")
