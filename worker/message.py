"""The nouns of the path: what a sender sent, one receipt of it, and what goes out.

*Delivery* is what the worker owns from receive to settle; *Message* is what a sink or your function sees once the body
is decoded; *Outgoing* is what we send (to a dead-letter queue, or from a producer). Imports nothing of ours.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

DEAD_LETTER: Final = "DeadLetter"
"""Name of the attribute that says why a message became a dead letter (`pipeline/letter.py`)."""

_make: Final = tuple.__new__
"""`Message._make` also counts the fields, and takes twice the time."""

NO_ATTRIBUTES: Mapping[str, Attribute] = MappingProxyType({})
"""Shared by the many deliveries without attributes; nobody can write to it."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One message attribute as SQS types it: String, Number or Binary, with an optional custom suffix."""

    data_type: str
    """`String`, `Number`, `Binary`, or one of them with a suffix (`Number.int`)."""
    value: str | bytes
    """Text for String and Number, bytes for Binary."""

    @property
    def transport(self) -> Literal["string", "binary"]:
        """Which of the two wire forms carries the value."""
        return "binary" if isinstance(self.value, bytes) else "string"


class State(IntEnum):
    """Where a delivery is in its life. Who may change it, and what holds in each, says `pipeline/life.py`."""

    RECEIVED = 0
    """It came, and the ledger has not entered it."""
    HELD = 1
    """It waits in hand: nobody has begun it."""
    BEGUN = 2
    """A handler has it; the sink may have seen it."""
    WRITTEN = 3
    """The sink has it: it is to be deleted."""
    REJECTED = 4
    """It can never succeed: it is to be dead-lettered."""
    LETTERED = 5
    """The dead-letter queue has it: it is to be deleted."""
    POSTPONED = 6
    """It is to be given back as soon as no receive of ours is open, which would be handed it."""
    RETURNING = 7
    """It is being given back: a renewal would undo that."""
    RETURNED = 8
    """Its message is here again, so giving it back has worked, before SQS said so: its handle is void."""
    GONE = 9
    """It has left the ledger."""


class Order(Protocol):
    """What a delivery stands in, behind others."""

    def broken(self, now: float) -> bool:
        """Whether an earlier message may be in somebody else's hands."""
        ...


@dataclass(slots=True, eq=False)
class Delivery:
    """One receipt of a message, held by exactly one stage until it is settled.

    Read-only to everybody but the ledger, which writes where it says so; the buffer of a FIFO queue writes `lane`.
    """

    message_id: str
    receipt_handle: str
    """Written by the ledger when a later receipt of the same message supersedes this one."""
    body: str
    sent_at: float
    """When the sender sent it: Unix time in seconds (SQS keeps milliseconds); 0 from a server that does not say."""
    received_at: float
    """When we received it: Unix time in seconds. For columns and latency only, never for leases."""
    receive_count: int
    """How often SQS has handed it out, this time included, and with every try in hand once more; 1 at the first.
    Written by the ledger with a later receipt, and at each try in hand."""
    leased_at: float
    """Loop time at which the lease began, no later than the server's own start of it. Written by the ledger with a
    later receipt."""
    group_id: str | None = None
    deduplication_id: str | None = None
    sequence_number: str | None = None
    trace_header: str | None = None
    attributes: Mapping[str, Attribute] = field(default_factory=lambda: NO_ATTRIBUTES)
    """A read-only view: your function is given the same, and a dead letter is made of it."""
    deadline: float = 0.0
    """Loop time at which the lease ends. Written by the ledger."""
    renew_until: float = 0.0
    """Loop time after which the lease is no longer renewed. Written by the ledger."""
    weight: int = 0
    """`size` as counted at entry, and given back at leaving. Written by the ledger."""
    lost: bool = False
    """The handle is void: SQS said so. Written by the ledger, which takes it back with a newer handle."""
    state: State = State.RECEIVED
    """Written by the ledger."""
    renew_after: float = 0.0
    """Loop time before which a renewal that has failed is not tried again. Written by the ledger."""
    tries: int = 0
    """How often it was tried again in hand, each counted in `receive_count` as if it had been received again. Written
    by the ledger."""
    lane: Order | None = None
    """The order it stands in, on a FIFO queue. Written by the buffer."""
    renewal: asyncio.Future[None] | None = None
    """Done when the renewal under way has been answered. Written by the ledger."""

    def over(self, now: float) -> bool:
        """Whether it is not to be begun any more: somebody else may have it by now, or what comes before it."""
        return self.lost or now >= self.deadline or (self.lane is not None and self.lane.broken(now))

    @property
    def returning(self) -> bool:
        """Whether it is being given back: nobody renews its lease, and a later receipt of its message is a new one."""
        return State.RETURNING <= self.state < State.GONE

    @property
    def size(self) -> int:
        """Bytes that this delivery holds in memory and on the wire: body plus attributes."""
        attributes = self.attributes
        return measure(self.body, attributes) if attributes else utf8_length(self.body)


