"""Handling: batches through the sink, and what became of single messages."""

from __future__ import annotations

from typing import ClassVar

from worker.facts.fact import Fact, Level, fact
from worker.trace import Trace  # noqa: TC001 - facts can be asked for the types of their fields


@fact(frozen=True, slots=True)
class BatchWritten(Fact):
    """One batch went through the sink, `accepted` of `rows` records were taken."""

    level: ClassVar[Level] = "debug"
    pipeline: str
    rows: int
    accepted: int
    bytes: int
    decode_seconds: float
    write_seconds: float
    writes: int
    """Calls of the sink: 1, and more where a batch was halved or tried again."""
    sent_at: tuple[float, ...]
    """Unix time at which each accepted message was sent."""
    finished_at: float
    """Unix time at which the write returned."""
    waited_seconds: float = 0.0
    """The handler's, for this batch to come together."""


@fact(frozen=True, slots=True)
class BatchSplit(Fact):
    """The sink refused something in a batch; it is halved to find the bad record."""

    level: ClassVar[Level] = "warning"
    damped: ClassVar[bool] = True
    pipeline: str
    rows: int
    code: str


@fact(frozen=True, slots=True)
class WaitingGivenBack(Fact):
    """Every handler is in a long call: what waited behind them for `seconds` goes back, for another worker to begin."""

    pipeline: str
    count: int
    seconds: float


@fact(frozen=True, slots=True)
class SuspectTried(Fact):
    """A message that was received before, perhaps by a process that it ended, is handled with nothing else in hand.

    The last line of a process that has crashed names what it was doing.
    """

    pipeline: str
    message_id: str
    receive_count: int


@fact(frozen=True, slots=True)
class BatchHeld(Fact):
    """The sink did not take these rows, and takes others: they are kept, and tried again in `retry_in` seconds."""

    level: ClassVar[Level] = "warning"
    damped: ClassVar[bool] = True
    pipeline: str
    code: str
    detail: str
    rows: int
    retry_in: float


@fact(frozen=True, slots=True)
class SinkLost(Fact):
    """The sink is away, for all that is known: receiving stops, leases are kept, one batch at a time keeps trying."""

    level: ClassVar[Level] = "error"
    pipeline: str
    code: str
    detail: str


@fact(frozen=True, slots=True)
class SinkProbed(Fact):
    """The sink is still away; the next try is in `retry_in` seconds."""

    level: ClassVar[Level] = "warning"
    damped: ClassVar[bool] = True
    pipeline: str
    code: str
    detail: str
    retry_in: float


@fact(frozen=True, slots=True)
class SinkRestored(Fact):
    """The sink took a batch again after `seconds`."""

    pipeline: str
    seconds: float


@fact(frozen=True, slots=True)
class MessageRetried(Fact):
    """One message is tried again after `delay` seconds: it goes back to the queue, or stays in hand (FIFO)."""

    level: ClassVar[Level] = "warning"
    damped: ClassVar[bool] = True
    pipeline: str
    message_id: str
    reason: str
    detail: str
    receive_count: int
    delay: float


@fact(frozen=True, slots=True)
class CallFailed(Fact):
    """A call of your function raised something else than `Retry` or `Reject`; its messages are tried again."""

    level: ClassVar[Level] = "warning"
    damped: ClassVar[bool] = True
    pipeline: str
    function: str
    message_id: str
    """Of its first message."""
    receive_count: int
    messages: int
    reason: str
    """The class of the error."""
    place: str
    """File and line where it was raised."""
    trace: Trace
    """The way through your code; read only where it is written down."""


@fact(frozen=True, slots=True)
class CallHung(Fact):
    """A call of your function is over its limit and has not ended: it keeps its place, and its messages go back.

    `hanging` of `slots` places are kept like this; when all are, nothing is handled any more, and only a restart helps.
    """

    level: ClassVar[Level] = "error"
    pipeline: str
    function: str
    message_id: str
    """Of its first message."""
    messages: int
    seconds: float
    """Since it was made."""
    limit_seconds: float
    hanging: int
    slots: int


@fact(frozen=True, slots=True)
class HungCallEnded(Fact):
    """A call that was given up as hanging has ended after all; what it said is not heard, its place is free again."""

    pipeline: str
    function: str
    message_id: str
    seconds: float
    hanging: int


@fact(frozen=True, slots=True)
class MessageRejected(Fact):
    """One message is out of the way: dead-lettered, or left to the redrive policy (`dead_lettered` False)."""

    level: ClassVar[Level] = "warning"
    damped: ClassVar[bool] = True
    pipeline: str
    message_id: str
    reason: str
    detail: str
    receive_count: int
    dead_lettered: bool
