"""Handling: batches through the sink, and what became of single messages."""

from __future__ import annotations

from typing import ClassVar

from worker.facts.counting import ages, counter, gauge, histogram, uncounted
from worker.facts.fact import Fact, Level, fact
from worker.facts.trace import Trace  # noqa: TC001 - facts can be asked for the types of their fields

ROWS = (1, 2, 5, 10, 25, 50, 100, 200, 300, 400, 500, 1000, 2500, 5000)
BYTES = tuple(4**n * 1024 for n in range(8))
"""1 KiB to 16 MiB."""
WORK_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
CALLS_HANGING = gauge("calls_hanging", "Calls of your function that hang now; each keeps a place.", shows="hanging")


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
    """One batch went through the sink, which took `accepted` of `rows` records."""

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
    """The sink refused something in a batch. The batch is halved to find the bad record; the others are written."""

    level: ClassVar[Level] = "warning"
    damped: ClassVar[bool] = True
    pipeline: str
    rows: int
    code: str


@uncounted("its messages are counted as released")
@fact(frozen=True, slots=True)
class WaitingGivenBack(Fact):
    """Every handler is in a long call. What waited behind them for `seconds` goes back, for another worker to begin."""

    pipeline: str
    count: int
    seconds: float


@counter("suspects", "Messages handled alone, since a process may have crashed on them.")
@fact(frozen=True, slots=True)
class SuspectTried(Fact):
    """A message that was received before may have crashed a process, so it is handled with nothing else in hand.

    The last such line of a process that crashed names the message that it was handling.
    """

    pipeline: str
    message_id: str
    receive_count: int


@counter("sink_holds", "Tries to write rows that the sink does not take while it takes others.", "code")
@fact(frozen=True, slots=True)
class BatchHeld(Fact):
    """The sink takes other rows but not these, for `code`. They are kept and tried again in `retry_in` seconds."""

    level: ClassVar[Level] = "warning"
    damped: ClassVar[bool] = True
    pipeline: str
    code: str
    detail: str
    rows: int
    retry_in: float


@counter("sink_outages", "Times the sink became unavailable.", "code")
@fact(frozen=True, slots=True)
class SinkLost(Fact):
    """The sink is unavailable, for `code` and `detail`. Bring it back; the worker need not be restarted.

    Meanwhile receiving stops, leases are kept, and one batch at a time keeps trying. No receive count is spent.
    """

    level: ClassVar[Level] = "error"
    pipeline: str
    code: str
    detail: str


@counter("sink_probes", "Tries to reach a sink that was still unavailable.", "code")
@fact(frozen=True, slots=True)
class SinkProbed(Fact):
    """The sink is still unavailable. The next try is in `retry_in` seconds."""

    level: ClassVar[Level] = "warning"
    damped: ClassVar[bool] = True
    pipeline: str
    code: str
    detail: str
    retry_in: float


@counter("sink_outage_seconds", "Time the sink was unavailable, in outages that ended.", adds="seconds")
@fact(frozen=True, slots=True)
class SinkRestored(Fact):
    """The sink took a batch again after `seconds`; receiving goes on."""

    pipeline: str
    seconds: float


@counter("retries", "Messages sent back for later, by reason.", "reason")
@fact(frozen=True, slots=True)
class MessageRetried(Fact):
    """A message failed for `reason` and is tried again after `delay` seconds; on a FIFO queue it stays in hand."""

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
    """Your function raised something else than `Retry` or `Reject`, at `place`; its messages are tried again."""

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
    """A call of your function is over its limit and has not ended. It keeps its place, and its messages stay in hand.

    `hanging` of `slots` places are held like this. When all are, nothing is handled and only a restart helps. Give
    what the function waits for a timeout of its own.
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
    """A hanging call has ended after all. Its place is free again; what it returned or raised is not used."""

    pipeline: str
    function: str
    message_id: str
    seconds: float
    hanging: int


@counter("rejections", "Messages rejected; dead_lettered says whether we sent them on.", "dead_lettered", "reason")
@fact(frozen=True, slots=True)
class MessageRejected(Fact):
    """A message is rejected for `reason`: dead-lettered, or left to the redrive policy (`dead_lettered` false)."""

    level: ClassVar[Level] = "warning"
    damped: ClassVar[bool] = True
    pipeline: str
    message_id: str
    reason: str
    detail: str
    receive_count: int
    dead_lettered: bool