class Message(NamedTuple):
    """A decoded message: what a sink writes and what your function is given.

    A tuple, since one is made for every message: a frozen dataclass of twelve fields takes three times as long to make.
    It can be pickled and copied, its attributes with it.
    """

    key: str
    """The deduplication key: the message id unless `DEDUPLICATION_KEY` names a field of the body."""
    value: object
    """The decoded body: a JSON object for the json codec, text for the text codec."""
    body: str
    """The body as it was sent."""
    id: str
    sent_at: float
    received_at: float
    receive_count: int
    group_id: str | None
    attributes: Mapping[str, Attribute]
    """By name; a read-only view."""
    trace_header: str | None = None
    """`AWSTraceHeader`, as X-Ray wrote it at the sender; None if there is none."""
    sequence_number: str | None = None
    """The place in its FIFO queue: digits, growing within a group; None in a standard queue."""
    deduplication_id: str | None = None
    """As the sender gave it to the FIFO queue, or as the queue made it of the body; None in a standard queue."""

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        """How it is pickled: a view cannot be, so a dictionary is taken along, and made a view again on arrival."""
        return _unpickled, tuple(self._replace(attributes=dict(self.attributes)))


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to be sent."""

    body: str
    attributes: Mapping[str, Attribute] = field(default_factory=lambda: NO_ATTRIBUTES)
    group_id: str | None = None
    deduplication_id: str | None = None
    delay_seconds: int | None = None
    """None: the queue's own delay. FIFO queues accept no delay per message."""
    trace_header: str | None = None

    @property
    def size(self) -> int:
        """Bytes that SQS counts: body plus attributes (the trace header is free)."""
        return measure(self.body, self.attributes)


def message_of(delivery: Delivery, key: str, value: object) -> Message:
    """What the sink and your function see of a delivery: every field of `Message`, in its order."""
    fields = (
        key,
        value,
        delivery.body,
        delivery.message_id,
        delivery.sent_at,
        delivery.received_at,
        delivery.receive_count,
        delivery.group_id,
        delivery.attributes,
        delivery.trace_header,
        delivery.sequence_number,
        delivery.deduplication_id,
    )
    return _make(Message, fields)


def _unpickled(*fields: Any) -> Message:
    message = Message(*fields)
    return message._replace(attributes=MappingProxyType(dict(message.attributes)))


def measure(body: str, attributes: Mapping[str, Attribute]) -> int:
    """Bytes of a message as SQS counts them: the body in UTF-8, and name, type and value of each attribute."""
    size = utf8_length(body)
    for name, attribute in attributes.items():
        size += utf8_length(name) + len(attribute.data_type)
        size += len(attribute.value) if isinstance(attribute.value, bytes) else utf8_length(attribute.value)
    return size


def utf8_length(text: str) -> int:
    """Bytes of *text* in UTF-8; a lone surrogate, which UTF-8 cannot hold, counts as three."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
