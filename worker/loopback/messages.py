"""A message as the loopback keeps it: slots only, because a million of them wait at once.

A `Stored` belongs to exactly one queue state, which writes every mutable field of it; it ends when its state is `GONE`,
and whoever still meets it in a heap or a deque then skips it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.message import Attribute
    from worker.sqs.queue import Redrive

VISIBLE: Final = 0
DELAYED: Final = 1
IN_FLIGHT: Final = 2
GONE: Final = 3
"""Plain integers and no enum: they are compared several times for each message handed out."""


@dataclass(slots=True, eq=False)
class Stored:
    """One message in one queue. The first block never changes; the second is written by the queue's state."""

    number: int
    """Place in the queue's own order of arrival; also the heart of receipt handles and sequence numbers."""
    id: str
    body: str
    md5: str
    sent_at: float
    """Unix time. A move to a standard dead-letter queue keeps it, so retention goes on counting."""
    attributes: Mapping[str, Attribute]
    group_id: str | None = None
    deduplication_id: str | None = None
    trace_header: str | None = None
    source_arn: str | None = None
    """The queue that dead-lettered it here."""
    earlier_receipts: int = 0
    """Receipts before it was dead-lettered: shown in the count, but not held against it by this queue's own redrive
    policy, or two queues that dead-letter into each other would play ball for ever.
    """

    state: int = GONE
    visible_at: float = 0.0
    """When a delayed or in-flight message is visible again; a heap entry with another time is stale."""
    receipt: int = 0
    """Number of the latest receipt; an older handle carries another one."""
    handle: str = ""
    """The receipt handle of the latest receipt."""
    receive_count: int = 0
    received_at: float = 0.0
    first_received_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Sent:
    """What a sender is told about one accepted message."""

    id: str
    md5: str
    attributes_md5: str | None
    system_md5: str | None
    sequence_number: str | None


ChangeKind = Literal["send", "receive", "delete", "visibility", "move", "expire", "purge"]


@dataclass(frozen=True, slots=True)
class StateChange:
    """One change, for a ledger that checks the world from outside. A purge names no message."""

    kind: ChangeKind
    queue: str
    message_id: str
    at: float
    receive_count: int = 0
    visible_at: float = 0.0
    """For `receive` and `visibility`: until when the message is hidden."""
    destination: str = ""
    """For `move`: the queue it went to."""
    new_id: str = ""
    """For `move`: the id it has there."""
    receipt: str = ""
    """The latest receipt, as the end of its handle names it: `number/receipt`; as it was before the change."""
    by: str = ""
    """For `visibility` and `delete`: the receipt whose handle asked for it, which may be an older one."""


def change(
    kind: ChangeKind, queue: str, message: Stored, at: float, *, by: int | None, **more: float | str
) -> StateChange:
    """A change of *message* as it is now; *by* is the receipt whose handle asked, *more* are fields by their names."""
    seen = {
        "receive_count": message.receive_count,
        "visible_at": message.visible_at,
        "receipt": f"{message.number:x}/{message.receipt:x}",
        "by": "" if by is None else f"{message.number:x}/{by:x}",
        **more,
    }
    return StateChange(kind, queue, message.id, at, **seen)  # type: ignore[arg-type] # by field


def exhausted(message: Stored, redrive: Redrive) -> bool:
    """Whether it was received as often as its queue's redrive policy allows."""
    return message.receive_count - message.earlier_receipts >= redrive.max_receive_count
