"""Handling: batches through the sink, and what became of single messages."""

from __future__ import annotations

from typing import ClassVar

from worker.facts.counting import ages, counter, gauge, histogram, uncounted
from worker.facts.fact import Fact, Level, fact
from worker.trace import Trace  # noqa: TC001 - facts can be asked for the types of their fields

ROWS = (1, 2, 5, 10, 25, 50, 100, 200, 300, 400, 500, 1000, 2500, 5000)
BYTES = tuple(4**n * 1024 for n in range(8))
"""1 KiB to 16 MiB."""
WORK_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
CALLS_HANGING = gauge("calls_hanging", "Such calls that go on; each keeps a place.", shows="hanging")


@histogram("sink_batch_rows", "Records in one batch.", of="rows", bounds=ROWS)
@histogram("sink_batch_bytes", "Bytes in one batch.", of="bytes", bounds=BYTES)
@histogram("decode_duration_seconds", "Decoding one batch.", of="decode_seconds", bounds=WORK_SECONDS)
@histogram("sink_write_duration_seconds", "Writing one batch.", of="write_seconds", bounds=WORK_SECONDS)
@counter("sink_writes", "Writes asked of the sink, halves of split batches included.", adds="writes")
@counter("sink_records_accepted", "Records the sink took for good.", adds="accepted", given="accepted")
@gauge("last_success_timestamp_seconds", "When the sink last accepted a record.", shows="finished_at", given="accepted")
@ages("message_end_to_end_seconds", "From sent to accepted by the sink.", since="sent_at", until="finished_at")
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


@counter("sink_splits", "Batches halved to find the record the sink refuses.", "code")
@fact(frozen=True, slots=True)
class BatchSplit(Fact):
    """The sink refused something in a batch; it is halved to find the bad record."""

    level: ClassVar[Level] = "warning"
    damped: ClassVar[bool] = True
    pipeline: str
    rows: int
    code: str


@uncounted("its messages are counted as released")
@fact(frozen=True, slots=True)
class WaitingGivenBack(Fact):
    """Every handler is in a long call: what waited behind them for `seconds` goes back, for another worker to begin."""

    pipeline: str
    count: int
    seconds: float


@counter("suspects", "Messages handled alone, since a process may have crashed on them.")
@fact(frozen=True, slots=True)
class SuspectTried(Fact):
    """A message that was received before, perhaps by a process that it ended, is handled with nothing else in hand.

    The last line of a process that has crashed names what it was doing.
    """

    pipeline: str
    message_id: str
    receive_count: int


@counter("sink_holds", "Tries of rows the sink did not take while it took others.", "code")
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


@counter("sink_outages", "Times the sink went away.", "code")
@fact(frozen=True, slots=True)
class SinkLost(Fact):
    """The sink is away, for all that is known: receiving stops, leases are kept, one batch at a time keeps trying."""

    level: ClassVar[Level] = "error"
    pipeline: str
    code: str
    detail: str


@counter("sink_probes", "Tries to reach a sink that was still away.", "code")
@fact(frozen=True, slots=True)
class SinkProbed(Fact):
    """The sink is still away; the next try is in `retry_in` seconds."""

    level: ClassVar[Level] = "warning"
    damped: ClassVar[bool] = True
    pipeline: str
    code: str
    detail: str
    retry_in: float


@counter("sink_outage_seconds", "Time the sink was away, outages that ended.", adds="seconds")
@fact(frozen=True, slots=True)
class SinkRestored(Fact):
    """The sink took a batch again after `seconds`."""

    pipeline: str
    seconds: float


@counter("retries", "Messages sent back for later, by reason.", "reason")
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


@uncounted("its messages are counted as retried")
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


@counter("calls_hung", "Calls of your function that did not end within their limit, nor soon after.")
@CALLS_HANGING
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


@CALLS_HANGING
@fact(frozen=True, slots=True)
class HungCallEnded(Fact):
    """A call that was given up as hanging has ended after all; what it said is not heard, its place is free again."""

    pipeline: str
    function: str
    message_id: str
    seconds: float
    hanging: int


@counter("rejections", "Messages rejected; dead_lettered says whether we sent them on.", "dead_lettered", "reason")
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
